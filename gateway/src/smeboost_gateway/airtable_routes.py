"""Airtable over REST: each route says which tool it is, and the call path does the rest.

Bodies of good answers are the tools' own results, passed on as bytes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from smeboost_airtable.models import BaseList, Record, RecordPage, TableList, UpsertOutcome, WriteOutcome
from smeboost_shared.errors import FieldProblem, InvalidInput, NotFound, SmeBoostError
from smeboost_sync.jobs import Jobs
from starlette.responses import Response

from smeboost_gateway.bulk import BATCH_RECORDS_MAX, BulkWrite, enqueue
from smeboost_gateway.callpath import Answer, Call, CallPath
from smeboost_gateway.job_routes import JobStatus, status_of
from smeboost_gateway.job_routes import answer as job_answer
from smeboost_gateway.operations import AnyOperation, Ask, Nothing, Operation
from smeboost_gateway.parsing import header
from smeboost_gateway.policy import check_role
from smeboost_gateway.settings import GatewaySettings

MERGE_FIELDS_MAX = 3
"""Fields that may identify a record in an upsert (Airtable Web API, update multiple records)."""

PAGE_BYTES_MAX = 10_000_000
"""A page that is larger comes in parts, each with a cursor to go on."""

REST_NAMES = {
    "formula": "filter",
    "page_size": "limit",
    "base_id": "baseId",
    "table_id": "tableId",
    "record_id": "recordId",
    "records.0.id": "recordId",
    "record_ids.0": "recordId",
}
"""What REST calls the tools' arguments, where the names differ."""

Fields = dict[str, JsonValue]
FieldNames = tuple[Annotated[str, Field(min_length=1)], ...]


class RecordsQuery(BaseModel):
    """Which records, in which order, how many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: str | None = Field(default=None, min_length=1, description="an Airtable formula, e.g. {Quantity} > 3")
    sort: tuple[str, ...] = Field(
        default=(), description="fields with commas, the first counts most; - before a field turns its order round"
    )
    fields: tuple[str, ...] = Field(default=(), description="only these fields, with commas or by repeating")
    view: str | None = Field(default=None, min_length=1, description="only records of this view, in its order")
    search: str | None = Field(default=None, min_length=1, description="only records with this text in a field")
    limit: int = Field(default=100, ge=1, le=100, description="most records of the answer")
    cursor: str | None = Field(default=None, min_length=1, description="the `cursor` of the page before")


class WriteQuery(BaseModel):
    """How to answer a write."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wait: bool = Field(default=False, description="wait for all records, also for more than one batch of 10")


class NewRecord(BaseModel):
    """The cells of a record, by field name or id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: Fields


class Upsert(BaseModel):
    """How to find the record that a new one replaces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    merge_on: FieldNames = Field(alias="mergeOn", min_length=1, max_length=MERGE_FIELDS_MAX)


class NewRecords(BaseModel):
    """One record as `fields`, or several as `records`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: Fields | None = None
    records: list[NewRecord] | None = Field(default=None, min_length=1)
    upsert: Upsert | None = Field(default=None, description="update the record that has the same values there, if any")
    typecast: bool = Field(default=False, description="let Airtable convert values, and add options to selects")

    @model_validator(mode="after")
    def _one_of_both(self) -> "NewRecords":
        if (self.fields is None) == (self.records is None):
            raise ValueError("give either `fields` (one record) or `records` (several)")
        return self

    def as_list(self) -> list[dict[str, Fields]]:
        """All records, in the form that the tools take."""
        if self.records is None:
            return [{"fields": self.fields or {}}]
        return [{"fields": record.fields} for record in self.records]


class Change(BaseModel):
    """New cells of a record; PUT empties the others, PATCH keeps them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: Fields
    typecast: bool = Field(default=False, description="let Airtable convert values, and add options to selects")


class DeletedRecord(BaseModel):
    """The record is gone."""

    id: str
    deleted: Literal[True] = True


class AirtableRoutes:
    """Bases, tables and records."""

    def __init__(self, path: CallPath, settings: GatewaySettings, jobs: Jobs | None) -> None:
        """Without `jobs` a POST of more than one batch has to wait for it."""
        self._path, self._settings, self._jobs = path, settings, jobs

    def operations(self) -> list[AnyOperation]:
        """What there is at `/api/airtable`."""
        table = "/api/airtable/records/{baseId}/{tableId}"
        record = table + "/{recordId}"
        many: dict[int, type[BaseModel] | None] = {
            200: UpsertOutcome,
            201: WriteOutcome,
            202: JobStatus,
            207: WriteOutcome,
        }
        return [
            # The router tries paths in this order, and lists are what is asked for most.
            Operation("GET", table, "List records", self.list_records, RecordsQuery, Nothing, {200: RecordPage}),
            Operation("POST", table, "Create or upsert records", self.create, WriteQuery, NewRecords, many),
            Operation(
                "GET", "/api/airtable/bases", "List the bases", self.list_bases, Nothing, Nothing, {200: BaseList}
            ),
            Operation(
                "GET",
                "/api/airtable/tables/{baseId}",
                "List the tables of a base",
                self.list_tables,
                Nothing,
                Nothing,
                {200: TableList},
            ),
            Operation("GET", record, "Get a record", self.get_record, Nothing, Nothing, {200: Record}),
            Operation("PUT", record, "Replace a record", self.replace, Nothing, Change, {200: Record}),
            Operation("PATCH", record, "Update a record", self.update, Nothing, Change, {200: Record}),
            Operation("DELETE", record, "Delete a record", self.delete, Nothing, Nothing, {200: DeletedRecord}),
        ]

    async def list_bases(self, ask: Ask[Nothing, Nothing]) -> Response:
        """GET bases."""
        return _cacheable(ask, await self._call(ask, "list_bases", {}))

    async def list_tables(self, ask: Ask[Nothing, Nothing]) -> Response:
        """GET tables of a base."""
        return _cacheable(ask, await self._call(ask, "list_tables", {"base_id": ask.path["baseId"]}))

    async def list_records(self, ask: Ask[RecordsQuery, Nothing]) -> Response:
        """GET a page of records."""
        query = ask.query
        # Who asks for 100 records over REST has room for them; a model, over MCP, has not.
        arguments: dict[str, Any] = {"page_size": query.limit, "size_max": PAGE_BYTES_MAX}
        if query.sort:
            arguments["sort"] = _sorting(query.sort)
        if query.fields:
            arguments["fields"] = _words("fields", query.fields)
        named = {"formula": query.filter, "view": query.view, "search": query.search, "cursor": query.cursor}
        arguments |= {name: value for name, value in named.items() if value is not None}
        return _cacheable(ask, await self._call(ask, "list_records", _place(ask) | arguments))

    async def get_record(self, ask: Ask[Nothing, Nothing]) -> Response:
        """GET one record."""
        arguments = _place(ask) | {"record_id": ask.path["recordId"]}
        return _cacheable(ask, await self._call(ask, "get_record", arguments))

    async def create(self, ask: Ask[WriteQuery, NewRecords]) -> Response:
        """POST one record or several."""
        body, records = ask.body, ask.body.as_list()
        if len(records) > BATCH_RECORDS_MAX:
            if not ask.query.wait:
                return await self._enqueue(ask, records)
            _refuse_more_than(self._settings.wait_records_max, "one request waits for", len(records))
        arguments = _place(ask) | {"records": records, "typecast": body.typecast}
        if body.upsert is not None:
            answer = await self._call(ask, "upsert_records", arguments | {"merge_on": list(body.upsert.merge_on)})
            outcome = msgspec.json.decode(answer.body)
            return _written(answer.body, outcome, 201 if outcome["created"] else 200)
        answer = await self._call(ask, "create_records", arguments)
        outcome = msgspec.json.decode(answer.body)
        if body.fields is not None:
            return _json(msgspec.json.encode(outcome["records"][0]), 201)
        return _written(answer.body, outcome, 201)

    async def update(self, ask: Ask[Nothing, Change]) -> Response:
        """PATCH some cells."""
        return await self._change(ask, replace=False)

    async def replace(self, ask: Ask[Nothing, Change]) -> Response:
        """PUT all cells."""
        return await self._change(ask, replace=True)

    async def delete(self, ask: Ask[Nothing, Nothing]) -> Response:
        """DELETE one record."""
        record_id = ask.path["recordId"]
        await self._call(ask, "delete_records", _place(ask) | {"record_ids": [record_id]})
        return _json(msgspec.json.encode({"id": record_id, "deleted": True}))

    async def _change(self, ask: Ask[Nothing, Change], *, replace: bool) -> Response:
        records = [{"id": ask.path["recordId"], "fields": ask.body.fields}]
        arguments = _place(ask) | {"records": records, "replace": replace, "typecast": ask.body.typecast}
        answer = await self._call(ask, "update_records", arguments)
        return _json(msgspec.json.encode(msgspec.json.decode(answer.body)["records"][0]))

    async def _enqueue(self, ask: Ask[WriteQuery, NewRecords], records: list[dict[str, Fields]]) -> Response:
        """More than one batch becomes a job, unless the caller waits."""
        if self._jobs is None:
            problem = f"{len(records)} records are more than one batch of {BATCH_RECORDS_MAX}; add ?wait=true"
            raise InvalidInput("Too many records.", errors=[FieldProblem(field="records", message=problem)])
        _refuse_more_than(self._settings.job_records_max, "one job takes", len(records))
        check_role(ask.identity.role, "airtable", "create_records", read_only=False)
        upsert = ask.body.upsert
        write = BulkWrite(
            tool="upsert_records" if upsert else "create_records",
            base_id=ask.path["baseId"],
            table_id=ask.path["tableId"],
            records=records,
            merge_on=list(upsert.merge_on) if upsert else None,
            typecast=ask.body.typecast,
            email=ask.identity.email,
            role=ask.identity.role,
        )
        job = await enqueue(self._jobs, ask.identity, write)
        return job_answer(status_of(job), 202, {"Location": f"/api/jobs/{job.id}"})

    async def _call(self, ask: Ask[Any, Any], tool: str, arguments: dict[str, Any]) -> Answer:
        try:
            return await self._path(Call(ask.identity, "airtable", tool, arguments))
        except InvalidInput as exc:
            raise _in_rest_terms(exc, ask.path) from exc


def _in_rest_terms(exc: InvalidInput, path: Mapping[str, str]) -> SmeBoostError:
    """The error in REST's names for the tool's arguments; a record of the path that is not there is 404."""
    problems = [
        problem.model_copy(update={"field": REST_NAMES.get(problem.field, problem.field)}) for problem in exc.errors
    ]
    fields = {problem.field for problem in problems}
    kind = NotFound if "recordId" in path and "recordId" in fields else type(exc)
    return kind(exc.message, hint=exc.hint, errors=problems)


def _refuse_more_than(most: int, what: str, count: int) -> None:
    if count > most:
        problem = FieldProblem(field="records", message=f"{count} records are more than the {most} that {what}")
        raise InvalidInput("Too many records.", errors=[problem])


def _place(ask: Ask[Any, Any]) -> dict[str, Any]:
    return {"base_id": ask.path["baseId"], "table_id": ask.path["tableId"]}


def _words(parameter: str, values: Sequence[str]) -> list[str]:
    r"""Names with commas between them; `\,` is a comma in a name."""
    found = [re.sub(r"\\(.)", r"\1", word.strip()) for value in values for word in re.split(r"(?<!\\),", value)]
    if not all(found):
        problem = FieldProblem(field=parameter, message="holds an empty name; write names with commas between them")
        raise InvalidInput("The query parameters are not valid.", errors=[problem])
    return found


def _sorting(values: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"field": name.removeprefix("-"), "direction": "desc" if name.startswith("-") else "asc"}
        for name in _words("sort", values)
    ]


def _cacheable(ask: Ask[Any, Any], answer: Answer) -> Response:
    if answer.etag is None:
        return _json(answer.body)
    tag = f'"{answer.etag}"'
    headers = [
        (b"etag", tag.encode()),
        (b"cache-control", b"private, no-cache"),
        (b"x-cache", b"hit" if answer.cached else b"miss"),
    ]
    wanted = header(ask.request.scope, b"if-none-match")
    if wanted is not None and (wanted == "*" or tag in (one.strip().removeprefix("W/") for one in wanted.split(","))):
        return Ready(b"", 304, headers)
    return Ready(answer.body, 200, headers)


class Ready(Response):
    """An answer whose headers are ready to be sent: on the hot path, making them costs as much as the cache."""

    def __init__(self, body: bytes, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.body, self.status_code, self.background = body, status, None
        self.raw_headers = headers
        if status != 304:
            headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]


def _written(body: bytes, outcome: dict[str, Any], status: int) -> Response:
    """207 when some records were not, or perhaps not, written; the body says which."""
    incomplete = any(outcome.get(part) for part in ("failed", "unknown", "probable"))
    return _json(body, 207 if incomplete else status)


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, {"Cache-Control": "no-store"}, "application/json")
