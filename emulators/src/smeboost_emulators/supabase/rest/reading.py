"""Answer a GET or HEAD: one page of rows, and how many there are if that was asked.

`read` takes any `Target`: a table, a view, or whatever else can stand in a `from`.
"""

from psycopg import sql
from starlette.responses import Response

from smeboost_emulators.supabase.exchanges import Order
from smeboost_emulators.supabase.rest import reads
from smeboost_emulators.supabase.rest.answers import Asked, Result, Statement, require_one, response_of
from smeboost_emulators.supabase.rest.preferences import content_range, unsatisfiable
from smeboost_emulators.supabase.rest.query.compositions import Binder, filters_of, shape_of
from smeboost_emulators.supabase.rest.query.rows import matching
from smeboost_emulators.supabase.rest.query.targets import Target
from smeboost_emulators.supabase.rest.query.trees import Limits, Tree, tree_of


async def read(statement: Statement, asked: Asked, target: Target) -> Response:
    """The page of rows that a GET or HEAD asks for.

    Raises:
        RestFailure: PGRST103 for a page that is not there, PGRST116, and what the statement refuses.
        psycopg.Error: PostgreSQL refuses.
    """
    how = asked.preferences.chosen.get("count")
    result = await _page(statement, asked, target, how)
    total = result.total if how in {None, "exact"} else await _estimate(statement, asked, target, how or "")
    require_one(asked.form, result.rows)
    offset = asked.page.offset
    if total is not None and offset > total:
        raise unsatisfiable(f"An offset of {offset} was requested, but there are only {total} rows.")
    partial = total is not None and result.rows < total
    return response_of(asked, 206 if partial else 200, result, content_range(offset, result.rows, total))


async def _page(statement: Statement, asked: Asked, target: Target, how: str | None) -> Result:
    if asked.form.plan or target.source:
        binder = Binder()
        return await statement.result(_composed(statement, asked, target, how, binder), binder, asked.form.plan)
    # Nothing is refused once it is read, but for a page that is not there, or rows that are not one.
    last = how in {None, "exact"} and not (asked.form.singular or asked.page.offset)
    return await statement.ordered(_order(statement, asked, target, how), last=last)


def _order(statement: Statement, asked: Asked, target: Target, how: str | None) -> Order:
    """The statement of the page: the one of an earlier request of the same shape, or a new one."""
    query, page, compositions = asked.query, asked.page, target.schema.compositions
    asks = (query.select, query.order, page.limit, page.offset, shape_of(query.filters, query.scoped))
    how_shown = (asked.form, asked.method == "HEAD", how == "exact", statement.limits)
    shape = (target.relation.schema, target.relation.name, asks, how_shown)
    filters = filters_of(query.filters, query.scoped)
    if known := compositions.get(shape):
        return Order(known.statement, known.parameters(filters))
    binder = Binder()
    text = statement.text(_composed(statement, asked, target, how, binder))
    compositions.remember(shape, text, binder, filters)
    return Order(text, binder.values)


def _composed(statement: Statement, asked: Asked, target: Target, how: str | None, binder: Binder) -> sql.Composable:
    tree = read_tree(asked, target, statement.limits)
    return reads.read(tree, binder, form=asked.form, with_body=asked.method != "HEAD", counted=how == "exact")


def read_tree(asked: Asked, target: Target, limits: Limits) -> Tree:
    """What a request reads of a target.

    Raises:
        RestFailure: see `tree_of`.
    """
    query = asked.query
    return tree_of(
        target,
        query.select,
        query.scoped,
        limits,
        filters=query.filters,
        order=query.order,
        limit=asked.page.limit,
        offset=asked.page.offset,
    )


async def _estimate(statement: Statement, asked: Asked, target: Target, how: str) -> int:
    """`planned` asks the planner; `estimated` counts as far as the row limit and asks the planner beyond it."""
    tree = read_tree(asked, target, statement.limits)
    if how == "estimated":
        binder = Binder()
        limit = statement.rows_max + 1
        counted = await statement.number(reads.count(tree, binder, at_most=limit), binder)
        if counted < limit:
            return counted
    binder = Binder()
    planned = await statement.planned_rows(matching(tree, binder), binder)
    return planned if how == "planned" else max(planned, statement.rows_max + 1)
