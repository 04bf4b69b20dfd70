"""Arguments that several tools have."""

from typing import Annotated

from pydantic import Field

BaseId = Annotated[str, Field(description="Base id (app...)")]
TableId = Annotated[str, Field(description="Table id (tbl...) or name")]
RecordId = Annotated[str, Field(description="Record id (rec...)")]
Typecast = Annotated[bool, Field(description="Let Airtable convert values and add missing select choices")]
