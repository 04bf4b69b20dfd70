"""Airtable as typed calls: one method for one request, with a turn, a retry where that is safe, and a clear error.

Rules of this room:

- Every request waits for its turn in the budget; a 429 pauses the base (`budget`).
- A request that Airtable surely did not carry out (429) and a read that met a 503 are sent once more, when the wait
  for that is within the longest wait. Nothing else is repeated.
- A table is addressed by id or name; ids are checked before they become part of a URL.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError
from smeboost_shared.errors import (
    FieldProblem,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    VendorBadAnswer,
)

from smeboost_airtable.budget import RequestBudget
from smeboost_airtable.diagnosis import WRONG_HOST_HINT
from smeboost_airtable.explanations import Operation, explained, missing_base, no_table
from smeboost_airtable.models import (
    Base,
    BasesAnswer,
    DeletedAnswer,
    FieldValues,
    Record,
    RecordChange,
    RecordsAnswer,
    Table,
    TablesAnswer,
    UpsertAnswer,
)
from smeboost_airtable.places import Places
from smeboost_airtable.quota import Usage
from smeboost_airtable.refusals import Refusal
from smeboost_airtable.schema import SchemaMemory, find_table
from smeboost_airtable.settings import AirtableSettings
from smeboost_airtable.transport import Request, Transport

BATCH_RECORDS_MAX = 10
"""Airtable's limit for one write or delete."""
PAGE_RECORDS_MAX = 100
"""Airtable's limit for one page."""
BASE_PAGES_MAX = 50
"""A page of bases has 1,000."""
RETRY_SECONDS = 1.0
"""Wait before a read is repeated after a 503 without Retry-After."""
TABLE_NAME_CHARACTERS_MAX = 255
_BASE_ID = re.compile(r"app[A-Za-z0-9]{1,32}")
READ_RECORDS, WRITE_RECORDS, READ_SCHEMA = "data.records:read", "data.records:write", "schema.bases:read"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class CellFormat:
    """How cells are given: as JSON values, or as the texts that a person sees; under names, or under ids of fields."""

    as_text: bool = False
    time_zone: str = "utc"
    locale: str = "en"
    by_id: bool = False

    def query(self) -> dict[str, object]:
        """What differs from Airtable's default."""
        text: dict[str, object] = {"cellFormat": "string"} if self.as_text else {}
        return text | ({"returnFieldsByFieldId": True} if self.by_id else {})

    def locality(self) -> dict[str, str | list[str]] | None:
        """Texts need both; for anything else they say nothing."""
        return {"timeZone": self.time_zone, "userLocale": self.locale} if self.as_text else None


AS_JSON = CellFormat()


class AirtableClient:
    """Airtable for one token. Use as an async context manager; it may be opened again after it was closed."""

    def __init__(self, settings: AirtableSettings, budget: RequestBudget | None = None) -> None:
        """`budget` may be shared with others; without one each opened client has its own."""
        self.settings = settings
        self._given_budget = budget
        self._transport = Transport(settings)

    async def __aenter__(self) -> "AirtableClient":
        """Open the transport; nothing is asked yet."""
        await self._transport.__aenter__()
        self._budget = self._given_budget or RequestBudget(self.settings)
        self._memory = SchemaMemory(self._read_bases, self._read_tables, seconds=self.settings.schema_seconds)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the transport."""
        await self._transport.__aexit__(*exc)
        if self._budget is not self._given_budget:
            await self._budget.close()

    async def resume_calls(self, base_id: str) -> None:
        """Ask the base again, though it was paused or its month was spent.

        Raises:
            NotFound: it is no base id.
        """
        await self.check_base(base_id)
        await self._budget.resume(base_id)

    async def usage(self) -> Usage:
        """The calls of this month, and when they will be used up. Nothing is asked."""
        return await self._budget.usage()

    async def list_bases(self) -> list[Base]:
        """All bases of the token, read now."""
        return await self._memory.bases(not_older_than_seconds=0)

    async def list_tables(self, base_id: str) -> list[Table]:
        """The schema of a base, read now."""
        await self.check_base(base_id)
        return await self._memory.tables(base_id, not_older_than_seconds=0)

    async def known_bases(self) -> list[Base]:
        """All bases of the token, perhaps from memory."""
        return await self._memory.bases()

    async def known_tables(self, base_id: str) -> list[Table]:
        """The schema of a base, perhaps from memory."""
        await self.check_base(base_id)
        return await self._memory.tables(base_id)

    async def find_table(self, base_id: str, table_id: str) -> Table:
        """A table's schema, perhaps from memory.

        Raises:
            NotFound: the base has no such table.
        """
        await self.check_base(base_id)
        table = find_table(await self._memory.tables(base_id), table_id)
        if table is None:
            tables = await self.list_tables(base_id)
            table = find_table(tables, table_id)
            if table is None:
                raise no_table(table_id, tables)
        return table

    def forget_schema(self, base_id: str) -> None:
        """Read the schema of this base anew next time: it was changed."""
        self._memory.forget(base_id)

    async def download(self, url: str, *, bytes_max: int) -> bytes:
        """A file that Airtable keeps, by one of its expiring links; the token is not sent.

        Raises:
            TooLarge: it has more bytes than `bytes_max`.
            NotFound, VendorUnavailable, VendorTimeout: it cannot be had.
        """
        return await self._transport.download(url, bytes_max=bytes_max)

    async def list_records(
        self,
        base_id: str,
        table_id: str,
        query: dict[str, object],
        *,
        cells: CellFormat = AS_JSON,
        places: Places,
    ) -> RecordsAnswer:
        """One page. `query` has Airtable's names: pageSize, filterByFormula, sort, fields, view, offset."""
        path = await self.table_path(base_id, table_id)
        # The POST form has no limit of 16,000 characters, which a formula or a list of fields may pass. It reads the
        # time zone and the locale from the query string all the same (as pyairtable and airtable.js send them).
        body = query | cells.query()
        request = Request(method="POST", path=(*path, "listRecords"), params=cells.locality(), body=body)
        operation = Operation(request=request, scope=READ_RECORDS, base_id=base_id, table_id=table_id, places=places)
        return await self.ask(operation, RecordsAnswer)

    async def get_record(self, base_id: str, table_id: str, record_id: str) -> Record:
        """One record. Airtable finds it in any table of the base."""
        check_id("rec", record_id, "record_id")
        path = await self.table_path(base_id, table_id)
        request = Request(method="GET", path=(*path, record_id))
        return await self.ask(
            Operation(request=request, scope=READ_RECORDS, base_id=base_id, table_id=table_id, record_id=record_id),
            Record,
        )

    async def create_records(
        self, base_id: str, table_id: str, records: Sequence[FieldValues], *, typecast: bool, places: Places
    ) -> Sequence[Record]:
        """Create up to 10 records; all or none."""
        body: dict[str, object] = {"records": [{"fields": fields} for fields in records], "typecast": typecast}
        answer = await self._write("POST", base_id, table_id, body, RecordsAnswer, places=places)
        return answer.records

    async def update_records(
        self,
        base_id: str,
        table_id: str,
        records: Sequence[RecordChange],
        *,
        replace: bool,
        typecast: bool,
        places: Places,
    ) -> Sequence[Record]:
        """Change up to 10 records; all or none. `replace` also clears every field that is not given."""
        changes = [{"id": record.id, "fields": record.fields} for record in records]
        body: dict[str, object] = {"records": changes, "typecast": typecast}
        method = "PUT" if replace else "PATCH"
        return (await self._write(method, base_id, table_id, body, RecordsAnswer, places=places)).records

    async def upsert_records(
        self,
        base_id: str,
        table_id: str,
        records: Sequence[FieldValues],
        *,
        merge_on: Sequence[str],
        typecast: bool,
        places: Places,
    ) -> UpsertAnswer:
        """Change the records that match on `merge_on` and create the others, up to 10; all or none."""
        body: dict[str, object] = {
            "records": [{"fields": fields} for fields in records],
            "performUpsert": {"fieldsToMergeOn": list(merge_on)},
            "typecast": typecast,
        }
        return await self._write("PATCH", base_id, table_id, body, UpsertAnswer, places=places)

    async def delete_records(
        self, base_id: str, table_id: str, record_ids: Sequence[str], *, places: Places
    ) -> list[str]:
        """Delete up to 10 records; all or none."""
        path = await self.table_path(base_id, table_id)
        request = Request(method="DELETE", path=path, params={"records[]": list(record_ids)}, writes=True)
        operation = Operation(request=request, scope=WRITE_RECORDS, base_id=base_id, table_id=table_id, places=places)
        answer = await self.ask(operation, DeletedAnswer)
        return [record.id for record in answer.records if record.deleted]

    async def _write(
        self,
        method: Literal["POST", "PATCH", "PUT"],
        base_id: str,
        table_id: str,
        body: dict[str, object],
        model: type[Model],
        *,
        places: Places,
    ) -> Model:
        path = await self.table_path(base_id, table_id)
        operation = Operation(
            request=Request(method=method, path=path, body=body, writes=True),
            scope=WRITE_RECORDS,
            base_id=base_id,
            table_id=table_id,
            places=places,
        )
        return await self.ask(operation, model)

    async def _read_bases(self) -> list[Base]:
        bases: list[Base] = []
        params: dict[str, str | list[str]] = {}
        for _ in range(BASE_PAGES_MAX):
            request = Request(method="GET", path=("meta", "bases"), params=params)
            page = await self.ask(Operation(request=request, scope=READ_SCHEMA), BasesAnswer)
            bases += page.bases
            if not page.offset:
                return bases
            params = {"offset": page.offset}
        raise VendorBadAnswer("Airtable's list of bases does not end.")

    async def _read_tables(self, base_id: str) -> list[Table]:
        request = Request(method="GET", path=("meta", "bases", base_id, "tables"))
        return (await self.ask(Operation(request=request, scope=READ_SCHEMA, base_id=base_id), TablesAnswer)).tables

    async def ask(self, operation: Operation, model: type[Model]) -> Model:
        """Send one request and read its answer; the families of calls under `calls/` are made of this.

        Raises:
            SmeBoostError: the refusal, explained, or why there is no answer.
        """
        try:
            answer = await self._send(operation)
        except Refusal as refusal:
            token = self.settings.api_key.get_secret_value()
            raise await explained(refusal, operation, self._memory, token) from refusal
        try:
            return model.model_validate(answer)
        except ValidationError as exc:
            if operation.request.writes:
                raise OutcomeUnknown("Airtable took the write, but we do not understand its answer.") from exc
            raise VendorBadAnswer(hint=WRONG_HOST_HINT) from exc

    async def _send(self, operation: Operation) -> object:
        try:
            return await self._send_once(operation)
        except Refusal as refusal:
            wait = self._wait_before_repeating(refusal, operation)
            if wait is None or wait > self.settings.wait_seconds_max:
                raise
            if not refusal.is_rate_limit:
                await asyncio.sleep(wait)
        return await self._send_once(operation)

    async def _send_once(self, operation: Operation) -> object:
        async with self._budget.turn(operation.base_id, operation.request):
            return await self._transport.send(operation.request)

    def _wait_before_repeating(self, refusal: Refusal, operation: Operation) -> float | None:
        if refusal.is_rate_limit or (refusal.status == 503 and not operation.request.writes):
            return RETRY_SECONDS if refusal.retry_after_seconds is None else refusal.retry_after_seconds
        return None

    async def table_path(self, base_id: str, table_id: str) -> tuple[str, str]:
        """Base and table as segments of a path.

        Raises:
            InvalidInput, NotFound: one of them has a shape that no base or table has.
        """
        await self.check_base(base_id)
        if table_id in ("", ".", "..") or len(table_id) > TABLE_NAME_CHARACTERS_MAX or not table_id.isprintable():
            problem = FieldProblem(field="table_id", message="must be a table's id or name; list_tables shows them")
            raise InvalidInput("The table is not valid.", errors=[problem])
        return base_id, table_id

    async def check_base(self, base_id: str) -> None:
        """Refuse what has not the shape of a base's id.

        Raises:
            NotFound: names the base that was probably meant.
        """
        # What has another shape is surely no base, and must not become part of a path.
        if not _BASE_ID.fullmatch(base_id):
            hint = "A base id looks like appXXXXXXXXXXXXXX; list_bases shows them."
            problem = FieldProblem(field="base_id", message="is not a base id")
            raise await missing_base(base_id, self._memory) or NotFound(
                f"There is no base {base_id[:80]!r}.", hint=hint, errors=[problem]
            )


def check_id(prefix: str, value: str, field: str) -> None:
    """Refuse what has not the shape of an id before it becomes part of an address.

    Raises:
        InvalidInput: names `field`.
    """
    if not re.fullmatch(f"{prefix}[A-Za-z0-9]{{1,32}}", value):
        problem = FieldProblem(field=field, message=f"is not an id: {prefix} and 14 letters or digits")
        raise InvalidInput("The id is not valid.", errors=[problem])
