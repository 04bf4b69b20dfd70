"""The emulator: its options, its knobs, its clock, its state, and how a planned change becomes a fact."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.errors import model_not_found, no_such_row, not_found, storage_failed
from smeboost_emulators.airtable.ids import derived_id
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.limits import RateLimits
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.records.iterators import Iterators
from smeboost_emulators.airtable.records.pages import Pages
from smeboost_emulators.airtable.seed import load_seed
from smeboost_emulators.airtable.state.changes import Change, apply
from smeboost_emulators.airtable.state.commits import Actor, Before, Commit, Observer, before, stamp
from smeboost_emulators.airtable.state.schema import State, Table
from smeboost_emulators.airtable.state.store import JOURNAL_ROWS_MAX, Store

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """What is chosen once, at the start (see `Knobs` for the rest). No tokens means that any token is good."""

    tokens: frozenset[str] = frozenset()
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
    observers: list[Observer] = field(default_factory=list[Observer])
    limits: RateLimits = field(init=False)
    pages: Pages = field(init=False)

    def __post_init__(self) -> None:
        self.limits = RateLimits(self.knobs, self.clock)
        self.pages = Pages(Iterators(self.knobs, self.clock), self.knobs)

    def add_seed(self, text: bytes) -> None:
        """Load a seed beside what is there; an id of a base that exists replaces that base."""
        for base in load_seed(text):
            self.state.add(base)
        self.pages.forget()
        if self.store is not None:
            self.store.save(self.state)

    def user_of(self, token: str) -> dict[str, Any]:
        """Who a token belongs to, `{"id"}`: the same token is the same user for ever."""
        return {"id": derived_id("usr", token)}

    def commit(self, base_id: str, changes: Iterable[Change], actor: Actor) -> None:
        """Store the changes of one request to one base, make them, and show them to the observers.

        No changes are no transaction: nothing is stored and nobody is told.

        Raises:
            ApiError: 503 when they cannot be stored; nothing is changed then.
        """
        changes, moment = list(changes), self.clock.now()
        if not changes:
            return
        base = self.state.bases.get(base_id)
        watching = [observer for observer in self.observers if base is None or observer.watches(base)]
        seen = before(self.state, changes) if watching else Before()
        self._store([*changes, stamp(base_id, actor, timestamp(moment))])
        base = self.state.bases[base_id]
        for observer in watching:
            observer.observe(Commit(base, base.transaction, moment, actor, changes, seen))
        if self.store is not None and self.store.is_full:
            self.store.fold(self.state)

    def _store(self, changes: list[Change]) -> None:
        if self.store is not None:
            try:
                self.store.append(changes)
            except sqlite3.Error:
                raise storage_failed() from None
        for change in changes:
            apply(self.state, change)

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
