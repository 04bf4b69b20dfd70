"""Writes of any size, in Airtable's batches of 10.

Rules of this room (`plan` decides what is sent):

- A request is written as a whole or not at all. After one that Airtable refused for what is in it, its good items and
  the others go on.
- After a failure that is not about the items (no permission, too fast, no connection) nothing more is sent.
- A request without an answer is looked up before anything is repeated. What was found written counts as written; what
  may be sent twice without harm is sent once more; while anything stays unknown nothing more is sent.
- The caller learns of every item whether it was written, surely not written, or possibly written. When nothing was
  surely written the failure is raised, so that it cannot be read as a success.
- The first requests of a call are somebody's who waits; those of a large one then give way to other calls.
- A call that is cancelled lets the request that is under way come to its end, sends no other, and says so in the log.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from anyio import CancelScope
from smeboost_shared.errors import (
    FieldProblem,
    InvalidInput,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    SmeBoostError,
    VendorRejected,
)
from smeboost_shared.logs import get_logger
from smeboost_shared.pacing.priority import background

from smeboost_airtable.blame import NOBODY, RecordsRefused
from smeboost_airtable.client import BATCH_RECORDS_MAX
from smeboost_airtable.explanations import PROBLEMS_MAX
from smeboost_airtable.models import Failure, Probable
from smeboost_airtable.plan import Plan

One = TypeVar("One")
ReportProgress = Callable[[int, int], Awaitable[None]]
_PLACE = re.compile(r"^(?:records|record_ids)\.(\d+)(?=\.|$)")
TOGETHER = "It was refused together with others, and not tried alone; send it in a smaller call."

FOREGROUND_ITEMS_MAX = 5 * BATCH_RECORDS_MAX
"""As many as the requests that Airtable takes in a second."""

log = get_logger("airtable")


@dataclass(frozen=True)
class Looked(Generic[One]):
    """What was found of items whose request had no answer; the others stay unknown."""

    written: Mapping[int, One] = field(default_factory=dict[int, One])
    repeatable: Collection[int] = ()
    """Not written as it seems, and to write them twice does no harm."""
    probable: Mapping[int, str] = field(default_factory=dict[int, str])
    """A record that may be the one; nobody can tell."""


class Write(Protocol[One]):
    """One kind of write, of items that have numbers."""

    @property
    def argument(self) -> str:
        """What the tool calls the items."""
        ...

    @property
    def size(self) -> int:
        """How many items there are."""
        ...

    async def send(self, items: Sequence[int]) -> Sequence[One]:
        """Write these with one request; one result for each, in their order."""
        ...

    async def look(self, items: Sequence[int], since: datetime, known: Mapping[int, One]) -> Looked[One]:
        """What became of items that were sent at `since`; `known` are those surely written by this call."""
        ...

    async def missing(self, items: Sequence[int]) -> Collection[int]:
        """The items among these that are surely not there to be changed."""
        ...

    def having(self, columns: Set[str]) -> Mapping[int, str]:
        """The items that have a value for one of these fields, each with the field."""
        ...


@dataclass
class Batches(Generic[One]):
    """What became of each item; numbers count from the start of the call."""

    written: list[One] = field(default_factory=list[One])
    failed: list[Failure] = field(default_factory=list[Failure])
    unknown: list[int] = field(default_factory=list[int])
    probable: list[Probable] = field(default_factory=list[Probable])


async def write_in_batches(write: Write[One], report_progress: ReportProgress) -> Batches[One]:
    """Carry out a write.

    Raises:
        SmeBoostError: nothing was written for certain; the error says what is known.
    """
    work = _Work(write)
    reported = 0
    try:
        while items := work.plan.next():
            with background() if work.plan.accounted >= FOREGROUND_ITEMS_MAX else nullcontext():
                await work.do(items)
            # To divide a request accounts for nothing yet, and progress has to increase (MCP, progress).
            if write.size > BATCH_RECORDS_MAX and work.plan.accounted > reported:
                reported = work.plan.accounted
                await report_progress(reported, write.size)
    except asyncio.CancelledError:
        work.cancelled()
        raise
    return work.result()


class _Work(Generic[One]):
    """A write under way."""

    def __init__(self, write: Write[One]) -> None:
        self.plan = Plan[SmeBoostError](write.size, BATCH_RECORDS_MAX)
        self._write = write
        self._done: dict[int, One] = {}
        self._probable: dict[int, str] = {}
        self._columns: dict[int, str] = {}
        self._lost: OutcomeUnknown | None = None

    async def do(self, items: Sequence[int]) -> None:
        """Send these, and note what came of it."""
        since = datetime.now(UTC)
        sending = asyncio.ensure_future(self._write.send(items))
        try:
            # Shielded against both kinds of cancellation: that of anyio, which is repeated, and that of asyncio.
            with CancelScope(shield=True):
                self._confirm(items, await asyncio.shield(sending))
        except asyncio.CancelledError:
            with CancelScope(shield=True):
                await asyncio.wait([sending])
            self._note_end(sending, items)
            raise
        except OutcomeUnknown as error:
            await self._look(items, since, error)
        except (InvalidInput, VendorRejected) as error:
            self._refused(error)
        except (NotFound, NotPermitted) as error:
            await self._maybe_missing(items, error)
        except SmeBoostError as error:
            self.plan.stop(error, sent_too=True)

    def cancelled(self) -> None:
        """Give up what was not sent, and leave an account of everything."""
        if self.plan.is_waiting:
            # It was being looked up.
            self.plan.settle(written=(), again=())
        self.plan.stop(VendorRejected("Not sent, because the call was cancelled."))
        parts = {"written": self.plan.written, "failed": list(self.plan.failed), "unknown": self.plan.unknown}
        said = {name: spans(part) for name, part in parts.items()}
        log.warning("write_cancelled", write=type(self._write).__name__, **said)

    def result(self) -> Batches[One]:
        """What became of every item.

        Raises:
            SmeBoostError: see `write_in_batches`.
        """
        if not self.plan.written:
            raise self._total_failure()
        return Batches(
            written=[self._done[item] for item in sorted(self._done)],
            failed=[Failure(index=item, error=self._own(item).body()) for item in sorted(self.plan.failed)],
            unknown=sorted(set(self.plan.unknown) - self._probable.keys()),
            probable=[Probable(index=item, id=found) for item, found in sorted(self._probable.items())],
        )

    def _confirm(self, items: Sequence[int], answers: Sequence[One]) -> None:
        self.plan.confirm()
        self._done |= zip(items, answers, strict=True)

    def _refused(self, error: SmeBoostError) -> None:
        found = error.blame if isinstance(error, RecordsRefused) else NOBODY
        self.plan.refuse(error, bad=found.bad, likely=found.likely)
        if found.columns:
            self._columns |= self._write.having(found.columns)
            self.plan.drop(self._columns, error)

    async def _maybe_missing(self, items: Sequence[int], error: SmeBoostError) -> None:
        """Airtable says "not permitted, or not found" of a batch with one record that is not there."""
        about_place = any(problem.field in ("base_id", "table_id") for problem in error.errors)
        missing = () if about_place else await self._ask_for_missing(items)
        if not missing:
            self.plan.stop(error, sent_too=True)
            return
        said = FieldProblem(field=self._write.argument, message="is not there, or the token may not see it")
        self.plan.refuse(NotFound("There is no such record in this table.", errors=[said]), bad=missing)

    async def _ask_for_missing(self, items: Sequence[int]) -> Collection[int]:
        try:
            return await self._write.missing(items)
        except SmeBoostError:
            return ()

    async def _look(self, items: Sequence[int], since: datetime, error: OutcomeUnknown) -> None:
        try:
            found = await self._write.look(items, since, self._done)
        except SmeBoostError:
            # To look failed as well: nothing is known.
            found = Looked[One]()
        self.plan.settle(written=found.written, again=found.repeatable)
        self._done |= found.written
        self._probable |= found.probable
        if self.plan.unknown:
            self._lost = error
            self.plan.stop(VendorRejected("Not sent, because an earlier request got no answer."))

    def _note_end(self, sending: asyncio.Future[Sequence[One]], items: Sequence[int]) -> None:
        error = sending.exception()
        if error is None:
            self._confirm(items, sending.result())
        elif isinstance(error, SmeBoostError) and not isinstance(error, OutcomeUnknown):
            self.plan.stop(error, sent_too=True)
        else:
            self.plan.settle(written=(), again=())

    def _own(self, item: int) -> SmeBoostError:
        """The reason of one item: the problems that are its own, or the whole reason at its place."""
        reason = self.plan.failed[item]
        own = [problem for problem in reason.errors if (place := _PLACE.match(problem.field)) and int(place[1]) == item]
        if not own:
            column = f".fields.{self._columns[item]}" if item in self._columns else ""
            place = f"{self._write.argument}.{item}{column}"
            own = [problem.model_copy(update={"field": place}) for problem in reason.errors[:1]]
        hint = TOGETHER if item in self.plan.doubtful else reason.hint
        return type(reason)(reason.message, hint=hint, errors=own, retry_after_seconds=reason.retry_after_seconds)

    def _total_failure(self) -> SmeBoostError:
        reasons = list({id(reason): reason for _, reason in sorted(self.plan.failed.items())}.values())
        worst = self._lost or reasons[0]
        if self._lost:
            worst.message += (
                f" This concerns the items {spans(self.plan.unknown)} (counted from 0) of {self._write.size}."
            )
            worst.errors = [
                FieldProblem(field=f"{self._write.argument}.{item}", message=f"was probably written, as {found}")
                for item, found in sorted(self._probable.items())
            ][:PROBLEMS_MAX]
        elif self._write.size > 1:
            problems = [problem for item in sorted(self.plan.failed) for problem in self._own(item).errors]
            worst.errors = list(dict.fromkeys(problems))[:PROBLEMS_MAX]
        return worst


def spans(items: Collection[int]) -> str:
    """Numbers in a form for people: `0-9, 12`."""
    found: list[list[int]] = []
    for item in sorted(items):
        if found and found[-1][-1] == item - 1:
            found[-1][1:] = [item]
        else:
            found.append([item])
    return ", ".join("-".join(map(str, span)) for span in found)


def check_size(argument: str, size: int, limit: int) -> None:
    """Refuse a call with more items than the limit.

    Raises:
        InvalidInput: there are too many.
    """
    if size > limit:
        problem = FieldProblem(
            field=argument, message=f"has {size} items; a call may have {limit}. Make several calls."
        )
        raise InvalidInput("There are too many items for one call.", errors=[problem])


def check_unique(argument: str, values: Sequence[str]) -> None:
    """Refuse a call that names the same thing twice, because which one wins would depend on the batches.

    Raises:
        InvalidInput: a value repeats an earlier one.
    """
    seen: dict[str, int] = {}
    for index, value in enumerate(values):
        if (earlier := seen.setdefault(value, index)) != index:
            problem = FieldProblem(field=argument.format(index), message=f"is the same as item {earlier}")
            raise InvalidInput("An item is given twice.", errors=[problem])
