"""Settings of REST, under PostgREST's names where they mean the same here."""

import os
import re
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from smeboost_shared.settings import Settings

from smeboost_emulators.supabase.rest.role_claims import RolePath, parse_role_path

_APP_SETTINGS = "PGRST_APP_SETTINGS_"


def _app_settings() -> dict[str, SecretStr]:
    """The variables whose names only the project's own functions know."""
    return {
        name.removeprefix(_APP_SETTINGS).lower(): SecretStr(value)
        for name, value in os.environ.items()
        if name.startswith(_APP_SETTINGS) and len(name) > len(_APP_SETTINGS)
    }


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
    db_aggregates_enabled: bool = Field(
        False, validation_alias="PGRST_DB_AGGREGATES_ENABLED", description="whether clients may aggregate rows"
    )
    db_plan_enabled: bool = Field(
        False, validation_alias="PGRST_DB_PLAN_ENABLED", description="whether clients may see execution plans"
    )
    db_config: bool = Field(
        True, validation_alias="PGRST_DB_CONFIG", description="whether `alter role authenticator set pgrst...` counts"
    )
    db_anon_role: str = Field(
        "anon", validation_alias="PGRST_DB_ANON_ROLE", description="role of a token that names none; empty: nobody"
    )
    db_pre_request: str = Field(
        "", validation_alias="PGRST_DB_PRE_REQUEST", description="a function to call in every transaction: schema.name"
    )
    db_root_spec: str = Field(
        "", validation_alias="PGRST_DB_ROOT_SPEC", description="a function that answers the root instead of OpenAPI"
    )
    openapi_mode: Literal["follow-privileges", "ignore-privileges", "disabled"] = Field(
        "follow-privileges", validation_alias="PGRST_OPENAPI_MODE", description="what the root describes"
    )
    openapi_server_proxy_uri: str = Field(
        "", validation_alias="PGRST_OPENAPI_SERVER_PROXY_URI", description="the url that the root's document names"
    )
    jwt_aud: str = Field("", validation_alias="PGRST_JWT_AUD", description="the audience that a token must be for")
    jwt_role_claim_key: str = Field(
        ".role", validation_alias="PGRST_JWT_ROLE_CLAIM_KEY", description="where in the claims the role is"
    )
    app_settings: dict[str, SecretStr] = Field(
        default_factory=_app_settings,
        validation_alias="PGRST_APP_SETTINGS",
        description="a JSON object, or PGRST_APP_SETTINGS_* for each: app.settings.* of every transaction",
    )
    rest_body_max_bytes: int = Field(16_777_216, ge=1, validation_alias="SUPABASE_REST_BODY_MAX_BYTES")

    @field_validator("db_schemas")
    @classmethod
    def _at_least_one(cls, names: str) -> str:
        if not names.replace(",", " ").split():
            raise ValueError("names no schema; set it to e.g. public")
        return names

    @field_validator("db_pre_request", "db_root_spec")
    @classmethod
    def _function(cls, name: str) -> str:
        if name and not re.fullmatch(r"[^.\0]{1,63}(\.[^.\0]{1,63})?", name):
            raise ValueError("is not a function's name like schema.name")
        return name

    @field_validator("jwt_role_claim_key")
    @classmethod
    def _role_path(cls, text: str) -> str:
        parse_role_path(text)
        return text

    @property
    def role_path(self) -> RolePath:
        """Where in the claims the role is."""
        return parse_role_path(self.jwt_role_claim_key)

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
