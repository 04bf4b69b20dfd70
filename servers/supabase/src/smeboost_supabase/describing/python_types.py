"""Python types of a schema: pydantic models of rows, or TypedDicts of what REST gives and takes.

Any name of the database is kept: a pydantic field whose name Python or pydantic cannot have gets an alias, and a
TypedDict is written as a call, whose keys are texts.
"""

import json
import keyword
import re
from collections.abc import Iterable

from pydantic import BaseModel

from smeboost_supabase.describing.facts import ColumnFact, SchemaFacts, TableFact

_PARSED = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), "int"),
    **dict.fromkeys(("float4", "float8"), "float"),
    **dict.fromkeys(("timestamp", "timestamptz"), "datetime.datetime"),
    **dict.fromkeys(("time", "timetz"), "datetime.time"),
    **dict.fromkeys(("json", "jsonb"), "Any"),
    **dict.fromkeys(("text", "varchar", "bpchar", "citext", "name", "bytea", "char", "interval", "inet"), "str"),
    "numeric": "decimal.Decimal",
    "bool": "bool",
    "date": "datetime.date",
    "uuid": "uuid.UUID",
}
_PLAIN = _PARSED | {
    **dict.fromkeys(("timestamp", "timestamptz", "time", "timetz", "date", "uuid"), "str"),
    "numeric": "float",
}
_PYDANTIC = """\
import datetime
import decimal
import uuid
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
"""
_TYPED_DICT = """\
from typing import Any, Literal, NotRequired, TypedDict
"""


def pydantic_models(facts: SchemaFacts) -> str:
    """The text of a module with one model for each table, view and composite type, for rows as they are read."""
    names = _Names()
    enums, texts = _enums(facts, names)
    named = [(one.name, one.columns) for one in facts.composites] + [(one.name, one.columns) for one in facts.tables]
    for name, columns in named:
        fields = "".join(f"    {field}\n" for field in _model_fields(columns, enums, facts.schema_))
        config = "    model_config = ConfigDict(populate_by_name=True, protected_namespaces=())\n\n"
        texts.append(f"class {names.new(name)}(BaseModel):\n{config}{fields}")
    return "\n\n".join([_PYDANTIC, *texts])


def typed_dicts(facts: SchemaFacts) -> str:
    """The text of a module with TypedDicts for reading, inserting and updating rows through REST."""
    names = _Names()
    enums, texts = _enums(facts, names)
    for table in facts.tables:
        name = names.new(table.name)
        given = {column.name: _type(column, _PLAIN, enums, facts.schema_) for column in table.columns}
        texts.append(_typed_dict(name, given))
        if table.insertable:
            texts.append(_typed_dict(f"{name}Insert", _to_insert(table, given)))
        if table.updatable:
            texts.append(_typed_dict(f"{name}Update", {key: f"NotRequired[{kind}]" for key, kind in given.items()}))
    return "\n\n".join([_TYPED_DICT, *texts])


def _to_insert(table: TableFact, given: dict[str, str]) -> dict[str, str]:
    wanted = [column for column in table.columns if column.identity != "a" and not column.generated]
    return {
        column.name: f"NotRequired[{given[column.name]}]"
        if column.nullable or column.default is not None or column.identity
        else given[column.name]
        for column in wanted
    }


def _enums(facts: SchemaFacts, names: "_Names") -> tuple[dict[str, str], list[str]]:
    enums = {one.name: names.new(one.name) for one in facts.enums}
    texts = [f"{enums[one.name]} = Literal[{', '.join(map(_text, one.labels))}]\n" for one in facts.enums]
    return enums, texts


def _model_fields(columns: Iterable[ColumnFact], enums: dict[str, str], schema: str) -> list[str]:
    taken: set[str] = set()
    lines: list[str] = []
    for column in columns:
        name = _field_name(column.name, taken)
        taken.add(name)
        kind = _type(column, _PARSED, enums, schema)
        lines.append(f"{name}: {kind}" + ("" if name == column.name else f" = Field(alias={_text(column.name)})"))
    return lines or ["pass"]


def _field_name(name: str, taken: set[str]) -> str:
    plain = re.sub(r"\W", "_", name).lstrip("_") or "field"
    if plain[0].isdigit():
        plain = f"field_{plain}"
    # A field named like a module that the annotations use would hide it.
    if keyword.iskeyword(plain) or hasattr(BaseModel, plain) or plain in ("datetime", "decimal", "uuid"):
        plain += "_"
    while plain in taken:
        plain += "_"
    return plain


def _type(column: ColumnFact, plain: dict[str, str], enums: dict[str, str], schema: str) -> str:
    own = enums.get(column.type_name) if column.type_schema == schema else None
    kind = own or plain.get(column.base, "Any")
    kind = f"list[{kind}]" if column.is_array else kind
    return f"{kind} | None" if column.nullable and kind != "Any" else kind


def _typed_dict(name: str, fields: dict[str, str]) -> str:
    lines = "".join(f"        {_text(key)}: {kind},\n" for key, kind in fields.items())
    return f"{name} = TypedDict(\n    {_text(name)},\n    {{\n{lines}    }},\n)\n"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


class _Names:
    """Class names, each given once."""

    def __init__(self) -> None:
        self._taken = {"Any", "Literal", "NotRequired", "TypedDict", "BaseModel", "ConfigDict", "Field", "None", "True"}

    def new(self, name: str) -> str:
        """A class name for a table or type called `name`."""
        words = re.split(r"[\W_]+", name)
        made = "".join(word[:1].upper() + word[1:] for word in words) or "Unnamed"
        made = f"T{made}" if made[0].isdigit() else made
        chosen, number = made, 2
        while any(taken in self._taken for taken in (chosen, f"{chosen}Insert", f"{chosen}Update")):
            chosen, number = f"{made}{number}", number + 1
        self._taken |= {chosen, f"{chosen}Insert", f"{chosen}Update"}
        return chosen
