"""Tell the changes of one table to those who asked for them and may see them.

Rules of this room (Supabase Realtime's `realtime.apply_rls`):

- INSERT and UPDATE are told to whom the row is visible now; a DELETE is told to everybody who asked, because there is
  no row left to ask about.
- People with the same role and the same claims are asked about once.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from smeboost_shared.logs import get_logger

from smeboost_emulators.supabase.pools import Connection, Pool
from smeboost_emulators.supabase.realtime import records
from smeboost_emulators.supabase.realtime.bindings import ANY, Binding
from smeboost_emulators.supabase.realtime.catalogue import (
    RoleFact,
    TableFact,
    TypeFact,
    table_fact,
    type_facts,
)
from smeboost_emulators.supabase.realtime.channels import Channel
from smeboost_emulators.supabase.realtime.comparisons import Compared, compare
from smeboost_emulators.supabase.realtime.frames import Outgoing
from smeboost_emulators.supabase.realtime.pgoutput import Begin, Change, Row, WireRelation
from smeboost_emulators.supabase.realtime.records import Frame, ToldChange, told_change
from smeboost_emulators.supabase.realtime.visibility import PEOPLE_AT_ONCE, Person, took_too_long, visible_rows

log = get_logger("supabase-realtime")
# Fewer than a pool has connections, so that joins go on meanwhile.
ASKING_AT_ONCE = 4
NOBODY = RoleFact(bypasses=False, columns=frozenset())


@dataclass(frozen=True, eq=False)
class Subscriber:
    """A channel with what it asked for, who asks, and from where in the log on."""

    channel: Channel
    bindings: tuple[Binding, ...]
    person: Person
    since: int


@dataclass(frozen=True)
class Batch:
    """Changes of one table in one transaction, in their order."""

    relation: WireRelation
    begun: Begin
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class _Picture:
    """All that is known when a batch is told."""

    frame: Frame
    table: TableFact
    told: Sequence[ToldChange]
    visible: Mapping[Person, frozenset[int]]

    def role(self, subscriber: Subscriber) -> RoleFact:
        return self.table.roles.get(subscriber.person.role, NOBODY)


class ChangeTeller:
    """Asks the database about changes, and tells them."""

    def __init__(self, pool: Pool, *, search_path: tuple[str, ...], record_max_bytes: int) -> None:
        self._pool = pool
        self._search_path = ", ".join('"' + name.replace('"', '""') + '"' for name in search_path)
        self._record_max_bytes = record_max_bytes

    async def tell(self, batch: Batch, subscribers: Iterable[Subscriber]) -> None:
        """Tell a batch to those it concerns.

        Raises:
            DatabaseDown, PoolBusy, psycopg.Error: the database could not be asked; nothing was told.
        """
        relation = batch.relation
        concerned = [
            (one, wishes)
            for one in subscribers
            if one.since <= batch.begun.position
            and (wishes := [wish for wish in one.bindings if wish.wants(relation.schema, relation.name)])
        ]
        if not concerned:
            return
        picture = await self._picture(batch, concerned)
        if picture is None:
            return
        for place, told in enumerate(picture.told):
            self._tell_one(picture, place, told, concerned)

    async def _picture(self, batch: Batch, concerned: Sequence[tuple[Subscriber, list[Binding]]]) -> _Picture | None:
        relation = batch.relation
        roles = sorted({one.person.role for one, _ in concerned})
        conditions = list(
            {condition: None for _, wishes in concerned for wish in wishes for condition in wish.conditions}
        )
        async with self._pool.connection() as connection:
            # Types of an extension bring their own comparisons.
            await _set_search_path(connection, self._search_path)
            table = await table_fact(connection, relation.oid, roles)
            if table is None:
                # It was dropped meanwhile: nobody can be asked who may see its rows.
                return None
            oids = [column.type_oid for column in relation.columns] + [kind for _, kind in table.key]
            types = await type_facts(connection, oids)
            rows = [row for change in batch.changes for row in (change.new, change.old) if row is not None]
            compared = iter(await compare(connection, relation, types, rows, conditions))
        told = [_told(change, relation, compared) for change in batch.changes]
        frame = Frame(
            schema=relation.schema,
            table=relation.name,
            committed_at=batch.begun.committed_at,
            types={column.name: types[column.type_oid].name for column in relation.columns},
            key=tuple(name for name, _ in table.key),
            row_security=table.row_security,
            record_max_bytes=self._record_max_bytes,
        )
        return _Picture(frame, table, told, await self._visible(batch, table, types, concerned, told))

    async def _visible(
        self,
        batch: Batch,
        table: TableFact,
        types: Mapping[int, TypeFact],
        concerned: Sequence[tuple[Subscriber, list[Binding]]],
        told: Sequence[ToldChange],
    ) -> dict[Person, frozenset[int]]:
        """Which changes each person sees; nothing is asked about people for whom no policy decides."""
        if not table.row_security or not table.key:
            return {}
        keys = [_key(change, batch.relation, table) for change in batch.changes]
        people = list(
            {
                one.person: None
                for one, wishes in concerned
                if not table.roles.get(one.person.role, NOBODY).bypasses
                and any(change.kind != "DELETE" and _matching(wishes, change) for change in told)
            }
        )
        gate = asyncio.Semaphore(ASKING_AT_ONCE)

        async def ask(some: list[Person]) -> dict[Person, frozenset[int]]:
            try:
                async with gate, self._pool.connection() as connection:
                    await _set_search_path(connection, self._search_path)
                    return await visible_rows(connection, table, types, keys, some)
            except psycopg.Error as exc:
                if not took_too_long(exc):
                    raise
                _complain(concerned, some, f"The policies of {table.schema}.{table.name} take too long")
                return {}

        parts = [people[start : start + PEOPLE_AT_ONCE] for start in range(0, len(people), PEOPLE_AT_ONCE)]
        answers = await asyncio.gather(*(ask(part) for part in parts))
        return {person: rows for answer in answers for person, rows in answer.items()}

    def _tell_one(
        self,
        picture: _Picture,
        place: int,
        told: ToldChange,
        concerned: Sequence[tuple[Subscriber, list[Binding]]],
    ) -> None:
        """Who gets the same gets the same frame, which is written once."""
        frames: dict[tuple[object, ...], Outgoing] = {}
        for one, wishes in concerned:
            role = picture.role(one)
            why = _reason_against(picture, told, role)
            matched = _matching(wishes, told) if why is None else _of_kind(wishes, told)
            if why is None:
                matched = [wish for wish in matched if _readable(wish, role)]
                if not _sees(picture, place, told, one):
                    continue
            for columns, ids in _by_columns(matched).items():
                name = (one.channel.topic, role.columns, columns, ids, why)
                if name not in frames:
                    said = (
                        records.payload(picture.frame, told, ids, role.columns, columns)
                        if why is None
                        else records.refusal(picture.frame, told.kind, ids, why)
                    )
                    frames[name] = Outgoing(one.channel.topic, "postgres_changes", said)
                one.channel.tell(frames[name])


def _told(change: Change, relation: WireRelation, compared: Iterable[Compared]) -> ToldChange:
    following = iter(compared)
    new = next(following) if change.new is not None else None
    old = next(following) if change.old is not None else None
    return told_change(change, relation, new, old)


def _key(change: Change, relation: WireRelation, table: TableFact) -> list[str | None]:
    """The key of the row as it is after the change."""
    row: Row = change.new or ()
    places = {column.name: place for place, column in enumerate(relation.columns)}
    values = [row[places[name]] if name in places and row else None for name, _ in table.key]
    return [value if isinstance(value, str) else None for value in values]


def _of_kind(wishes: Sequence[Binding], told: ToldChange) -> list[Binding]:
    return [wish for wish in wishes if wish.event in {ANY, told.kind}]


def _matching(wishes: Sequence[Binding], told: ToldChange) -> list[Binding]:
    return [wish for wish in _of_kind(wishes, told) if told.compared.met.issuperset(wish.conditions)]


def _readable(wish: Binding, role: RoleFact) -> bool:
    """A filter on a column that may not be read would tell what is in it."""
    return all(condition.column in role.columns for condition in wish.conditions)


def _reason_against(picture: _Picture, told: ToldChange, role: RoleFact) -> str | None:
    if told.kind == "DELETE" or role.bypasses:
        return None
    if not picture.table.key:
        return records.NO_KEY if picture.table.row_security else None
    return None if {name for name, _ in picture.table.key} <= role.columns else records.UNAUTHORIZED


def _sees(picture: _Picture, place: int, told: ToldChange, one: Subscriber) -> bool:
    if told.kind == "DELETE" or not picture.table.row_security or picture.role(one).bypasses:
        return True
    return place in picture.visible.get(one.person, ())


def _by_columns(matched: Sequence[Binding]) -> dict[tuple[str, ...] | None, tuple[int, ...]]:
    found: dict[tuple[str, ...] | None, list[int]] = {}
    for wish in matched:
        ids = found.setdefault(wish.columns, [])
        if wish.id not in ids:
            ids.append(wish.id)
    return {columns: tuple(ids) for columns, ids in found.items()}


def _complain(concerned: Sequence[tuple[Subscriber, list[Binding]]], people: Collection[Person], message: str) -> None:
    log.warning("policies_too_slow", message=message)
    for one, _ in concerned:
        if one.person in people:
            one.channel.system("error", message, extension="postgres_changes")


async def _set_search_path(connection: Connection, path: str) -> None:
    await connection.execute("select set_config('search_path', %s, true)", (path,))
