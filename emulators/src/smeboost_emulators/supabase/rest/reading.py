"""Answer a GET or HEAD: one page of rows, and how many there are if that was asked.

`read` takes any `Target`: a table, a view, or whatever else can stand in a `from`.
"""

from starlette.responses import Response

from smeboost_emulators.supabase.rest import reads
from smeboost_emulators.supabase.rest.answers import Asked, Statement, require_one, response_of
from smeboost_emulators.supabase.rest.preferences import content_range, unsatisfiable
from smeboost_emulators.supabase.rest.rows import matching
from smeboost_emulators.supabase.rest.statements import Binder
from smeboost_emulators.supabase.rest.targets import Target
from smeboost_emulators.supabase.rest.trees import Limits, Tree, tree_of


async def read(statement: Statement, asked: Asked, target: Target) -> Response:
    """The page of rows that a GET or HEAD asks for.

    Raises:
        RestFailure: PGRST103 for a page that is not there, PGRST116, and what the statement refuses.
        psycopg.Error: PostgreSQL refuses.
    """
    how = asked.preferences.chosen.get("count")
    binder = Binder()
    tree = read_tree(asked, target, statement.limits)
    composed = reads.read(tree, binder, form=asked.form, with_body=asked.method != "HEAD", counted=how == "exact")
    # Nothing is refused once it is read, but for a page that is not there, or rows that are not one.
    last = how in {None, "exact"} and not (asked.form.singular or asked.page.offset)
    result = await statement.result(composed, binder, asked.form.plan, last=last)
    total = result.total if how in {None, "exact"} else await _estimate(statement, tree, how or "")
    require_one(asked.form, result.rows)
    offset = asked.page.offset
    if total is not None and offset > total:
        raise unsatisfiable(f"An offset of {offset} was requested, but there are only {total} rows.")
    partial = total is not None and result.rows < total
    return response_of(asked, 206 if partial else 200, result, content_range(offset, result.rows, total))


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


async def _estimate(statement: Statement, tree: Tree, how: str) -> int:
    """`planned` asks the planner; `estimated` counts as far as the row limit and asks the planner beyond it."""
    if how == "estimated":
        binder = Binder()
        limit = statement.rows_max + 1
        counted = await statement.number(reads.count(tree, binder, at_most=limit), binder)
        if counted < limit:
            return counted
    binder = Binder()
    planned = await statement.planned_rows(matching(tree, binder), binder)
    return planned if how == "planned" else max(planned, statement.rows_max + 1)
