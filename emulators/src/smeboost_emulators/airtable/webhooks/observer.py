"""From a request's changes to new payloads: an observer, which looks only at bases that have webhooks."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.comments.ledger import CommentDeleted, CommentSet
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.state.changes import CellsSet, Change, ChoiceAdded, Created, Deleted
from smeboost_emulators.airtable.state.commits import Commit, Conclusion
from smeboost_emulators.airtable.state.schema import Base, Table
from smeboost_emulators.airtable.webhooks.cells import level_in
from smeboost_emulators.airtable.webhooks.differences import Difference, compare, look
from smeboost_emulators.airtable.webhooks.ledger import Hook, PayloadsMade
from smeboost_emulators.airtable.webhooks.payloads import Action, error_payload, payloads_for
from smeboost_emulators.airtable.webhooks.reach import Dependents, dependents_of, reach
from smeboost_emulators.airtable.webhooks.specification import Specification, is_lost, scope_of

_RECORD_CHANGES = (Created, CellsSet, Deleted, ChoiceAdded, CommentSet, CommentDeleted)
"""Changes that leave the tables, fields and views as they are."""
_USER_SOURCES = ("client", "publicApi")
"""Sources whose metadata name a user [D]."""
_Watcher = tuple[Hook, Specification]


class Webhooks:
    """Writes payloads for every active webhook; `look` is called before a request's changes are made."""

    def __init__(self, clock: Clock, knobs: Knobs, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._knobs = knobs
        self._wake = wake
        self._dependents: dict[str, tuple[Base, Dependents]] = {}

    def look(self, base: Base, changes: Sequence[Change]) -> Conclusion | None:
        """What is there before; the result says what the changes mean for the webhooks once they are made."""
        watchers = list(self._watchers(base)) if base.hooks else []
        if not watchers:
            self._dependents.pop(base.id, None)
            return None
        keeps_schema = all(isinstance(change, _RECORD_CHANGES) for change in changes)
        before = look(
            base,
            changes,
            reach(base, changes, self._dependents_of(base)),
            view_ids=_watched_views(base, watchers),
            with_previous=any(spec.includes.include_previous_cell_values for _, spec in watchers),
            with_shapes=not keeps_schema,
        )

        def tell(commit: Commit) -> Sequence[Change]:
            if not keeps_schema:
                self._dependents.pop(base.id, None)
            events = list(self._events(commit, watchers, compare(before)))
            if events:
                self._wake()
            return events

        return tell

    def _watchers(self, base: Base) -> Iterator[_Watcher]:
        now = self._clock.now()
        for hook in base.hooks.values():
            if hook.is_active(now):
                yield hook, msgspec.convert(hook.specification, Specification)

    def _dependents_of(self, base: Base) -> Dependents:
        known = self._dependents.get(base.id)
        if known is None or known[0] is not base:
            known = self._dependents[base.id] = (base, dependents_of(base))
        return known[1]

    def _events(self, commit: Commit, watchers: Sequence[_Watcher], difference: Difference) -> Iterator[PayloadsMade]:
        base, moment, action = commit.base, commit.moment.timestamp(), _action(commit)
        for hook, specification in watchers:
            if difference.shapes_before and is_lost(specification, base):
                ending = msgspec.json.encode(error_payload(action, "INVALID_FILTERS"))
                yield PayloadsMade(base.id, hook.id, moment, [ending], is_lost=True)
                continue
            payloads = payloads_for(specification, action, difference, self._knobs.payload_records_max)
            if payloads:
                yield PayloadsMade(base.id, hook.id, moment, [msgspec.json.encode(part) for part in payloads])


def _action(commit: Commit) -> Action:
    actor = commit.actor
    user = {**actor.user, "permissionLevel": level_in(commit.base, str(actor.user["id"]))}
    metadata = {"user": user} if actor.source in _USER_SOURCES else {}
    return Action(timestamp(commit.moment), commit.number, actor.source, metadata)


def _watched_views(base: Base, watchers: Sequence[_Watcher]) -> list[tuple[Table, str]]:
    scopes = (scope_of(specification, base) for _, specification in watchers)
    return [(scope.table, scope.view_id) for scope in scopes if scope is not None and scope.view_id is not None]
