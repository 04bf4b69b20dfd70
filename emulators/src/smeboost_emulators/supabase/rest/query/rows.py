"""Make one `select` of a tree: columns, embeds as JSON inside the row, spreads beside its columns.

Rules of this room:

- Embeds are subqueries on the row's keys, so PostgreSQL makes them only for the rows of the page, and as the caller:
  row level security and grants are the database's own at every level.
- That an embed exists (`!inner`, `rel=not.is.null`) is a condition on the row, the same one when rows are only counted.
- A relationship to one row gives one row, also when a view that it leads to repeats it.
"""

from collections.abc import Sequence

from psycopg import sql

from smeboost_emulators.supabase.rest.errors import RestFailure
from smeboost_emulators.supabase.rest.query.compositions import Binder
from smeboost_emulators.supabase.rest.query.grammar import Filter, OrderTerm
from smeboost_emulators.supabase.rest.query.outputs import ALL, Output, column_outputs, group_by, numbered, shown
from smeboost_emulators.supabase.rest.query.relationships import ComputedRelationship, Pairs
from smeboost_emulators.supabase.rest.query.statements import condition, sorted_by, value_of, where_all
from smeboost_emulators.supabase.rest.query.targets import Target
from smeboost_emulators.supabase.rest.query.trees import Embed, Tree, not_embedded

_ROW = sql.Identifier("pgrst_row")
_NOTHING = sql.SQL("")


def rows_of(tree: Tree, binder: Binder) -> sql.Composable:
    """The rows that a tree asks for."""
    outputs, joins = _outputs(tree, binder, carried=False)
    return _select(shown(outputs), tree, binder, joins=joins, grouping=group_by(outputs))


def matching(tree: Tree, binder: Binder) -> sql.Composable:
    """One value for each row that the conditions let through."""
    conditions = sql.SQL("{}{}").format(tree.target.origin, where_all(_conditions(tree, binder)))
    return sql.SQL("select 1 from {}").format(conditions)


def returned_columns(tree: Tree | None) -> sql.Composable:
    """What a write has to return so that the tree can be made of it; qualified, as a body joins an update."""
    if tree is None or not (tree.columns or tree.embeds):
        # Nothing is asked for, so nothing needs the right to be read.
        return sql.SQL("1 as written")
    name = tree.target.relation.name
    needed = [column.field.name for column in tree.columns]
    for embed in tree.embeds:
        needed.extend([ALL] if isinstance(embed.way, ComputedRelationship) else embed.way.needs)
    if ALL in needed or set(needed) & set(tree.target.relation.fields) - set(tree.target.relation.columns):
        return sql.SQL("{}.*").format(sql.Identifier(name))
    columns = [tree.target.column(column).name for column in dict.fromkeys(needed)]
    return sql.SQL(", ").join([sql.Identifier(name, column) for column in columns])


def _select(
    items: sql.Composable,
    tree: Tree,
    binder: Binder,
    *,
    joins: Sequence[sql.Composable] = (),
    grouping: sql.Composable = _NOTHING,
    link: "tuple[Embed, Target] | None" = None,
) -> sql.Composable:
    junction, linked = _link(*link) if link else (_NOTHING, [])
    return sql.SQL("select {} from {}{}{}{}{}{}{}").format(
        items,
        tree.target.origin,
        junction,
        sql.SQL("").join(joins),
        where_all([*linked, *_conditions(tree, binder)]),
        grouping,
        _order_by(tree, binder),
        _paged(tree, binder),
    )


def _outputs(tree: Tree, binder: Binder, *, carried: bool) -> tuple[list[Output], list[sql.Composable]]:
    """The outputs of a row, columns first, and the joins that spreads (and grouped embeds) need."""
    grouped = not carried and _is_grouped(tree)
    outputs = [
        output
        for item in tree.columns
        for output in column_outputs(tree.target, item, binder, carried=carried, grouped=grouped)
    ]
    joins: list[sql.Composable] = []
    for embed in tree.embeds:
        if embed.tree.shows_nothing:
            continue
        if embed.asked.spread:
            spread, join = _spread(embed, tree.target, binder)
            outputs.extend(spread)
            joins.append(join)
        elif grouped and embed.way.to_one:
            output, join = _grouped_member(embed, tree.target, binder)
            outputs.append(output)
            joins.append(join)
        else:
            outputs.append(Output(embed.name, _member(embed, tree.target, binder)))
    return outputs, joins


def _is_grouped(tree: Tree) -> bool:
    """Whether an aggregate is applied to the tree's rows: its own, or one that a spread carries up."""
    return any(column.aggregate for column in tree.columns) or any(
        embed.asked.spread and _is_grouped(embed.tree) for embed in tree.embeds
    )


def _embedded(embed: Embed, parent: Target, binder: Binder) -> sql.Composable:
    outputs, joins = _outputs(embed.tree, binder, carried=False)
    return _select(shown(outputs), embed.tree, binder, joins=joins, grouping=group_by(outputs), link=(embed, parent))


def _member(embed: Embed, parent: Target, binder: Binder) -> sql.Composable:
    rows = _embedded(embed, parent, binder)
    if embed.way.to_one:
        return sql.SQL("(select row_to_json({row}.*) from ({rows}) as {row})").format(row=_ROW, rows=rows)
    return sql.SQL("(select coalesce(json_agg(row_to_json({row}.*)), '[]'::json) from ({rows}) as {row})").format(
        row=_ROW, rows=rows
    )


def _grouped_member(embed: Embed, parent: Target, binder: Binder) -> tuple[Output, sql.Composable]:
    """An object among aggregates: rows can be grouped by, JSON cannot."""
    name = sql.Identifier(f"{embed.tree.target.name}_row")
    row = sql.SQL("{}.{}").format(name, _ROW)
    join = sql.SQL(" left join lateral (select {row} from ({rows}) as {row}) as {name} on true").format(
        row=_ROW, rows=_embedded(embed, parent, binder), name=name
    )
    return Output(embed.name, sql.SQL("row_to_json({})").format(row), grouped=row), join


def _spread(embed: Embed, parent: Target, binder: Binder) -> tuple[list[Output], sql.Composable]:
    """The outputs of a spread, and its join: the related row beside this one, or each column of many as an array."""
    inside, joins = _outputs(embed.tree, binder, carried=True)
    rows = _select(numbered(inside), embed.tree, binder, joins=joins, link=(embed, parent))
    name = f"{embed.tree.target.name}_spread"
    if not embed.way.to_one:
        arrays = [
            sql.SQL("coalesce(json_agg({row}.{column}), '[]'::json) as {column}").format(
                row=_ROW, column=sql.Identifier(str(number))
            )
            for number in range(len(inside))
        ]
        rows = sql.SQL("select {} from ({}) as {}").format(sql.SQL(", ").join(arrays), rows, _ROW)
    outputs = [
        Output(output.name, sql.Identifier(name, str(number)), output.aggregate, output.cast)
        for number, output in enumerate(inside)
    ]
    return outputs, sql.SQL(" left join lateral ({}) as {} on true").format(rows, sql.Identifier(name))


def _link(embed: Embed, parent: Target) -> tuple[sql.Composable, list[sql.Composable]]:
    """How an embed's rows belong to the parent's row: the join with a junction, and conditions."""
    way, child = embed.way, embed.tree.target
    if isinstance(way, ComputedRelationship):
        return _NOTHING, []
    if way.junction is None:
        return _NOTHING, _equal(parent.name, child.name, way.columns)
    alias = embed.junction_alias
    join = sql.SQL(" join {} as {} on {}").format(
        sql.Identifier(*way.junction.relation),
        sql.Identifier(alias),
        sql.SQL(" and ").join(_equal(child.name, alias, way.junction.far_columns)),
    )
    return join, _equal(parent.name, alias, way.junction.columns)


def _equal(mine: str, theirs: str, columns: Pairs) -> list[sql.Composable]:
    return [sql.SQL("{} = {}").format(sql.Identifier(theirs, their), sql.Identifier(mine, my)) for my, their in columns]


def _conditions(tree: Tree, binder: Binder) -> list[sql.Composable]:
    def existence(node: Filter) -> sql.Composable | None:
        return _existence(tree, node, binder)

    conditions = [condition(tree.target, node, binder, existence) for node in tree.filters]
    inner = [embed for embed in tree.embeds if embed.asked.inner]
    return [*conditions, *(_exists(embed, tree.target, binder) for embed in inner)]


def _existence(tree: Tree, node: Filter, binder: Binder) -> sql.Composable | None:
    """What a filter means that is about an embed and no column."""
    embed = None if node.field.path else tree.embed(node.field.name)
    if embed is None:
        return None
    if node.operator == "is" and node.value == "null":
        return sql.SQL("not {}").format(_exists(embed, tree.target, binder))
    if node.operator == "is" and node.value == "not_null":
        return _exists(embed, tree.target, binder)
    if node.field.name in tree.target.relation.columns:
        return None
    details = "Only is null or not is null filters are allowed on embedded resources"
    raise RestFailure(400, "PGRST120", f"Bad operator on the '{node.field.name}' embedded resource", details=details)


def _exists(embed: Embed, parent: Target, binder: Binder) -> sql.Composable:
    junction, linked = _link(embed, parent)
    tree = embed.tree
    paged = _paged(tree, binder) if tree.offset or tree.limit == 0 else _NOTHING
    return sql.SQL("exists (select 1 from {}{}{}{})").format(
        tree.target.origin, junction, where_all([*linked, *_conditions(tree, binder)]), paged
    )


def _order_by(tree: Tree, binder: Binder) -> sql.Composable:
    if not tree.order:
        return _NOTHING
    terms = [sorted_by(_sort_key(tree, term, binder), term) for term in tree.order]
    return sql.SQL(" order by {}").format(sql.SQL(", ").join(terms))


def _sort_key(tree: Tree, term: OrderTerm, binder: Binder) -> sql.Composable:
    if term.relation is None:
        return value_of(tree.target, term.field, binder)
    embed = tree.embed(term.relation)
    if embed is None:
        raise not_embedded(term.relation)
    if not embed.way.to_one:
        names = f"'{tree.target.relation.name}' and '{embed.name}'"
        details = f"{names} do not form a many-to-one or one-to-one relationship"
        raise RestFailure(400, "PGRST118", f"A related order on '{embed.name}' is not possible", details=details)
    key = value_of(embed.tree.target, term.field, binder)
    return sql.SQL("({})").format(_select(key, embed.tree, binder, link=(embed, tree.target)))


def _paged(tree: Tree, binder: Binder) -> sql.Composable:
    limit = _NOTHING if tree.limit is None else sql.SQL(" limit {}::bigint").format(binder.bind(str(tree.limit)))
    return limit + (sql.SQL(" offset {}::bigint").format(binder.bind(str(tree.offset))) if tree.offset else _NOTHING)
