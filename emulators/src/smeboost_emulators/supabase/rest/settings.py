"""Settings of REST, under PostgREST's names where they mean the same here."""

from pydantic import Field, field_validator
from smeboost_shared.settings import Settings


class RestSettings(Settings):
    """What of the database is shown, and how much of it at once."""

    db_schemas: str = Field(
        "public", validation_alias="PGRST_DB_SCHEMAS", description="comma-separated; first: default"
    )
    db_extra_search_path: str = Field("public,extensions", validation_alias="PGRST_DB_EXTRA_SEARCH_PATH")
    db_max_rows: int = Field(1000, ge=1, validation_alias="PGRST_DB_MAX_ROWS")
    rest_body_max_bytes: int = Field(16_777_216, ge=1, validation_alias="SUPABASE_REST_BODY_MAX_BYTES")

    @field_validator("db_schemas")
    @classmethod
    def _at_least_one(cls, names: str) -> str:
        if not names.replace(",", " ").split():
            raise ValueError("names no schema; set it to e.g. public")
        return names

    @property
    def schemas(self) -> tuple[str, ...]:
        """The exposed schemas, the default one first."""
        return tuple(name.strip() for name in self.db_schemas.split(",") if name.strip())

    @property
    def extra_search_path(self) -> tuple[str, ...]:
        """Schemas that are searched for functions and types after the exposed one."""
        return tuple(name.strip() for name in self.db_extra_search_path.split(",") if name.strip())
