"""What the tools take and give.

Airtable's camelCase is read through validation aliases; what leaves this server has the names below.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, JsonValue, TypeAdapter, field_serializer
from pydantic_core import core_schema
from smeboost_shared.errors import ErrorBody

FieldValues = dict[str, JsonValue]

# What came as JSON is JSON: to check each cell again, and once more on its way out, costs a page a quarter of its time.
# To those who read the schema it is still JsonValue.
_JSON_VALUE: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
Cell = Annotated[
    JsonValue,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.any_schema(), lambda _schema, handler: handler(_JSON_VALUE.core_schema)
    ),
]


class Answer(BaseModel):
    """Base of everything read from Airtable: frozen; keys that we do not know are ignored."""

    model_config = ConfigDict(frozen=True, validate_by_name=True)


def _is_none(value: object) -> bool:
    return value is None


def _is_nothing(value: list[object]) -> bool:
    return not value


class Base(Answer):
    """A base the token may use; `permission_level` is none, read, comment, edit or create."""

    id: str
    name: str
    permission_level: str = Field(validation_alias="permissionLevel")


class TableField(Answer):
    """A field. `options` depends on `type`, e.g. `choices` of a select, `linkedTableId` of a link."""

    id: str
    name: str
    type: str
    description: str | None = Field(None, exclude_if=_is_none)
    options: dict[str, JsonValue] | None = Field(None, exclude_if=_is_none)


class View(Answer):
    id: str
    name: str
    type: str


class Table(Answer):
    id: str
    name: str
    description: str | None = Field(None, exclude_if=_is_none)
    primary_field_id: str = Field(validation_alias="primaryFieldId")
    fields: list[TableField]
    views: list[View] = []


class Record(Answer):
    """A record; empty cells are absent from `fields`."""

    id: str
    created_time: str = Field(validation_alias="createdTime")
    fields: dict[str, Cell]


class Deleted(Answer):
    id: str
    deleted: bool


# What Airtable's endpoints answer with.


class BasesAnswer(Answer):
    bases: list[Base]
    offset: str | None = None


class TablesAnswer(Answer):
    tables: list[Table]


class RecordsAnswer(Answer):
    records: list[Record]
    offset: str | None = None


class UpsertAnswer(Answer):
    records: list[Record]
    created: list[str] = Field(validation_alias="createdRecords")
    updated: list[str] = Field(validation_alias="updatedRecords")


class DeletedAnswer(Answer):
    records: list[Deleted]


# What the tools take.


class Input(BaseModel):
    """Base of every argument with parts: an unknown part is an error, never dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sort(Input):
    field: Annotated[str, Field(min_length=1)]
    direction: Literal["asc", "desc"] = "asc"


class NewRecord(Input):
    fields: FieldValues


class RecordChange(Input):
    id: str
    fields: FieldValues


# What the tools give.


class BaseList(BaseModel):
    bases: list[Base]


class TableList(BaseModel):
    tables: list[Table]


class RecordPage(BaseModel):
    """One page; `cursor` is null on the last."""

    records: list[Record]
    cursor: str | None = None


class Failure(BaseModel):
    """An item that was surely not written; `index` is its place in the call, from 0."""

    index: int
    error: ErrorBody

    @field_serializer("error")
    def _without_nulls(self, error: ErrorBody) -> dict[str, JsonValue]:
        return error.model_dump(mode="json", exclude_none=True)


class Probable(BaseModel):
    """An item that got no answer; record `id` was made since then with exactly these values."""

    index: int
    id: str


class Outcome(BaseModel):
    """`failed` were surely not written; `unknown` (places in the call) may have been: look before repeating.

    `probable` is there when it has something to say.
    """

    failed: list[Failure] = []
    unknown: list[int] = []
    probable: list[Probable] = Field([], exclude_if=_is_nothing)


class WriteOutcome(Outcome):
    records: list[Record]


class UpsertOutcome(WriteOutcome):
    created: list[str]
    updated: list[str]


class DeleteOutcome(Outcome):
    deleted: list[str]
