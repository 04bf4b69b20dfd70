"""The facts of one schema, each kind read with one query of the catalogue: the `.sql` files beside this module."""

from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from smeboost_supabase.catalogue import check_schema
from smeboost_supabase.database import Database

OBJECTS_MAX = 1000
"""Tables, and functions, that are read at most."""


class Fact(BaseModel):
    """One thing of the catalogue."""

    model_config = ConfigDict(frozen=True)


class ColumnFact(Fact):
    """A column; `type_schema` and `type_name` name the element's type when `dimensions` is not zero."""

    name: str
    type: str
    type_schema: str
    type_name: str
    is_array: bool
    kind: str = Field(description="pg_type.typtype of the (element's) type: b, c, d, e, r")
    base: str = Field(description="the built-in type under a domain, else type_name")
    nullable: bool
    default: str | None
    identity: Literal["", "a", "d"]
    generated: bool
    comment: str | None = None


class KeyFact(Fact):
    """A foreign key."""

    name: str
    columns: list[str]
    schema_: str = Field(alias="schema")
    table: str
    referenced: list[str]
    one_to_one: bool


class PolicyFact(Fact):
    """A row level security policy."""

    name: str
    command: str
    roles: list[str]
    permissive: bool
    using: str | None
    check: str | None


class TableFact(Fact):
    """A table or view with what hangs on it."""

    name: str
    kind: Literal["table", "view", "materialized view", "foreign table"]
    rls: bool
    forced: bool
    estimate: int | None
    insertable: bool
    updatable: bool
    comment: str | None
    columns: list[ColumnFact]
    primary_key: list[str]
    foreign_keys: list[KeyFact]
    constraints: list[str]
    indexes: list[str]
    policies: list[PolicyFact]
    triggers: list[str]
    grants: dict[str, list[str]]


class EnumFact(Fact):
    """An enumerated type and its labels in their order."""

    name: str
    labels: list[str]


class CompositeFact(Fact):
    """A composite type."""

    name: str
    columns: list[ColumnFact]


class ArgumentFact(Fact):
    """An argument of a function, or a column of what it returns."""

    name: str
    type_schema: str
    type_name: str
    is_array: bool
    kind: str
    base: str
    has_default: bool = False


class FunctionFact(Fact):
    """A function or procedure."""

    name: str
    kind: Literal["function", "procedure"]
    arguments: str
    returns: str
    volatility: str
    security_definer: bool
    is_trigger: bool
    inputs: list[ArgumentFact]
    outputs: list[ArgumentFact]
    result: ArgumentFact
    result_table: str | None
    returns_set: bool
    may: list[str] = Field(description="roles of the API that may call it")


class SchemaFacts(Fact):
    """One schema."""

    schema_: str
    tables: list[TableFact]
    enums: list[EnumFact]
    composites: list[CompositeFact]
    functions: list[FunctionFact]
    truncated: bool


def _query(name: str) -> bytes:
    return (files("smeboost_supabase.describing") / f"{name}.sql").read_bytes()


_TABLES, _ENUMS, _COMPOSITES, _FUNCTIONS = (_query(name) for name in ("tables", "enums", "composites", "functions"))


async def read_facts(database: Database, schema: str, tables: list[str] | None = None) -> SchemaFacts:
    """The facts of `schema`; with `tables` of those tables only, and then without functions and types.

    Raises:
        InvalidInput: no such schema.
        Misconfigured, NotPermitted, VendorTimeout, VendorUnavailable: as `Database.ask` does.
    """
    await check_schema(database, schema)
    asked = {"schema": schema, "tables": tables, "limit": OBJECTS_MAX + 1}
    found = await database.ask(_TABLES, asked)
    whole = tables is None
    functions: list[dict[str, Any]] = await database.ask(_FUNCTIONS, asked) if whole else []
    composites = await database.ask(_COMPOSITES, asked) if whole else []
    return SchemaFacts(
        schema_=schema,
        tables=[TableFact.model_validate(row) for row in found[:OBJECTS_MAX]],
        enums=[EnumFact.model_validate(row) for row in await database.ask(_ENUMS, asked)],
        composites=[CompositeFact.model_validate(row) for row in composites],
        functions=[FunctionFact.model_validate(row) for row in functions[:OBJECTS_MAX]],
        truncated=max(len(found), len(functions)) > OBJECTS_MAX,
    )
