"""What the catalogue says about how relations lead to one another: keys, views of them, functions of a row.

Foreign keys and views of every schema are read, because an exposed view inherits the keys of a table that is not.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from smeboost_emulators.supabase.pools import Connection
from smeboost_emulators.supabase.rest.query.origins import Origin, base_origin, shown_columns
from smeboost_emulators.supabase.rest.query.relationships import (
    ComputedRelationship,
    ForeignKey,
    Name,
    Relationships,
    declared_relationships,
)

_KEYS = """
select k.conname, json_build_array(k.conrelid::int8, n.nspname, c.relname),
  json_build_array(k.confrelid::int8, fn.nspname, fc.relname),
  k.conkey::int4[], k.confkey::int4[],
  (select array_agg(a.attname::text order by p.place) from unnest(k.conkey) with ordinality p(number, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.number),
  (select array_agg(a.attname::text order by p.place) from unnest(k.confkey) with ordinality p(number, place)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = p.number),
  exists (select from pg_constraint u where u.conrelid = k.conrelid and u.contype in ('p', 'u')
    and u.conkey @> k.conkey and u.conkey <@ k.conkey),
  exists (select from pg_constraint u where u.conrelid = k.conrelid and u.contype = 'p' and k.conkey <@ u.conkey)
from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class fc on fc.oid = k.confrelid join pg_namespace fn on fn.oid = fc.relnamespace
where k.contype = 'f' and k.conparentid = 0
order by n.nspname, c.relname, k.conname
"""
_PRIMARY_KEYS = "select conrelid::int8, conkey::int4[] from pg_constraint where contype = 'p'"
_VIEWS = """
select c.oid::int8, n.nspname, c.relname, r.ev_action::text,
  (select array_agg(a.attname::text order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0)
from pg_rewrite r
join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
where r.rulename = '_RETURN' and c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
order by n.nspname, c.relname
"""
_FUNCTIONS = """
select n.nspname, p.proname, an.nspname, ac.relname, rn.nspname, rc.relname, not p.proretset or p.prorows = 1
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type a on a.oid = p.proargtypes[0]
join pg_class ac on ac.oid = a.typrelid and ac.relkind in ('r', 'v', 'm', 'f', 'p')
join pg_namespace an on an.oid = ac.relnamespace
join pg_type t on t.oid = p.prorettype
join pg_class rc on rc.oid = t.typrelid and rc.relkind in ('r', 'v', 'm', 'f', 'p')
join pg_namespace rn on rn.oid = rc.relnamespace
where p.pronargs = 1 and p.prokind = 'f' and p.provariadic = 0 and n.nspname = any(%s)
order by n.nspname, p.proname
"""


@dataclass(frozen=True)
class View:
    """A view; `shows` gives, for a column of a table, the name of the view's column that is it."""

    name: Name
    shows: Mapping[Origin, str]


@dataclass(frozen=True)
class Links:
    """How relations lead to one another, and the primary keys that views have inherited."""

    relationships: Relationships
    view_keys: Mapping[Name, tuple[str, ...]]


@dataclass(frozen=True)
class _Key:
    """A foreign key with the catalogue's numbers of its columns."""

    key: ForeignKey
    origins: tuple[Origin, ...]
    targets: tuple[Origin, ...]


async def read_links(connection: Connection, exposed: tuple[str, ...]) -> Links:
    """All relationships of the database whose both ends are exposed."""
    views = await _views(connection)
    keys = await _keys(connection)
    view_keys = await _view_keys(connection, views)
    every = [variant for key in keys for variant in _variants(key, views, view_keys)]
    shown = [key for key in every if key.origin[0] in exposed and key.target[0] in exposed]
    declared = declared_relationships(shown, frozenset(view.name for view in views))
    return Links(Relationships(declared, await _computed(connection, exposed)), view_keys)


async def _views(connection: Connection) -> list[View]:
    rows = await (await connection.execute(_VIEWS)).fetchall()
    shown = {oid: shown_columns(rule) for oid, _, _, rule, _ in rows}
    views: list[View] = []
    for oid, schema, name, _, columns in rows:
        shows: dict[Origin, str] = {}
        for number, origin in sorted(shown[oid].items()):
            if 0 < number <= len(columns):
                shows.setdefault(base_origin(shown, origin), columns[number - 1])
        views.append(View((schema, name), shows))
    return views


async def _keys(connection: Connection) -> list[_Key]:
    rows = await (await connection.execute(_KEYS)).fetchall()
    found: list[_Key] = []
    for name, near, far, mine, theirs, names, far_names, unique, junction in rows:
        pairs = tuple(zip(names, far_names, strict=True))
        key = ForeignKey(name, (near[1], near[2]), (far[1], far[2]), pairs, unique=unique, junction=junction)
        found.append(_Key(key, tuple((near[0], n) for n in mine), tuple((far[0], n) for n in theirs)))
    return found


async def _view_keys(connection: Connection, views: list[View]) -> dict[Name, tuple[str, ...]]:
    primary = await (await connection.execute(_PRIMARY_KEYS)).fetchall()
    found: dict[Name, tuple[str, ...]] = {}
    for view in views:
        names: list[str] = []
        for oid, numbers in primary:
            names.extend(_shown(view, tuple((oid, number) for number in numbers)) or ())
        if names:
            found[view.name] = tuple(dict.fromkeys(names))
    return found


def _variants(key: _Key, views: list[View], view_keys: Mapping[Name, tuple[str, ...]]) -> list[ForeignKey]:
    """The key itself, and what views of either side inherit of it."""
    mine = [(key.key.origin, tuple(name for name, _ in key.key.columns), key.key.junction)]
    theirs = [(key.key.target, tuple(name for _, name in key.key.columns))]
    for view in views:
        if names := _shown(view, key.origins):
            mine.append((view.name, names, set(names) <= set(view_keys.get(view.name, ()))))
        if names := _shown(view, key.targets):
            theirs.append((view.name, names))
    return [
        replace(key.key, origin=origin, target=target, columns=tuple(zip(names, far_names, strict=True)), junction=part)
        for origin, names, part in mine
        for target, far_names in theirs
    ]


def _shown(view: View, origins: tuple[Origin, ...]) -> tuple[str, ...] | None:
    """The view's names of these columns, if it shows them all."""
    names = [view.shows[origin] for origin in origins if origin in view.shows]
    return tuple(names) if len(names) == len(origins) else None


async def _computed(connection: Connection, exposed: tuple[str, ...]) -> dict[Name, dict[str, ComputedRelationship]]:
    found: dict[Name, dict[str, ComputedRelationship]] = defaultdict(dict)
    cursor = await connection.execute(_FUNCTIONS, (list(exposed),))
    async for schema, name, owner_schema, owner, far_schema, far, to_one in cursor:
        function = ComputedRelationship((schema, name), (owner_schema, owner), (far_schema, far), to_one=to_one)
        found[function.origin].setdefault(name, function)
    return dict(found)
