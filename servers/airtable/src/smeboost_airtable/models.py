"""What the tools take and give.

Airtable's camelCase is read through validation aliases; what leaves this server has the names below.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    JsonValue,
    RootModel,
    TypeAdapter,
    WithJsonSchema,
    field_serializer,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import core_schema
from smeboost_shared.errors import ErrorBody, FieldProblem

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


def _is_none(value: object) -> bool:
    return value is None


# What is absent rather than null when there is none, so its schema need not speak of null.
MaybeText = Annotated[str | None, Field(exclude_if=_is_none), WithJsonSchema({"type": "string"})]
MaybeNumber = Annotated[int | None, Field(exclude_if=_is_none), WithJsonSchema({"type": "integer"})]
MaybeObject = Annotated[dict[str, JsonValue] | None, Field(exclude_if=_is_none), WithJsonSchema({"type": "object"})]


A_LIST: JsonDict = {"type": "array"}
"""What is said of a list that is seldom there: a listing is read in every conversation."""


class Answer(BaseModel):
    """Base of everything read from Airtable: frozen; keys that we do not know are ignored."""

    model_config = ConfigDict(frozen=True, validate_by_name=True)


def _is_false(value: object) -> bool:
    return value is False


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
    description: MaybeText = None
    options: MaybeObject = None


class View(Answer):
    id: str
    name: str
    type: str


class Table(Answer):
    id: str
    name: str
    description: MaybeText = None
    primary_field_id: str = Field(validation_alias="primaryFieldId")
    fields: list[TableField]
    views: list[View] = []


class Record(Answer):
    """A record; empty cells are absent from `fields`."""

    id: str
    created_time: str = Field(validation_alias="createdTime")
    fields: dict[str, Cell]


class ListedRecord(Record):
    """A record of a list; `comment_count` is there when it was asked for."""

    comment_count: MaybeNumber = Field(None, validation_alias="commentCount")


class Deleted(Answer):
    id: str
    deleted: bool


class Author(Answer):
    id: str
    email: MaybeText = None
    name: MaybeText = None


class Comment(Answer):
    """A comment; `mentioned` says by id who is meant by `@[usr...]` in the text."""

    id: str
    author: Author
    text: str
    created_time: str = Field(validation_alias="createdTime")
    last_updated_time: MaybeText = Field(default=None, validation_alias="lastUpdatedTime")
    parent_comment_id: MaybeText = Field(default=None, validation_alias="parentCommentId")
    mentioned: MaybeObject = None
    reactions: Cell = Field(default=None, exclude_if=_is_none)


class Attachment(Answer):
    """A file in a cell; `url` works for about two hours."""

    id: str
    filename: str
    url: str
    size: MaybeNumber = None
    type: MaybeText = None


class Webhook(Answer):
    id: str
    notification_url: str | None = Field(None, validation_alias="notificationUrl")
    is_enabled: bool = Field(validation_alias="isHookEnabled")
    notifies: bool = Field(validation_alias="areNotificationsEnabled")
    next_cursor: int = Field(validation_alias="cursorForNextPayload")
    expires_at: MaybeText = Field(default=None, validation_alias="expirationTime")
    last_notification: JsonValue = Field(None, validation_alias="lastNotificationResult", exclude_if=_is_none)
    specification: dict[str, JsonValue]


# What Airtable's endpoints answer with.


class Nothing(Answer):
    """An answer that says no more than that it was done."""

    @model_validator(mode="before")
    @classmethod
    def _from_an_empty_body(cls, value: object) -> object:
        return {} if value is None else value


class Anything(RootModel[JsonValue]):
    """An answer that is handed on as it is."""


class WhoAmI(Answer):
    id: str
    email: MaybeText = None
    scopes: list[str] | None = Field(None, exclude_if=_is_none)


class CommentsAnswer(Answer):
    comments: list[Comment]
    offset: str | None = None


class UploadAnswer(Answer):
    id: str
    fields: dict[str, list[Attachment]]


class WebhooksAnswer(Answer):
    webhooks: list[Webhook]


class Refreshed(Answer):
    expires_at: str = Field(validation_alias="expirationTime")


class PayloadsAnswer(Answer):
    payloads: list[dict[str, Cell]]
    cursor: int
    might_have_more: bool = Field(validation_alias="mightHaveMore")


class NewBase(Answer):
    id: str
    tables: list[Table]


class NewWebhook(Answer):
    """`mac_secret_base64` signs the notifications and is shown only now."""

    id: str
    mac_secret_base64: str = Field(validation_alias="macSecretBase64")
    expires_at: MaybeText = Field(default=None, validation_alias="expirationTime")


class BasesAnswer(Answer):
    bases: list[Base]
    offset: str | None = None


class TablesAnswer(Answer):
    tables: list[Table]


class RecordsAnswer(Answer):
    records: list[ListedRecord]
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


@dataclass(frozen=True)
class RecordPlace:
    """Which record is meant; the table by id or name."""

    base_id: str
    table_id: str
    record_id: str


class NewField(Input):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    type: str
    description: str | None = None
    options: dict[str, JsonValue] | None = None

    def body(self) -> dict[str, JsonValue]:
        """As Airtable takes it."""
        return self.model_dump(mode="json", exclude_none=True)


class NewTable(Input):
    """The first field is the primary one."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    fields: Annotated[list[NewField], Field(min_length=1)]
    description: str | None = None

    def body(self) -> dict[str, JsonValue]:
        """As Airtable takes it."""
        return self.model_dump(mode="json", exclude_none=True)


# What the tools give.


class BaseList(BaseModel):
    bases: list[Base]


class TableList(BaseModel):
    tables: list[Table]


class RecordPage(BaseModel):
    """One page, as `records` or as `rows` under `columns`; `cursor` is null on the last.

    `restarted`: Airtable had forgotten the list, and it was read anew behind the last record that was given.
    """

    records: list[ListedRecord] = []
    columns: Annotated[list[str], WithJsonSchema(A_LIST)] = Field(default=[], exclude_if=_is_nothing)
    rows: Annotated[list[list[Cell]], WithJsonSchema(A_LIST)] = Field(default=[], exclude_if=_is_nothing)
    cursor: str | None = None
    restarted: bool = Field(default=False, exclude_if=_is_false)


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


Action = Literal["create", "update", "unchanged", "delete", "missing", "ambiguous"]


class Difference(BaseModel):
    """A cell before and after; null is empty."""

    before: Cell = None
    after: Cell = None


class Change(BaseModel):
    """What a dry run says of an item; with `problems` Airtable would refuse it."""

    index: int
    action: Action
    id: str | None = Field(default=None, exclude_if=_is_none)
    fields: dict[str, Difference] = {}
    problems: list[FieldProblem] = Field(default=[], exclude_if=_is_nothing)


class Outcome(BaseModel):
    """`failed` were surely not written; `unknown` (places in the call) may have been: look before repeating.

    `probable` and, after a dry run, `changes` are there when they have something to say.
    """

    failed: list[Failure] = []
    unknown: list[int] = []
    probable: Annotated[list[Probable], WithJsonSchema(A_LIST)] = Field(default=[], exclude_if=_is_nothing)
    changes: Annotated[list[Change], WithJsonSchema(A_LIST)] = Field(default=[], exclude_if=_is_nothing)


class WriteOutcome(Outcome):
    records: list[Record]


class UpsertOutcome(WriteOutcome):
    created: list[str]
    updated: list[str]


class DeleteOutcome(Outcome):
    deleted: list[str]


class Made(BaseModel):
    """A base, table or field as it is now; `fields` are ids by name (of a base: its tables)."""

    id: str
    name: str
    type: MaybeText = None
    description: MaybeText = None
    options: MaybeObject = None
    fields: Annotated[dict[str, str] | None, WithJsonSchema({"type": "object"})] = Field(
        default=None, exclude_if=_is_none
    )


class CommentPage(BaseModel):
    """A page of comments; `cursor` is null on the last."""

    comments: list[Comment]
    cursor: str | None = None


class AttachmentList(BaseModel):
    attachments: list[Attachment]


class WebhookChange(BaseModel):
    id: str
    done: str
    expires_at: MaybeText = None


class Access(BaseModel):
    """`role` is the owner's in the base; `scopes` says of each scope that could be tried `ok`, or why not.

    `usage` is the month's calls (`quota.Usage`), whose parts are not worth their place in a listing.
    """

    user: WhoAmI
    usage: Annotated[dict[str, JsonValue], WithJsonSchema({"type": "object"})]
    bases: int
    role: MaybeText = None
    scopes: dict[str, str]


class SyncedRows(BaseModel):
    rows: int


class AdminAnswer(BaseModel):
    """Airtable's own answer; null when it has none."""

    answer: Cell
