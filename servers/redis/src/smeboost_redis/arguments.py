"""Arguments that several tools take."""

from typing import Annotated

from pydantic import Field

NAME_CHARACTERS_MAX = 4096
TTL_SECONDS_MAX = 315_360_000
"""Ten years."""
KEYS_MAX = 100
FIELDS_MAX = 100
PAGE_MAX = 1000

KeyName = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX, description="Key")]
FieldName = Annotated[str, Field(max_length=NAME_CHARACTERS_MAX)]
Text = Annotated[str, Field(coerce_numbers_to_str=True)]
TtlSeconds = Annotated[float, Field(ge=0.001, le=TTL_SECONDS_MAX, allow_inf_nan=False)]
PageSize = Annotated[int, Field(ge=1, le=PAGE_MAX, description="About how many; large elements give fewer")]
Cursor = Annotated[str | None, Field(max_length=50, description="From the last answer, for the next page")]
