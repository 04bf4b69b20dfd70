"""The statements that change rows: insert, update, delete. Each gives one row: total, rows, body."""

from collections.abc import Mapping, Sequence
from typing import LiteralString, cast

from psycopg import sql

from smeboost_emulators.supabase.rest.bodies import body_of, outcome
from smeboost_emulators.supabase.rest.errors import RestFailure
from smeboost_emulators.supabase.rest.media import Form
from smeboost_emulators.supabase.rest.payloads import Payload
from smeboost_emulators.supabase.rest.query.compositions import Binder
from smeboost_emulators.supabase.rest.query.grammar import Field, Selected
from smeboost_emulators.supabase.rest.query.rows import returned_columns, rows_of
from smeboost_emulators.supabase.rest.query.statements import where
from smeboost_emulators.supabase.rest.query.targets import Target
from smeboost_emulators.supabase.rest.query.trees import Tree
from smeboost_emulators.supabase.rest.reads import SOURCE
from smeboost_emulators.supabase.rest.requests import Query
from smeboost_emulators.supabase.rest.schema import Column

BODY = "pgrst_body"
# How many of the rows were inserted and not merged, counted without any right to read the table (PostgREST's way).
_COUNT_UP = sql.SQL(
    "set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) + 1)::text,"
    " true) <> '0'"
)
_COUNT_DOWN = sql.SQL(
    "set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) - 1)::text,"
    " true) <> '-1'"
)
_CHANGED = sql.SQL("(select count(*) from {})").format(SOURCE)


def insert(target: Target, query: Query, payload: Payload, binder: Binder, preferred: dict[str, str]) -> sql.Composable:
    """Insert the rows of the body, with the conflict clause that `Prefer: resolution` asks for."""
    columns = [target.written(name) for name in payload.columns]
    resolution = preferred.get("resolution")
    rows = _body_rows(columns, payload, binder, with_defaults=preferred.get("missing") == "default")
    counted = sql.SQL(" where {}").format(_COUNT_UP) if resolution == "merge-duplicates" else sql.SQL("")
    conflict = _on_conflict(target, query.on_conflict or target.relation.primary_key, columns, resolution)
    return _insert(target, columns, rows + counted, conflict)


def put(target: Target, filters: Mapping[str, str], payload: Payload, binder: Binder) -> sql.Composable:
    """Insert or replace the one row whose key the address gives, if the body agrees with the address."""
    columns = [target.written(name) for name in payload.columns]
    rows = _body_rows(columns, payload, binder, with_defaults=False)
    same = [
        sql.SQL("{} = {}").format(sql.Identifier(BODY, target.written(name).name), binder.bind(value))
        for name, value in filters.items()
    ]
    # Only a row that agrees is counted, whatever PostgreSQL would rather look at first.
    agreed = sql.SQL(" where case when {} then {} else false end").format(sql.SQL(" and ").join(same), _COUNT_UP)
    conflict = _on_conflict(target, tuple(filters), columns, "merge-duplicates")
    return _insert(target, columns, rows + agreed, conflict)


def _insert(
    target: Target, columns: Sequence[Column], rows: sql.Composable, conflict: sql.Composable
) -> sql.Composable:
    names = sql.SQL(", ").join([sql.Identifier(column.name) for column in columns])
    into = sql.SQL(" ({})").format(names) if columns else sql.SQL("")
    return sql.SQL("insert into {}{} select {} from {}{}").format(
        target.relation.identifier, into, names, rows, conflict
    )


def update(target: Target, query: Query, payload: Payload, binder: Binder) -> sql.Composable:
    """Set the body's members on the rows that the filters let through."""
    columns = [target.written(name) for name in payload.columns]
    assignments = [
        sql.SQL("{} = {}").format(sql.Identifier(column.name), sql.Identifier(BODY, column.name)) for column in columns
    ]
    return sql.SQL("update {} set {} from {}{}").format(
        target.relation.identifier,
        sql.SQL(", ").join(assignments),
        _body_rows(columns, payload, binder, with_defaults=False),
        where(target, query.filters, binder),
    )


def delete(target: Target, query: Query, binder: Binder) -> sql.Composable:
    """Remove the rows that the filters let through."""
    return sql.SQL("delete from {}{}").format(target.relation.identifier, where(target, query.filters, binder))


def returning(change: sql.Composable, tree: Tree | None, binder: Binder, form: Form) -> sql.Composable:
    """Run `change` and give the number of its rows and, unless `tree` is None, those of them that the tree shows.

    The row's total is how many were changed: the tree's embeds can leave some out (`!inner`).
    """
    changed = sql.SQL("with {} as ({} returning {})").format(SOURCE, change, returned_columns(tree))
    if tree is None:
        return sql.SQL("{} {}").format(changed, outcome(SOURCE, total=sql.SQL("count(*)")))
    result = sql.Identifier("pgrst_result")
    return sql.SQL("{}, {} as ({}) {}").format(
        changed, result, rows_of(tree, binder), outcome(result, total=_CHANGED, body=body_of(result, form))
    )


def key_items(target: Target) -> tuple[Selected, ...]:
    """The primary key, as text: what a `Location` header names."""
    return tuple(Selected(Field(name), cast="text") for name in target.relation.primary_key)


def _body_rows(columns: Sequence[Column], payload: Payload, binder: Binder, *, with_defaults: bool) -> sql.Composable:
    """The body as rows with the columns' types."""
    text = binder.bind(payload.text)
    if not columns:
        # As many rows as the body has, each all defaults.
        return sql.SQL("json_array_elements({}::json) as {}").format(text, sql.Identifier(BODY))
    types = sql.SQL(", ").join(
        [sql.SQL("{} {}").format(sql.Identifier(column.name), column.type.identifier) for column in columns]
    )
    defaults = [column for column in columns if column.default is not None and not column.generated]
    if not (with_defaults and defaults):
        return sql.SQL("json_to_recordset({}::json) as {}({})").format(text, sql.Identifier(BODY), types)
    pairs = sql.SQL(", ").join([sql.SQL("{}::text, {}").format(binder.bind(c.name), _default(c)) for c in defaults])
    return sql.SQL(
        "jsonb_array_elements({}::jsonb) as pgrst_row(value),"
        " lateral jsonb_to_record(jsonb_build_object({}) || pgrst_row.value) as {}({})"
    ).format(text, pairs, sql.Identifier(BODY), types)


def _default(column: Column) -> sql.SQL:
    # Shown by PostgreSQL itself, with every name qualified; nothing of the request is in it.
    return sql.SQL(cast(LiteralString, column.default or "null"))


def _on_conflict(
    target: Target, names: Sequence[str], columns: Sequence[Column], resolution: str | None
) -> sql.Composable:
    if resolution is None or not names:
        return sql.SQL("")
    keys = sql.SQL(", ").join([sql.Identifier(target.written(name).name) for name in names])
    if resolution == "ignore-duplicates" or not columns:
        return sql.SQL(" on conflict ({}) do nothing").format(keys)
    assignments = [
        sql.SQL("{} = excluded.{}").format(sql.Identifier(column.name), sql.Identifier(column.name))
        for column in columns
    ]
    return sql.SQL(" on conflict ({}) do update set {} where {}").format(
        keys, sql.SQL(", ").join(assignments), _COUNT_DOWN
    )


def require_filters(query: Query, verb: str) -> None:
    """Supabase loads pg-safeupdate, which refuses to change a whole table.

    Raises:
        RestFailure: 21000.
    """
    if not query.filters:
        raise RestFailure(400, "21000", f"{verb} requires a WHERE clause")
