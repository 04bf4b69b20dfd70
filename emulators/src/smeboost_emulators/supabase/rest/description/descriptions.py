"""What a role may know of a schema: its relations, columns and functions, with comments. One statement.

Rules of this room:

- It runs as the caller, so privileges are the database's own answer. What the caller may not use is not named: no
  relation or function without a privilege, no column without one, no foreign key to what is hidden, no row type.
- A default is told when it is a plain value; an expression may name what is hidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

# $1 is the schema; $2 says that privileges do not matter.
DESCRIBE = """
with seen as (
  select n.oid, obj_description(n.oid, 'pg_namespace') as comment from pg_namespace n
  where n.nspname = $1 and ($2::boolean or has_schema_privilege(n.oid, 'usage'))
), visible as (
  select c.oid, c.relname, c.relkind, obj_description(c.oid, 'pg_class') as comment,
    case when c.relkind in ('r', 'p') then 28 when c.relkind = 'm' then 0
      else pg_relation_is_updatable(c.oid, true) end as abilities
  from pg_class c join seen on seen.oid = c.relnamespace
  where c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition
    and ($2::boolean or has_table_privilege(c.oid, 'select, insert, update, delete')
      or has_any_column_privilege(c.oid, 'select, insert, update'))
), columns as (
  select a.attrelid, a.attnum, json_build_object(
    'name', a.attname, 'comment', col_description(a.attrelid, a.attnum),
    'type', case when coalesce(e.typtype, t.typtype) = 'c' then 'record' else format_type(a.atttypid, a.atttypmod) end,
    'base', t.typname, 'category', t.typcategory, 'element', coalesce(e.typname, ''),
    'length', case when t.typname in ('varchar', 'bpchar') and a.atttypmod > 4 then a.atttypmod - 4 end,
    'required', a.attnotnull and not a.atthasdef and a.attidentity = '' and visible.relkind <> 'v',
    'default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
    'values', (select json_agg(m.enumlabel order by m.enumsortorder) from pg_enum m where m.enumtypid = t.oid),
    'key', exists (select from pg_index i
      where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any(i.indkey)),
    'reference', (select json_build_array(rc.relname, ra.attname) from pg_constraint k
      join visible rc on rc.oid = k.confrelid
      join pg_attribute ra on ra.attrelid = k.confrelid and ra.attnum = k.confkey[1]
      where k.conrelid = a.attrelid and k.contype = 'f' and k.conkey = array[a.attnum]
        and ($2::boolean or has_column_privilege(k.confrelid, ra.attnum, 'select, insert, update')) limit 1)
  ) as shown
  from visible join pg_attribute a on a.attrelid = visible.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid
  left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where $2::boolean or has_column_privilege(a.attrelid, a.attnum, 'select, insert, update')
), args as (
  select p.oid, a.place, coalesce(a.mode, 'i') as mode, coalesce(p.proargnames[a.place], '') as name, t.typtype,
    row_number() over (partition by p.oid order by a.place) <= p.pronargs - p.pronargdefaults as required,
    case when coalesce(e.typtype, t.typtype) = 'c' then 'record' else format_type(t.oid, null) end as type,
    t.typname as base, t.typcategory as category, coalesce(e.typname, '') as element
  from pg_proc p join seen on seen.oid = p.pronamespace
  cross join lateral unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes)
    with ordinality as a(type, mode, place)
  join pg_type t on t.oid = a.type
  left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
  where coalesce(a.mode, 'i') in ('i', 'b', 'v')
)
select json_build_object(
  'comment', (select comment from seen),
  'relations', coalesce((select json_agg(json_build_object(
      'name', v.relname, 'comment', v.comment,
      'reads', $2::boolean or has_any_column_privilege(v.oid, 'select'),
      'inserts', v.abilities & 8 > 0 and ($2::boolean or has_any_column_privilege(v.oid, 'insert')),
      'updates', v.abilities & 4 > 0 and ($2::boolean or has_any_column_privilege(v.oid, 'update')),
      'deletes', v.abilities & 16 > 0 and ($2::boolean or has_table_privilege(v.oid, 'delete')),
      'columns', coalesce((select json_agg(shown order by attnum) from columns where attrelid = v.oid), '[]')
    ) order by v.relname) from visible v), '[]'),
  'functions', coalesce((select json_agg(json_build_object(
      'name', p.proname, 'comment', obj_description(p.oid, 'pg_proc'), 'volatile', p.provolatile = 'v',
      'arguments', coalesce((select json_agg(json_build_object('name', name, 'type', type, 'base', base,
        'category', category, 'element', element, 'required', required, 'variadic', mode = 'v') order by place)
        from args where args.oid = p.oid), '[]')
    ) order by p.proname, p.oid)
    from pg_proc p join seen on seen.oid = p.pronamespace join pg_type r on r.oid = p.prorettype
    where p.prokind = 'f' and (r.typtype <> 'p' or r.typname in ('void', 'record'))
      and not exists (select from args where args.oid = p.oid and typtype = 'p')
      and ($2::boolean or has_function_privilege(p.oid, 'execute'))), '[]')
)
"""


@dataclass(frozen=True)
class DescribedType:
    """A type: as SQL writes it, and enough of it to choose JSON's."""

    shown: str
    base: str
    category: str
    element: str


@dataclass(frozen=True)
class DescribedColumn:
    """A column; `reference` is the relation and column of its foreign key."""

    name: str
    comment: str | None
    type: DescribedType
    length: int | None
    required: bool
    default: str | None
    values: tuple[str, ...]
    key: bool
    reference: tuple[str, str] | None


@dataclass(frozen=True)
class DescribedRelation:
    """A relation and what may be done with it."""

    name: str
    comment: str | None
    reads: bool
    inserts: bool
    updates: bool
    deletes: bool
    columns: tuple[DescribedColumn, ...]


@dataclass(frozen=True)
class DescribedArgument:
    """An argument of a function."""

    name: str
    type: DescribedType
    required: bool
    variadic: bool


@dataclass(frozen=True)
class DescribedFunction:
    """A function that may be called."""

    name: str
    comment: str | None
    volatile: bool
    arguments: tuple[DescribedArgument, ...]


@dataclass(frozen=True)
class Description:
    """All of a schema that the caller may know."""

    comment: str | None
    relations: tuple[DescribedRelation, ...]
    functions: tuple[DescribedFunction, ...]


def description_of(row: Mapping[str, Any]) -> Description:
    """The description that `DESCRIBE` gave."""
    return Description(
        comment=row["comment"],
        relations=tuple(_relation(entry) for entry in cast(list[dict[str, Any]], row["relations"])),
        functions=tuple(_function(entry) for entry in cast(list[dict[str, Any]], row["functions"])),
    )


def _type(entry: Mapping[str, Any]) -> DescribedType:
    return DescribedType(entry["type"], entry["base"], entry["category"], entry["element"])


def _relation(entry: Mapping[str, Any]) -> DescribedRelation:
    columns = tuple(_column(column) for column in cast(list[dict[str, Any]], entry["columns"]))
    rights = {name: bool(entry[name]) for name in ("reads", "inserts", "updates", "deletes")}
    return DescribedRelation(name=entry["name"], comment=entry["comment"], columns=columns, **rights)


def _column(entry: Mapping[str, Any]) -> DescribedColumn:
    reference = entry["reference"]
    return DescribedColumn(
        name=entry["name"],
        comment=entry["comment"],
        type=_type(entry),
        length=entry["length"],
        required=entry["required"],
        default=entry["default"],
        values=tuple(entry["values"] or ()),
        key=entry["key"],
        reference=(reference[0], reference[1]) if reference else None,
    )


def _function(entry: Mapping[str, Any]) -> DescribedFunction:
    arguments = tuple(
        DescribedArgument(one["name"], _type(one), one["required"], one["variadic"])
        for one in cast(list[dict[str, Any]], entry["arguments"])
    )
    return DescribedFunction(entry["name"], entry["comment"], entry["volatile"], arguments)
