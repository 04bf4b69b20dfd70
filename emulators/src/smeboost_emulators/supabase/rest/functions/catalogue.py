"""The functions of the exposed schemas, as `pg_proc` has them.

Source: PostgREST, "Functions as RPC". Left out is what no request can call: procedures, aggregates, trigger functions,
and arguments whose type the call alone would have to tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from psycopg import sql

from smeboost_emulators.supabase.pools import Connection
from smeboost_emulators.supabase.rest.schema import Column, Relation, TypeName

_FUNCTIONS = """
with args as (
  select p.oid, a.place, a.type, coalesce(a.mode, 'i') as mode, coalesce(p.proargnames[a.place], '') as name,
    row_number() over (partition by p.oid, coalesce(a.mode, 'i') in ('i', 'b', 'v') order by a.place) as nth
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  cross join lateral unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes)
    with ordinality as a(type, mode, place)
  where n.nspname = any(%(exposed)s) and (%(name)s::text is null or p.proname = %(name)s)
), typed as (
  select args.oid, args.place, args.mode, args.name, args.nth, t.typtype,
    json_build_object('name', args.name, 'type_schema', tn.nspname, 'type', t.typname, 'category', t.typcategory,
      'mode', args.mode, 'nth', args.nth) as shown
  from args join pg_type t on t.oid = args.type join pg_namespace tn on tn.oid = t.typnamespace
)
select p.oid::int8, p.oid::text || ':' || p.xmin::text, n.nspname, p.proname, p.provolatile, p.proretset,
  p.pronargs - p.pronargdefaults as required,
  coalesce((select json_agg(shown order by place) from typed t where t.oid = p.oid and mode in ('i', 'b', 'v')), '[]'),
  coalesce((select json_agg(shown order by place) from typed t where t.oid = p.oid and mode in ('o', 'b', 't')), '[]'),
  rn.nspname, r.typname, r.typtype,
  case when r.typtype = 'd' then (select typname from pg_type where oid = r.typbasetype) else r.typname end,
  cn.nspname, c.relname,
  coalesce((select json_agg(json_build_object('name', a.attname, 'type_schema', an.nspname, 'type', t.typname,
      'category', t.typcategory) order by a.attnum)
    from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace an on an.oid = t.typnamespace
    where a.attrelid = r.typrelid and r.typrelid <> 0 and a.attnum > 0 and not a.attisdropped), '[]'),
  (select substr(setting, 19) from unnest(p.proconfig) as setting where setting like 'statement_timeout=%%')
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type r on r.oid = p.prorettype
join pg_namespace rn on rn.oid = r.typnamespace
left join pg_class c on c.oid = r.typrelid and r.typrelid <> 0
left join pg_namespace cn on cn.oid = c.relnamespace
where n.nspname = any(%(exposed)s) and p.prokind = 'f' and (%(name)s::text is null or p.proname = %(name)s)
  and (r.typtype <> 'p' or r.typname in ('void', 'record'))
  and not exists (select from typed where typed.oid = p.oid and mode in ('i', 'b', 'v') and typtype = 'p')
order by p.oid
"""
Returns = Literal["void", "scalar", "composite"]


@dataclass(frozen=True)
class Argument:
    """An argument that a call may or must give; without a name it has only its place."""

    name: str
    type: TypeName
    required: bool
    variadic: bool


@dataclass(frozen=True)
class Function:
    """A function: what it takes and what it gives; `oid` and `version` tell it from what it was before.

    `rows` describes the columns of a composite result. `base` is the result's type without its domain.
    `timeout` is the function's own `statement_timeout`.
    """

    oid: int
    version: str
    schema: str
    name: str
    volatile: bool
    many: bool
    arguments: tuple[Argument, ...]
    returns: Returns
    returned: TypeName
    base: str
    rows: Relation
    timeout: str | None

    @property
    def identifier(self) -> sql.Identifier:
        """The function in a statement."""
        return sql.Identifier(self.schema, self.name)

    @property
    def shown(self) -> str:
        """The function with its arguments, as errors name it."""
        arguments = ", ".join(f"{argument.name} => {argument.type.name}" for argument in self.arguments)
        return f"{self.schema}.{self.name}({arguments})"


Functions = Mapping[tuple[str, str], tuple[Function, ...]]


async def read_functions(
    connection: Connection,
    exposed: tuple[str, ...],
    relations: Mapping[tuple[str, str], Relation],
    *,
    name: str | None = None,
) -> Functions:
    """All overloads of every function, or of the one called `name`, by schema and name."""
    found: dict[tuple[str, str], tuple[Function, ...]] = {}
    cursor = await connection.execute(_FUNCTIONS, {"exposed": list(exposed), "name": name})
    async for row in cursor:
        function = _function(row, relations)
        key = function.schema, function.name
        found[key] = (*found.get(key, ()), function)
    return found


def _function(row: Sequence[Any], relations: Mapping[tuple[str, str], Relation]) -> Function:
    oid, version, schema, name, volatility, many, required, inputs, outputs, *result, timeout = row
    type_schema, type_name, type_kind, base, relation_schema, relation_name, attributes = result
    composite = bool(outputs) or type_kind == "c"
    rows = relations.get((relation_schema, relation_name)) if type_kind == "c" else None
    if rows is None:
        columns = [_column(entry) for entry in cast(list[dict[str, Any]], outputs or attributes)]
        rows = Relation(schema, name, {column.name: column for column in columns}, ())
    return Function(
        oid=oid,
        version=version,
        schema=schema,
        name=name,
        volatile=volatility == "v",
        many=many,
        arguments=tuple(_argument(entry, required) for entry in cast(list[dict[str, Any]], inputs)),
        returns="composite" if composite else "void" if type_name == "void" else "scalar",
        returned=TypeName(type_schema, type_name),
        base=base,
        rows=rows,
        timeout=timeout,
    )


def _argument(entry: Mapping[str, Any], required: int) -> Argument:
    return Argument(
        name=entry["name"],
        type=TypeName(entry["type_schema"], entry["type"]),
        required=entry["nth"] <= required,
        variadic=entry["mode"] == "v",
    )


def _column(entry: Mapping[str, Any]) -> Column:
    type_name = TypeName(entry["type_schema"], entry["type"])
    return Column(str(entry["name"]), type_name, str(entry["category"]), default=None, generated=False)
