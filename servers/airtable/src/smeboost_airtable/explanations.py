"""Makes a refusal useful: which argument it is about, what the right name may be, what is missing.

Looking things up costs requests and may itself be forbidden; then the error stays as plain as Airtable's.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from smeboost_shared.errors import FieldProblem, InvalidInput, NotFound, SmeBoostError

from smeboost_airtable.blame import WRONG_VALUES, RecordsRefused, blame, misfits
from smeboost_airtable.checks import choices
from smeboost_airtable.diagnosis import WRONG_HOST_HINT, not_granted_hint, permission_hint, token_diagnosis
from smeboost_airtable.models import Base, Table
from smeboost_airtable.places import Nowhere, Places
from smeboost_airtable.refusals import Refusal, error_for
from smeboost_airtable.schema import FRESH_SECONDS, SchemaMemory, did_you_mean, find_table
from smeboost_airtable.transport import Request

PROBLEMS_MAX = 20

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A request, and what has to be known to explain its failure; `base_id` is empty for the whole account."""

    request: Request
    scope: str
    base_id: str = ""
    table_id: str | None = None
    record_id: str | None = None
    part: str | None = None
    """The argument that names what is below the base or record, such as a comment or a webhook."""
    places: Places = field(default_factory=Nowhere)

    @property
    def is_typecast(self) -> bool:
        """Whether Airtable may make other values of those given."""
        return bool((self.request.body or {}).get("typecast"))


async def explained(refusal: Refusal, operation: Operation, memory: SchemaMemory, token: str) -> SmeBoostError:
    """The error of ours for `refusal`, with the fix where we can tell it."""
    error = error_for(refusal, places=operation.places, scope=operation.scope, writes=operation.request.writes)
    if refusal.status in (401, 403, 404, 405) and not refusal.is_json:
        # Airtable's API answers in JSON whatever it is asked.
        error.hint = WRONG_HOST_HINT
    elif refusal.status == 401:
        error.hint = token_diagnosis(token)
    elif refusal.may_mean_missing and operation.base_id and (missing := await _missing(operation, memory)):
        return missing
    elif refusal.status == 403:
        bases = await _if_readable(memory.bases()) if operation.base_id else None
        error.hint = permission_hint(operation.scope, operation.base_id, bases)
    elif refusal.status == 422 and operation.table_id:
        return await _about_records(error, refusal, operation, memory)
    return error


async def missing_base(base_id: str, memory: SchemaMemory) -> NotFound | None:
    """The error for a base that the token does not see; None when it does see it or cannot list bases."""
    bases = await _if_readable(memory.bases(not_older_than_seconds=FRESH_SECONDS))
    if bases is None or any(base.id == base_id for base in bases):
        return None
    hint = _base_hint(base_id, bases) or not_granted_hint(bases)
    return NotFound(f"There is no base {base_id!r}.", hint=hint, errors=[_unknown("base_id")])


async def missing_table(base_id: str, table_id: str, memory: SchemaMemory) -> NotFound | None:
    """The error for a table that the base does not have; None when it has it or its schema cannot be read."""
    tables = await _if_readable(memory.tables(base_id, not_older_than_seconds=FRESH_SECONDS))
    if tables is None or find_table(tables, table_id):
        return None
    return no_table(table_id, tables)


def no_table(table_id: str, tables: list[Table]) -> NotFound:
    """The error for a table that is not among `tables`."""
    names = [name for table in tables for name in (table.name, table.id)]
    hint = did_you_mean(table_id, names) or "list_tables shows the tables of the base."
    return NotFound(f"There is no table {table_id!r} in this base.", hint=hint, errors=[_unknown("table_id")])


async def _missing(operation: Operation, memory: SchemaMemory) -> SmeBoostError | None:
    if no_base := await missing_base(operation.base_id, memory):
        return no_base
    if operation.table_id and (missing := await missing_table(operation.base_id, operation.table_id, memory)):
        return missing
    if operation.part:
        return NotFound("Airtable has no such thing there.", errors=[_unknown(operation.part)])
    if operation.record_id:
        message = f"There is no record {operation.record_id} in this table, or the token may not see it."
        return NotFound(message, errors=[_unknown("record_id")])
    return None


async def _about_records(
    error: SmeBoostError, refusal: Refusal, operation: Operation, memory: SchemaMemory
) -> SmeBoostError:
    """`error` with what the schema of the table tells about it; of a write also which records it is about."""
    table: Table | None = None
    if refusal.names or refusal.type in WRONG_VALUES:
        tables = await _if_readable(memory.tables(operation.base_id, not_older_than_seconds=FRESH_SECONDS))
        table = find_table(tables or [], operation.table_id or "")
    if table:
        _refine(error, refusal, operation, table)
    if not operation.request.writes or not isinstance(error, InvalidInput):
        return error
    refused = RecordsRefused(error.message, hint=error.hint, errors=error.errors)
    refused.blame = blame(refusal, operation.places, table, typecast=operation.is_typecast)
    return refused


def _refine(error: SmeBoostError, refusal: Refusal, operation: Operation, table: Table) -> None:
    """Add what the schema of the table tells about the names in a refusal."""
    if refusal.type in ("UNKNOWN_FIELD_NAME", "INVALID_FILTER_BY_FORMULA"):
        error.hint = _closest(refusal, [each.name for each in table.fields], "list_tables shows the table's fields.")
    elif refusal.type in ("VIEW_NAME_NOT_FOUND", "VIEW_ID_NOT_FOUND"):
        error.hint = _closest(refusal, [view.name for view in table.views], "list_tables shows the table's views.")
    elif refusal.type == "INVALID_MULTIPLE_CHOICE_OPTIONS":
        known = [name for each in table.fields for name in choices(each)]
        error.hint = f"{_closest(refusal, known, '')} Set typecast to true to add a choice.".strip()
    elif refusal.type in WRONG_VALUES and not operation.is_typecast:
        found = misfits(operation.places.cells(), table, typecast=False)
        named = {name for name in refusal.names for name in (name, _id_of(name, table))}
        right = [FieldProblem(field=cell.place, message=said) for cell, said in found if not named or cell.key in named]
        error.errors = right[:PROBLEMS_MAX] or error.errors


def _id_of(name: str, table: Table) -> str:
    return next((field.id for field in table.fields if field.name == name), name)


def _closest(refusal: Refusal, names: list[str], otherwise: str) -> str:
    return " ".join(filter(None, (did_you_mean(name, names) for name in refusal.names))) or otherwise


def _base_hint(base_id: str, bases: list[Base]) -> str:
    named = [base.id for base in bases if base.name.casefold() == base_id.casefold()]
    if named:
        return f"That is a name; the base's id is {named[0]}."
    return did_you_mean(base_id, [name for base in bases for name in (base.id, base.name)])


def _unknown(field: str) -> FieldProblem:
    return FieldProblem(field=field, message="is not known to Airtable, or hidden from the token")


async def _if_readable(reading: Awaitable[Found]) -> Found | None:
    """What can be read; a second failure must not hide the first."""
    try:
        return await reading
    except SmeBoostError:
        return None
