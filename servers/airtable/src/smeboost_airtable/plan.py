"""What to send next of a large write, and what became of every item. Pure: nothing is sent here.

Rules of this room:

- Airtable writes a request as a whole or not at all. A request that was refused for what is in it is divided, so that
  a bad item fails alone. Items known to be bad are taken out; otherwise the likely ones are put apart; otherwise it is
  halved. When one part is written the other is known to hold what was bad, and is divided without being sent whole.
- Dividing costs requests, so it is bounded, for each batch and for the whole call. What is refused again and again
  without anything being written is likely wrong with all of it: then it is given up, and later batches stay whole.
- A request whose outcome is unknown is sent again only when somebody looked (`settle`), and once.
- Every item ends in exactly one of `written`, `failed`, `unknown`.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

DIVISIONS_PER_BATCH_MAX = 8
"""A division costs one request or two; to find one bad item among 10 takes 4 of them, and at most 6 requests."""
DIVISIONS_PER_CALL_MAX = 200
REFUSALS_IN_VAIN_MAX = 5
"""Refusals of one batch without a single item written, after which it is not divided any more."""

Reason = TypeVar("Reason")


@dataclass(frozen=True)
class _Part(Generic[Reason]):
    """Items that are sent together; of two with the same `pair`, one surely holds what `refused` is about."""

    items: tuple[int, ...]
    batch: int
    pair: int = 0
    refused: Reason | None = None
    is_bad: bool = False
    is_repeated: bool = False


@dataclass
class Plan(Generic[Reason]):
    """The items 0 to `size` - 1, in batches; ask `next`, send those items, and say what came of it."""

    size: int
    batch_size: int
    written: list[int] = field(default_factory=list[int])
    failed: dict[int, Reason] = field(default_factory=dict[int, Reason])
    unknown: list[int] = field(default_factory=list[int])
    doubtful: set[int] = field(default_factory=set[int])
    """Those of `failed` that were only refused together with others."""

    def __post_init__(self) -> None:
        """Nothing is sent yet."""
        batches = [
            range(first, min(first + self.batch_size, self.size)) for first in range(0, self.size, self.batch_size)
        ]
        self._open = [_Part[Reason](tuple(items), number) for number, items in enumerate(batches)][::-1]
        self._sent: _Part[Reason] | None = None
        self._divisions: Counter[int] = Counter()
        self._refusals: Counter[int] = Counter()
        self._lucky: set[int] = set()
        self._pairs = 0

    @property
    def accounted(self) -> int:
        """How many items have their end."""
        return len(self.written) + len(self.failed) + len(self.unknown)

    @property
    def pending(self) -> list[int]:
        """The items that are not accounted for, without those just sent."""
        return [item for part in reversed(self._open) for item in part.items]

    @property
    def is_waiting(self) -> bool:
        """Whether something was sent and nobody has said yet what came of it."""
        return self._sent is not None

    def next(self) -> tuple[int, ...]:
        """The items to send now; none when all is done."""
        while self._open:
            part = self._open.pop()
            if part.is_bad:
                self._divide(part, ())
            elif part.items:
                self._sent = part
                return part.items
        return ()

    def confirm(self) -> None:
        """What was sent is written."""
        sent = self._take()
        self.written += sent.items
        self._lucky.add(sent.batch)
        if sent.pair and self._open and self._open[-1].pair == sent.pair:
            self._open[-1] = replace(self._open[-1], is_bad=True)

    def refuse(self, reason: Reason, *, bad: Collection[int] = (), likely: Collection[int] = ()) -> None:
        """What was sent is surely not written, for what is in it: in the `bad` ones for certain."""
        sent = self._take()
        self._refusals[sent.batch] += 1
        found = [item for item in sent.items if item in bad]
        self._fail(found, reason)
        rest = replace(sent, items=tuple(item for item in sent.items if item not in bad), pair=0, refused=reason)
        if not found:
            self._divide(rest, likely)
        elif self._may_divide(rest):
            self._open.append(rest)
        else:
            self._give_up(rest)

    def settle(self, *, written: Collection[int], again: Collection[int]) -> None:
        """Somebody looked what became of what was sent: the rest stays unknown, and so does a second `again`."""
        sent = self._take()
        left = [item for item in sent.items if item not in written]
        repeated = () if sent.is_repeated else tuple(item for item in left if item in again)
        self.written += [item for item in sent.items if item in written]
        self.unknown += [item for item in left if item not in repeated]
        if repeated:
            self._open.append(replace(sent, items=repeated, pair=0, is_repeated=True))

    def stop(self, reason: Reason, *, sent_too: bool = False) -> None:
        """Nothing more is sent; with `sent_too` also what was sent last is surely not written."""
        items = list(self._take().items) if sent_too else []
        self._fail(items + self.pending, reason)
        self._open.clear()

    def drop(self, items: Collection[int], reason: Reason) -> None:
        """Do not send these any more: they would be refused."""
        self._fail([item for item in self.pending if item in items], reason)
        kept = [replace(part, items=tuple(item for item in part.items if item not in items)) for part in self._open]
        # A part that lost items no longer says anything about its pair.
        self._open = [
            part if part.items == before.items else replace(part, pair=0, is_bad=False)
            for part, before in zip(kept, self._open, strict=True)
        ]

    def _take(self) -> _Part[Reason]:
        if self._sent is None:
            raise RuntimeError("nothing was sent")
        sent, self._sent = self._sent, None
        return sent

    def _fail(self, items: Collection[int], reason: Reason) -> None:
        self.failed |= dict.fromkeys(items, reason)

    def _give_up(self, part: _Part[Reason]) -> None:
        """Fail what was refused, and is not tried any more."""
        if part.refused is not None:
            self._fail(part.items, part.refused)
        if len(part.items) > 1:
            self.doubtful |= set(part.items)

    def _divide(self, part: _Part[Reason], likely: Collection[int]) -> None:
        """Put the two parts of what is surely bad in the way; one item, or too much effort, is the end."""
        if len(part.items) == 1 or not self._may_divide(part):
            self._give_up(part)
            return
        suspects = tuple(item for item in part.items if item in likely)
        others = tuple(item for item in part.items if item not in likely)
        if not suspects or not others:
            half = len(part.items) // 2
            others, suspects = part.items[:half], part.items[half:]
        self._pairs += 1
        first, second = (replace(part, items=items, pair=self._pairs, is_bad=False) for items in (others, suspects))
        self._open += [second, first]

    def _may_divide(self, part: _Part[Reason]) -> bool:
        """Count one more division, if there is one left."""
        if not self._is_worth_dividing(part.batch):
            return False
        self._divisions[part.batch] += 1
        return True

    def _is_worth_dividing(self, batch: int) -> bool:
        if self._divisions[batch] >= DIVISIONS_PER_BATCH_MAX or self._divisions.total() >= DIVISIONS_PER_CALL_MAX:
            return False
        if batch in self._lucky:
            return True
        others_were_in_vain = not self.written and any(other != batch for other in self._divisions)
        return self._refusals[batch] < REFUSALS_IN_VAIN_MAX and not others_were_in_vain
