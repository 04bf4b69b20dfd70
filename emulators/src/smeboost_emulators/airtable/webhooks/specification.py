"""What a webhook wants to hear of: https://airtable.com/developers/web/api/model/webhooks-specification.

Rules of this room:

- Tables, views and fields are named by id, never by name [D]. An id that the base does not have is refused at creation
  with `INVALID_FILTERS` [E]; one that goes away later ends the webhook with an error payload of that code [D].
- A field that is only named in `includeCellValuesInFieldIds` may go away; it is then ignored [D].
- null is the same as leaving a key out [I]; a key that the vendor does not document is refused [I].
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from smeboost_emulators.airtable.errors import ApiError, invalid_request, typed
from smeboost_emulators.airtable.state.schema import Base, Field, Table

FIELDS_MAX = 500
"""Field ids in one list: as many as a table may have [I]."""
WORDS_MAX = 20
"""Data types, change types or sources in one list: more than there are."""
UNWATCHABLE_VIEWS = frozenset({"form", "list"})
"""Views of these types cannot be a scope [D]."""

DataType: TypeAlias = Literal["tableData", "tableFields", "tableMetadata"]
ChangeType: TypeAlias = Literal["add", "remove", "update"]
Source: TypeAlias = Literal[
    "client",
    "publicApi",
    "formSubmission",
    "formPageSubmission",
    "automation",
    "system",
    "sync",
    "anonymousUser",
    "unknown",
]
_FieldIds: TypeAlias = Annotated[list[str], Meta(max_length=FIELDS_MAX)]


class _Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    pass


class FormSubmission(_Part, frozen=True):
    view_id: str


class FormPageSubmission(_Part, frozen=True):
    page_id: str


class SourceOptions(_Part, frozen=True):
    form_submission: FormSubmission | None = None
    form_page_submission: FormPageSubmission | None = None


class Filters(_Part, frozen=True):
    data_types: Annotated[list[DataType], Meta(min_length=1, max_length=WORDS_MAX)]
    change_types: Annotated[list[ChangeType], Meta(max_length=WORDS_MAX)] | None = None
    record_change_scope: str | None = None
    from_sources: Annotated[list[Source], Meta(max_length=WORDS_MAX)] | None = None
    source_options: SourceOptions | None = None
    watch_data_in_field_ids: _FieldIds | None = None
    watch_schemas_of_field_ids: _FieldIds | None = None


class Includes(_Part, frozen=True):
    include_cell_values_in_field_ids: _FieldIds | Literal["all"] | None = None
    include_previous_cell_values: bool | None = None
    include_previous_field_definitions: bool | None = None


class Options(_Part, frozen=True):
    filters: Filters
    includes: Includes | None = None


class Specification(_Part, frozen=True):
    options: Options

    @property
    def filters(self) -> Filters:
        return self.options.filters

    @property
    def includes(self) -> Includes:
        return self.options.includes or Includes()


@dataclass(frozen=True, slots=True)
class Scope:
    """The table that record changes are reported of, and the view when it is narrower."""

    table: Table
    view_id: str | None = None


def read_specification(value: object) -> Specification:
    """The specification in a request.

    Raises:
        ApiError: 422 that says where it is wrong.
    """
    try:
        return msgspec.convert(value, Specification)
    except msgspec.ValidationError as exc:
        raise invalid_request(f"specification: {exc}.") from None


def check_specification(specification: Specification, base: Base) -> None:
    """Whether everything it names is there.

    Raises:
        ApiError: 422 that names the first id which is not.
    """
    scope = scope_of(specification, base)
    named = specification.filters.record_change_scope
    if named is not None and scope is None:
        raise _invalid_filters(f"recordChangeScope: {named} is not a table or view of this base")
    if scope is not None and any(
        view.id == scope.view_id and view.type in UNWATCHABLE_VIEWS for view in scope.table.views
    ):
        raise _invalid_filters(f"recordChangeScope: {named} is a form or a list, which cannot be watched")
    tables = list(base.tables.values()) if scope is None else [scope.table]
    filters, included = specification.filters, specification.includes.include_cell_values_in_field_ids
    _check_fields("watchDataInFieldIds", filters.watch_data_in_field_ids, tables)
    _check_fields("watchSchemasOfFieldIds", filters.watch_schemas_of_field_ids, tables)
    _check_fields("includeCellValuesInFieldIds", None if included == "all" else included, tables)
    submitted = filters.source_options and filters.source_options.form_submission
    if submitted and not any(view.id == submitted.view_id for table in tables for view in table.views):
        raise _invalid_filters(f"sourceOptions.formSubmission: {submitted.view_id} is not a view of this base")


def is_lost(specification: Specification, base: Base) -> bool:
    """Whether its table, its view or a field that it watches is gone."""
    filters = specification.filters
    if filters.record_change_scope is not None and scope_of(specification, base) is None:
        return True
    watched = [*(filters.watch_data_in_field_ids or ()), *(filters.watch_schemas_of_field_ids or ())]
    return bool(watched) and not all(_has_field(base.tables.values(), field_id) for field_id in watched)


def scope_of(specification: Specification, base: Base) -> Scope | None:
    """The table or view that it is restricted to; None when it has no restriction or that is gone."""
    named = specification.filters.record_change_scope
    if named is None:
        return None
    if named in base.tables:
        return Scope(base.tables[named])
    owners = (table for table in base.tables.values() for view in table.views if view.id == named)
    return next((Scope(table, named) for table in owners), None)


def watched_fields(specification: Specification, table: Table) -> Iterator[Field]:
    """The fields of a table whose data is watched: those that are named, or all when none is."""
    named = specification.filters.watch_data_in_field_ids
    return (field for field in table.fields if named is None or field.id in named)


def _check_fields(key: str, field_ids: Iterable[str] | None, tables: list[Table]) -> None:
    for field_id in field_ids or ():
        if not _has_field(tables, field_id):
            raise _invalid_filters(f"{key}: {field_id} is not the id of a field that this webhook can watch")


def _has_field(tables: Iterable[Table], field_id: str) -> bool:
    fields = (table.fields_by_key.get(field_id) for table in tables)
    return any(field is not None and field.id == field_id for field in fields)


def _invalid_filters(detail: str) -> ApiError:
    return typed(422, "INVALID_FILTERS", f"The specification of the webhook is invalid. {detail}.")
