"""Arguments that several tools have."""

from typing import Annotated

from pydantic import Field

BaseId = Annotated[str, Field(description="app...")]
TableId = Annotated[str, Field(description="tbl... or name")]
RecordId = Annotated[str, Field(description="rec...")]
Typecast = Annotated[bool, Field(description="Convert values, add choices")]
DryRun = Annotated[bool, Field(description="Only give the changes")]
