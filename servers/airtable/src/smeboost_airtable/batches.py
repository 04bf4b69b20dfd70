"""Writes of any size, in Airtable's batches of 10.

Rules of this room:

- A batch is written as a whole or not at all. After a batch that Airtable refused for what is in it, the others go on.
- After a failure that is not about the batch (no permission, too fast, no connection) nothing more is sent.
- The caller learns of every item whether it was written, surely not written, or possibly written.
- When nothing was written the failure is raised, so that it cannot be read as a success.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from smeboost_shared.errors import FieldProblem, InvalidInput, OutcomeUnknown, SmeBoostError, VendorRejected

from smeboost_airtable.client import BATCH_RECORDS_MAX
from smeboost_airtable.models import Failure

Item = TypeVar("Item")
Answer = TypeVar("Answer")
ReportProgress = Callable[[int, int], Awaitable[None]]
PROBLEMS_MAX = 20


@dataclass
class Batches(Generic[Answer]):
    """What became of each item; indices count from the start of the call."""

    answers: list[Answer] = field(default_factory=list[Answer])
    failed: list[Failure] = field(default_factory=list[Failure])
    unknown: list[int] = field(default_factory=list[int])


async def write_in_batches(
    items: Sequence[Item],
    write: Callable[[Sequence[Item], int], Awaitable[Answer]],
    report_progress: ReportProgress,
) -> Batches[Answer]:
    """Call `write(batch, index of its first item)` for each batch of `items`.

    Raises:
        SmeBoostError: nothing was written for certain; the error says what is known.
    """
    result = Batches[Answer]()
    errors: list[SmeBoostError] = []
    for first in range(0, len(items), BATCH_RECORDS_MAX):
        batch = items[first : first + BATCH_RECORDS_MAX]
        try:
            result.answers.append(await write(batch, first))
        except SmeBoostError as error:
            errors.append(error)
            rest = _sort_out(result, error, range(first, first + len(batch)), len(items))
            if rest:
                break
        if len(items) > BATCH_RECORDS_MAX:
            await report_progress(first + len(batch), len(items))
    if not result.answers:
        raise _total_failure(errors, result.unknown, len(items))
    return result


def _sort_out(result: Batches[Answer], error: SmeBoostError, batch: range, total: int) -> bool:
    """Note what a failed batch means for its items; True when the rest is not to be sent."""
    if isinstance(error, OutcomeUnknown):
        result.unknown += batch
        not_sent = range(batch.stop, total)
    elif isinstance(error, InvalidInput | VendorRejected):
        result.failed += [Failure(index=index, error=error.body()) for index in batch]
        return False
    else:
        not_sent = range(batch.start, total)
    reason = _not_sent() if isinstance(error, OutcomeUnknown) else error
    result.failed += [Failure(index=index, error=reason.body()) for index in not_sent]
    return True


def _not_sent() -> SmeBoostError:
    return VendorRejected("Not sent, because an earlier batch got no answer.")


def _total_failure(errors: list[SmeBoostError], unknown: list[int], total: int) -> SmeBoostError:
    worst = next((error for error in errors if isinstance(error, OutcomeUnknown)), errors[0])
    if unknown:
        places = f"{unknown[0]} to {unknown[-1]}"
        worst.message += f" This concerns the items {places} (counted from 0) of {total}; the others were not written."
    elif len(errors) > 1:
        worst.errors = [problem for error in errors for problem in error.errors][:PROBLEMS_MAX]
    return worst


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
