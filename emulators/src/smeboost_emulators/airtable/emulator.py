"""The emulator: its options, its knobs, its clock, its state, and how a planned change becomes a fact."""

import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from smeboost_emulators.airtable.attachments.arrivals import Arrivals
from smeboost_emulators.airtable.attachments.files import FileStore
from smeboost_emulators.airtable.attachments.keeper import Keeper
from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.errors import (
    model_not_found,
    no_such_row,
    not_found,
    nothing_to_reset_to,
    storage_failed,
)
from smeboost_emulators.airtable.faults import Faults
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.limits import RateLimits
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.records.iterators import Iterators
from smeboost_emulators.airtable.records.pages import Pages
from smeboost_emulators.airtable.rights import Rights
from smeboost_emulators.airtable.seed import load_seed
from smeboost_emulators.airtable.state.access import TokenOwner
from smeboost_emulators.airtable.state.changes import Change, apply
from smeboost_emulators.airtable.state.commits import Actor, Commit, Observer, stamp
from smeboost_emulators.airtable.state.schema import State, Table
from smeboost_emulators.airtable.state.snapshot import state_from_parts, state_to_parts
from smeboost_emulators.airtable.state.store import JOURNAL_ROWS_MAX, Store
from smeboost_emulators.airtable.webhooks.observer import Webhooks
from smeboost_emulators.airtable.webhooks.pings import Pinger

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """What is chosen once, at the start (see `Knobs` for the rest). No tokens means that any token is good.

    `owners` are tokens of which more is known than that they are good.
    """

    tokens: frozenset[str] = frozenset()
    owners: tuple[TokenOwner, ...] = ()
    admin_token: str | None = None
    """Who has it may use the admin path from anywhere; without one only clients on this machine may."""
    body_bytes_max: int = 5 * MEBIBYTE
    journal_rows_max: int = JOURNAL_ROWS_MAX


@dataclass(slots=True, eq=False)
class Emulator:
    """One running stand-in: requests are handled one after the other, so a plan and its changes are one step."""

    options: EmulatorOptions
    knobs: Knobs = field(default_factory=Knobs)
    clock: Clock = field(default_factory=Clock)
    state: State = field(default_factory=State)
    store: Store | None = None
    seed: Callable[[], bytes] | None = None
    """Reads the seed again, for a reset."""
    observers: list[Observer] = field(default_factory=list[Observer])
    faults: Faults = field(default_factory=Faults)
    limits: RateLimits = field(init=False)
    rights: Rights = field(init=False)
    pages: Pages = field(init=False)
    pinger: Pinger = field(init=False)
    keeper: Keeper = field(init=False)
    arrivals: Arrivals = field(init=False)
    _started_knobs: Knobs = field(init=False)
    _checkpoint: list[tuple[str, str, bytes]] | None = None

    def __post_init__(self) -> None:
        self.state.go_by(self.clock)
        self._started_knobs = msgspec.structs.replace(self.knobs)
        self.limits = RateLimits(self.knobs, self.clock)
        plain = (TokenOwner(token) for token in self.options.tokens)
        self.rights = Rights((*plain, *self.options.owners), self.knobs)
        self.pages = Pages(Iterators(self.knobs, self.clock), self.knobs)
        self.pinger = Pinger(self)
        self.observers.append(Webhooks(self.clock, self.knobs, self.pinger.wake))
        self.keeper = Keeper(FileStore(None), self.clock.now)
        self.arrivals = Arrivals(self)

    def adopt(self, state: State) -> None:
        """Take a whole state for the present one."""
        state.go_by(self.clock)
        self.state = state
        self.pages.forget()

    def add_seed(self, text: bytes) -> None:
        """Load a seed beside what is there; an id of a base that exists replaces that base."""
        self.state.join(load_seed(text))
        self.pages.forget()
        if self.store is not None:
            self.store.save(self.state)

    def keep_checkpoint(self) -> None:
        """From now on a reset goes back to what is there now."""
        self._checkpoint = list(state_to_parts(self.state))

    def drop_checkpoint(self) -> None:
        """From now on a reset goes back to the seed."""
        self._checkpoint = None

    def reset(self) -> None:
        """All is as it was at the start: the seed (or the checkpoint), knobs and time; no faults and no lock-outs.

        Raises:
            ApiError: 409 without a seed, when that would throw a data directory away; 503 when it cannot be stored.
            SeedError: the seed is not valid any more.
            OSError: the seed cannot be read any more.
        """
        state = self._state_at_start()
        if self.store is not None:
            try:
                self.store.save(state)
            except sqlite3.Error:
                raise storage_failed() from None
        self.adopt(state)
        self.knobs.turn(msgspec.structs.asdict(self._started_knobs))
        self.clock.reset()
        self.faults.waiting.clear()
        self.limits.forget()
        self.pinger.wake()

    def _state_at_start(self) -> State:
        if self._checkpoint is not None:
            return state_from_parts(self._checkpoint)
        if self.seed is not None:
            return load_seed(self.seed())
        if self.store is not None:
            raise nothing_to_reset_to()
        return State()

    def commit(self, base_id: str, changes: Iterable[Change], actor: Actor) -> None:
        """Store the changes of one request to one base, make them, and add what the observers make of them.

        No changes are no transaction: nothing is stored and nobody is told.

        Raises:
            ApiError: 503 when they cannot be stored; nothing is changed then.
        """
        changes, moment = list(changes), self.clock.now()
        if not changes:
            return
        self.pages.complete(base_id)
        base = self.state.bases.get(base_id)
        looks = [] if base is None else [observer.look(base, changes) for observer in self.observers]
        conclusions = [conclude for conclude in looks if conclude is not None]
        stamped = [*changes, stamp(base_id, actor, timestamp(moment))]
        if conclusions:
            with self._whole():
                self._store(stamped)
                base = self.state.bases[base_id]
                commit = Commit(base, base.transaction, moment, actor, changes)
                self._store([change for conclude in conclusions for change in conclude(commit)])
        else:
            self._store(stamped)
        self._fold_when_full()

    def record(self, changes: Sequence[Change]) -> None:
        """Store and make changes that are no transaction of a base: what befalls its webhooks.

        Raises:
            ApiError: 503 when they cannot be stored; nothing is changed then.
        """
        self._store(changes)
        self._fold_when_full()
        self.pinger.wake()

    @contextmanager
    def _whole(self) -> Generator[None]:
        """Changes that are stored together; when they cannot be, the state becomes again what is stored."""
        if self.store is None:
            yield
            return
        try:
            with self.store.together():
                yield
        except BaseException as exc:
            self.adopt(self.store.load())
            if isinstance(exc, sqlite3.Error):
                raise storage_failed() from None
            raise

    def _store(self, changes: Sequence[Change]) -> None:
        if self.store is not None and changes:
            try:
                self.store.append(changes)
            except sqlite3.Error:
                raise storage_failed() from None
        for change in changes:
            apply(self.state, change)

    def _fold_when_full(self) -> None:
        if self.store is not None and self.store.is_full:
            self.store.fold(self.state)

    def slot(self, table: Table, record_id: str) -> int:
        """The slot of an existing record of the table.

        Raises:
            ApiError: 404 for a record that was deleted, 403 (or 404 or 422, by knob) for one that never was there.
        """
        slot = table.slot_of(record_id)
        if slot is not None:
            return slot
        if self.knobs.unknown_record_status == 422:
            raise no_such_row(record_id)
        if table.knew(record_id) or self.knobs.unknown_record_status == 404:
            raise not_found()
        raise model_not_found()
