"""The statement of a read: a page of rows as one row of total, rows, body."""

from psycopg import sql

from smeboost_emulators.supabase.rest.bodies import NO_BODY, NO_TOTAL, body_of, outcome
from smeboost_emulators.supabase.rest.media import Form
from smeboost_emulators.supabase.rest.query.compositions import Binder
from smeboost_emulators.supabase.rest.query.rows import matching, rows_of
from smeboost_emulators.supabase.rest.query.trees import Tree

SOURCE = sql.Identifier("pgrst_source")


def read(tree: Tree, binder: Binder, *, form: Form, with_body: bool, counted: bool) -> sql.Composable:
    """A page of rows, and the number of all rows if `counted`."""
    rows = rows_of(tree, binder)
    total = sql.SQL("({})").format(count(tree, binder)) if counted else NO_TOTAL
    body = body_of(SOURCE, form) if with_body else NO_BODY
    return sql.SQL("with {} as ({}) {}").format(SOURCE, rows, outcome(SOURCE, total=total, body=body))


def count(tree: Tree, binder: Binder, *, at_most: int | None = None) -> sql.Composable:
    """The number of rows that the conditions let through, counted no further than `at_most`."""
    rows = matching(tree, binder)
    if at_most is not None:
        rows = sql.SQL("{} limit {}::bigint").format(rows, binder.bind(str(at_most)))
    return sql.SQL("select count(*) from ({}) as pgrst_matching").format(rows)
