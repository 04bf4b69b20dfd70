"""The statement of a read: a page of rows as one row of total, rows, body."""

from psycopg import sql

from smeboost_emulators.supabase.rest.bodies import NO_BODY, NO_TOTAL, body_of, outcome
from smeboost_emulators.supabase.rest.media import Form
from smeboost_emulators.supabase.rest.preferences import Page
from smeboost_emulators.supabase.rest.requests import Query
from smeboost_emulators.supabase.rest.statements import Binder, Target, order_by, select_list, where

SOURCE = sql.Identifier("pgrst_source")


def read(
    target: Target, query: Query, page: Page, binder: Binder, *, form: Form, with_body: bool, counted: bool
) -> sql.Composable:
    """A page of rows, and the number of all rows if `counted`."""
    rows = sql.SQL("select {} from {}{}{} limit {}::bigint offset {}::bigint").format(
        select_list(target, query.select, binder),
        target.relation.identifier,
        where(target, query.filters, binder),
        order_by(target, query.order, binder),
        binder.bind(str(page.limit)),
        binder.bind(str(page.offset)),
    )
    total = sql.SQL("({})").format(count(target, query, binder)) if counted else NO_TOTAL
    body = body_of(SOURCE, form) if with_body else NO_BODY
    return sql.SQL("with {} as ({}) {}").format(SOURCE, rows, outcome(SOURCE, total=total, body=body))


def count(target: Target, query: Query, binder: Binder, *, at_most: int | None = None) -> sql.Composable:
    """The number of rows that the filters let through, counted no further than `at_most`."""
    rows = matching(target, query, binder)
    if at_most is not None:
        rows = sql.SQL("{} limit {}::bigint").format(rows, binder.bind(str(at_most)))
    return sql.SQL("select count(*) from ({}) as pgrst_matching").format(rows)


def matching(target: Target, query: Query, binder: Binder) -> sql.Composable:
    """One value for each row that the filters let through."""
    return sql.SQL("select 1 from {}{}").format(target.relation.identifier, where(target, query.filters, binder))
