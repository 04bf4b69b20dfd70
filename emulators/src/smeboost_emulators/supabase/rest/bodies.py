"""The last part of every statement: one row of total, rows, body, and what the statement's functions asked for.

PostgreSQL makes the body, so numbers, dates and arrays look as they do in PostgREST. Functions and triggers choose the
answer's status and headers in the settings `response.status` and `response.headers`, which are read last.
"""

from psycopg import sql

from smeboost_emulators.supabase.rest.media import Form

NO_BODY = sql.SQL("null::text")
NO_TOTAL = sql.SQL("null::bigint")
_OUTCOME = sql.SQL(
    "select {total}, count(*), {body}, nullif(current_setting('response.status', true), ''),"
    " nullif(current_setting('response.headers', true), ''),"
    " nullif(current_setting('pgrst.inserted', true), '')::bigint from {source}"
)
# A record's text is what a CSV line is, but for its parentheses and for backslashes, which it doubles.
_CSV = sql.SQL(
    "(select coalesce(string_agg(case when key ~ '[,\"\\n\\r]' then '\"' || replace(key, '\"', '\"\"') || '\"'"
    " else key end, ','), '') from (select json_object_keys(row_to_json(pgrst_first.*)) as key"
    " from (select * from {source} limit 1) as pgrst_first) as pgrst_keys) || E'\\n' || coalesce(string_agg("
    "replace(substr(({source}.*)::text, 2, length(({source}.*)::text) - 2), E'\\\\\\\\', E'\\\\'), E'\\n'), '')"
)


def outcome(
    source: sql.Identifier, *, total: sql.Composable = NO_TOTAL, body: sql.Composable = NO_BODY
) -> sql.Composed:
    """The one row that a statement gives, made of the rows of `source`."""
    return _OUTCOME.format(total=total, body=body, source=source)


def body_of(source: sql.Identifier, form: Form) -> sql.Composable:
    """All rows of `source` as one text."""
    if form.csv:
        return _CSV.format(source=source)
    rows = sql.SQL("coalesce(json_agg(row_to_json({}.*)), '[]'::json)").format(source)
    if form.strip_nulls:
        rows = sql.SQL("json_strip_nulls({})").format(rows)
    if form.singular:
        rows = sql.SQL("({} -> 0)").format(rows)
    return sql.SQL("{}::text").format(rows)
