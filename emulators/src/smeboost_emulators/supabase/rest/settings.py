"""Settings of REST, under PostgREST's names where they mean the same here."""

from typing import Literal

from pydantic import Field, field_validator
from smeboost_shared.settings import Settings


class RestSettings(Settings):
    """What of the database is shown, and how much of it at once."""

    db_schemas: str = Field(
        "public", validation_alias="PGRST_DB_SCHEMAS", description="comma-separated; first: default"
    )
    db_extra_search_path: str = Field("public,extensions", validation_alias="PGRST_DB_EXTRA_SEARCH_PATH")
    db_max_rows: int = Field(1000, ge=1, validation_alias="PGRST_DB_MAX_ROWS")
    db_tx_end: Literal["commit", "commit-allow-override", "rollback", "rollback-allow-override"] = Field(
        "commit", validation_alias="PGRST_DB_TX_END", description="how transactions end, and whether Prefer: tx decides"
    )
    db_plan_enabled: bool = Field(
        False, validation_alias="PGRST_DB_PLAN_ENABLED", description="whether clients may see execution plans"
    )
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

    @property
    def tx_default(self) -> str:
        """How a transaction ends that nobody chose an end for: `commit` or `rollback`."""
        return self.db_tx_end.partition("-")[0]

    @property
    def tx_is_chosen(self) -> bool:
        """Whether a request may choose."""
        return self.db_tx_end.endswith("-allow-override")
