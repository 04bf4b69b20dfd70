"""Files that were given as URLs, on their way into their cells.

A write is committed with what it knows: `{"id", "url", "filename"}`. The file is fetched then, and a second commit
completes the attachment, or drops it when there is no file to be had, as the vendor does [D]. By the knob
`attachment_fetch` the write is answered before that (`async`, as the vendor), after it (`sync`), or nothing is fetched
and the URL stays (`off`). While a file is awaited its cell says so (`Addresses.awaited`), so that after a kill of the
process the emulator goes on fetching when it starts again.

The second commit has the source `system` [I]: nobody asked for it by the API.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2
from smeboost_shared.logs import get_logger

from smeboost_emulators.airtable.attachments.addresses import AwaitedFile
from smeboost_emulators.airtable.attachments.fetching import FetchFailed, fetch, new_client
from smeboost_emulators.airtable.attachments.keeper import Attachment, Keeper, attachments_in, read_content_type
from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.errors import ApiError
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.shapes import objects_of
from smeboost_emulators.airtable.state.changes import CellsSet, Change, Created
from smeboost_emulators.airtable.state.commits import Actor
from smeboost_emulators.airtable.state.schema import Field, State, Table

FETCHES_AT_ONCE = 8
AWAITED_FILES_MAX = 1_000
"""Files on their way; what is given beyond that is dropped, which the answer says."""
FAILED, TOO_MANY = "attachmentsFailedUploading", "attachmentUploadRateIsTooHigh"
log = get_logger("airtable-emulator")


class Host(Protocol):
    """What an emulator does for its arrivals."""

    keeper: Keeper
    knobs: Knobs
    clock: Clock
    state: State

    def commit(self, base_id: str, changes: Iterable[Change], actor: Actor) -> None:
        """Store and make changes."""
        ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file on its way, and the cell and the attachment that wait for it."""

    table_id: str
    record_id: str
    field_id: str
    attachment_id: str
    filename: str
    file: AwaitedFile


@dataclass(slots=True)
class Incoming:
    """What one write brings: the files to fetch, of at most `places`, and whether there were more."""

    user_id: str
    places: int
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    too_many: bool = False


class Arrivals:
    """Fetches files and completes the attachments that wait for them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tasks: set[asyncio.Task[bool]] = set()
        self._places = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._client: httpx2.AsyncClient | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Fetch until the context is left; what is on its way then is fetched after the next start."""
        if self._host.knobs.attachment_fetch != "off":
            self._resume()
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._client is not None:
                await self._client.aclose()
                self._client = None

    def prepare(self, changes: Iterable[Change], user_id: str) -> Incoming:
        """Mark the attachments that planned changes bring as awaited; those that are too many are taken out."""
        incoming = Incoming(user_id, max(AWAITED_FILES_MAX - len(self._tasks), 0))
        if self._host.knobs.attachment_fetch == "off":
            return incoming
        for change in changes:
            if isinstance(change, Created | CellsSet):
                table = self._host.state.tables[change.table_id]
                for field_id, cell in change.cells.items():
                    target = table.fields_by_key[field_id]
                    if target.type == "multipleAttachments" and cell:
                        change.cells[field_id] = self._marked(incoming, table, change.record_id, target, cell) or None
        return incoming

    async def fetch(self, incoming: Incoming) -> dict[str, Any] | None:
        """Begin to fetch, once the changes are committed; the answer is the `details` that a response has, if any."""
        tasks = [self._begin(arrival) for arrival in incoming.arrivals]
        reasons = [TOO_MANY] if incoming.too_many else []
        if self._host.knobs.attachment_fetch == "sync" and not all(await asyncio.gather(*tasks)):
            reasons.insert(0, FAILED)
        return {"message": "partialSuccess", "reasons": reasons} if reasons else None

    def _resume(self) -> None:
        for table, slot, target, item in attachments_in(self._host.state):
            file = self._host.keeper.awaiting(item)
            if file is not None:
                self._begin(Arrival(table.id, table.ids[slot], target.id, item["id"], item["filename"], file))

    def _marked(
        self, incoming: Incoming, table: Table, record_id: str, target: Field, cell: Iterable[Attachment]
    ) -> tuple[Attachment, ...]:
        slot = table.slot_of(record_id)
        present = [item["id"] for item in objects_of(target.cell(slot)) or ()] if slot is not None else []
        marked: list[Attachment] = []
        for item in cell:
            if item["id"] in present:
                marked.append(item)
            elif len(incoming.arrivals) < incoming.places:
                file = AwaitedFile(incoming.user_id, item["url"])
                incoming.arrivals.append(Arrival(table.id, record_id, target.id, item["id"], item["filename"], file))
                marked.append(item | {"url": self._host.keeper.addresses.awaited(file)})
            else:
                incoming.too_many = True
        return tuple(marked)

    def _begin(self, arrival: Arrival) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._arrive(arrival))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _arrive(self, arrival: Arrival) -> bool:
        """Whether the file came."""
        keeper = self._host.keeper
        attachment: Attachment | None = None
        async with self._places:
            self._client = self._client or new_client()
            try:
                fetched = await fetch(self._client, arrival.file.url, keeper.files)
                kind = read_content_type(fetched.content_type)
                attachment = await keeper.attachment(arrival.attachment_id, fetched.file, arrival.filename, kind)
            except (FetchFailed, OSError) as exc:
                # Not the whole URL: it may hold somebody's credentials.
                log.warning("attachment_dropped", host=urlsplit(arrival.file.url).hostname, reason=str(exc))
        self._settle(arrival, attachment)
        return attachment is not None

    def _settle(self, arrival: Arrival, attachment: Attachment | None) -> None:
        """Complete the attachment that waits, or drop it; it may have been removed meanwhile, by whatever means."""
        table = self._host.state.tables.get(arrival.table_id)
        slot = None if table is None else table.slot_of(arrival.record_id)
        target = None if table is None else table.fields_by_key.get(arrival.field_id)
        if table is None or slot is None or target is None:
            return
        cell = objects_of(target.cell(slot)) or []
        if not any(item["id"] == arrival.attachment_id for item in cell):
            return
        arrived = [attachment if item["id"] == arrival.attachment_id else item for item in cell]
        cells = {target.id: tuple(item for item in arrived if item is not None) or None}
        user_id, now = arrival.file.user_id, timestamp(self._host.clock.now())
        actor = Actor(table.base.people.get(user_id, {"id": user_id}), source="system")
        try:
            self._host.commit(table.base.id, [CellsSet(table.id, arrival.record_id, now, cells, user_id)], actor)
        except ApiError as exc:
            log.warning("attachment_not_stored", reason=str(exc))
