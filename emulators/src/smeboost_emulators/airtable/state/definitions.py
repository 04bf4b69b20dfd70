"""A base as a seed describes it: the Meta API's own shape, where ids may be missing.

msgspec checks types and names the place of a fault, e.g. `$.bases[0].tables[2].fields[1].name`. Keys that are not
named here are ignored, as the vendor adds some now and then.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from smeboost_emulators.airtable.state.access import BaseAccess, Level, TokenOwner, Workspace

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class SortDefinition(msgspec.Struct, rename="camel"):
    field: str
    direction: Literal["asc", "desc"] = "asc"


class ViewDefinition(msgspec.Struct, rename="camel"):
    """`sort`, `record_ids` and `filter_by_formula` are ours: the Meta API does not show them."""

    name: str = "Grid view"
    type: str = "grid"
    id: str | None = None
    visible_field_ids: list[str] | None = None
    sort: list[SortDefinition] = []
    record_ids: list[str] | None = None
    filter_by_formula: str | None = None


class FieldDefinition(msgspec.Struct, rename="camel"):
    name: str
    type: str
    id: str | None = None
    description: str | None = None
    options: dict[str, Any] | None = None


class TableDefinition(msgspec.Struct, rename="camel"):
    """`api_endpoint_sync_id` is ours: it makes the table one that is filled by CSV, see `csvsync/`."""

    name: str
    fields: list[FieldDefinition]
    id: str | None = None
    description: str | None = None
    primary_field_id: str | None = None
    date_dependency_settings: dict[str, Any] | None = None
    api_endpoint_sync_id: str | None = None
    views: list[ViewDefinition] = []


class BaseDefinition(msgspec.Struct, rename="camel"):
    name: str
    tables: list[TableDefinition] = []
    id: str | None = None
    permission_level: Level = "create"
    access: BaseAccess = BaseAccess()


class RecordDefinition(msgspec.Struct, gc=False, rename="camel"):
    """`fields` are decoded later, one record at a time."""

    id: str | None = None
    created_time: str | None = None
    fields: msgspec.Raw = msgspec.Raw(b"{}")


class CommentDefinition(msgspec.Struct, rename="camel"):
    """A comment as the API shows it; most of it may be left out."""

    text: str
    author: dict[str, str]
    id: str | None = None
    created_time: _Moment | None = None
    last_updated_time: _Moment | None = None
    parent_comment_id: str | None = None
    reactions: list[dict[str, Any]] = []
    attachments: list[dict[str, Any]] = []


class SeedBase(BaseDefinition, rename="camel"):
    """A base with its records by table id or name, their comments by record id, and the people in them."""

    records: dict[str, list[RecordDefinition]] = {}
    comments: dict[str, list[CommentDefinition]] = {}
    collaborators: list[dict[str, Any]] = []


class Account(msgspec.Struct):
    """What belongs to no base."""

    workspaces: list[Workspace] = []
    tokens: list[TokenOwner] = []


class Seed(Account, kw_only=True):
    bases: list[SeedBase]
