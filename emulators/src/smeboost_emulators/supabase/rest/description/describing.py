"""Answer what may be asked: the root's OpenAPI document, and which methods a relation or a function allows."""

import json
from collections.abc import Iterable

from psycopg import sql
from starlette.requests import Request
from starlette.responses import Response

from smeboost_emulators.supabase.pools import Pool
from smeboost_emulators.supabase.rest.answers import Asked, Result, Statement
from smeboost_emulators.supabase.rest.description.descriptions import DESCRIBE, description_of
from smeboost_emulators.supabase.rest.description.openapi import MEDIA_TYPE, document, place_of
from smeboost_emulators.supabase.rest.errors import RestFailure
from smeboost_emulators.supabase.rest.functions.catalogue import Function
from smeboost_emulators.supabase.rest.media import accepts
from smeboost_emulators.supabase.rest.query.compositions import Binder
from smeboost_emulators.supabase.rest.schema import Relation
from smeboost_emulators.supabase.rest.settings import RestSettings
from smeboost_emulators.supabase.rest.steering import steered

ROOT_METHODS = "OPTIONS,GET,HEAD"
_UPDATES, _INSERTS, _DELETES = 4, 8, 16
_ABILITIES = """
select case when c.relkind in ('r', 'p') then 28 when c.relkind = 'm' then 0
  else pg_relation_is_updatable(c.oid, true) end
from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s
"""


def require_root(request: Request, settings: RestSettings) -> None:
    """Refuse what the root does not answer.

    Raises:
        RestFailure: PGRST107, PGRST117, PGRST126.
    """
    if request.method not in {"GET", "HEAD"}:
        raise RestFailure(405, "PGRST117", f"Unsupported HTTP method: {request.method}")
    if settings.openapi_mode == "disabled":
        raise RestFailure(404, "PGRST126", "Root endpoint metadata is disabled")
    if not accepts(request.headers, {MEDIA_TYPE, "application/json", "application/*", "*/*"}):
        accept = request.headers.get("accept", "")
        raise RestFailure(406, "PGRST107", f"None of these media types are available: {accept[:200]}")


async def describe(statement: Statement, asked: Asked, settings: RestSettings) -> Response:
    """The OpenAPI document of what the transaction's role may use.

    Raises:
        psycopg.Error: the database.
    """
    binder = Binder()
    binder.bind(asked.schema)
    binder.bind("true" if settings.openapi_mode == "ignore-privileges" else "false")
    described = description_of(await statement.value(sql.SQL(DESCRIBE), binder))
    url = asked.request.url
    place = place_of(settings.openapi_server_proxy_uri or f"{url.scheme}://{url.netloc}/rest/v1")
    content = json.dumps(document(described, asked.schema, place)).encode() if asked.method != "HEAD" else b""
    headers = {"Content-Type": f"{MEDIA_TYPE}; charset=utf-8"}
    if "accept-profile" in asked.request.headers:
        headers["Content-Profile"] = asked.schema
    return steered(Response(content, headers=headers), Result(None, 0, None))


async def allowed_on_relation(pool: Pool, relation: Relation) -> str:
    """The methods of a relation; a view has those that PostgreSQL can do on it.

    Raises:
        DatabaseDown, PoolBusy, psycopg.Error: the database.
    """
    async with pool.connection() as connection:
        row = await (await connection.execute(_ABILITIES, (relation.schema, relation.name))).fetchone()
    abilities = int(row[0]) if row else 0
    methods = [ROOT_METHODS]
    if abilities & _INSERTS:
        methods.append("POST")
    if abilities & _INSERTS and abilities & _UPDATES and relation.primary_key:
        methods.append("PUT")
    if abilities & _UPDATES:
        methods.append("PATCH")
    if abilities & _DELETES:
        methods.append("DELETE")
    return ",".join(methods)


def allowed_on_function(overloads: Iterable[Function]) -> str:
    """The methods of a function: GET when one of its overloads changes nothing."""
    return "OPTIONS,POST" if all(function.volatile for function in overloads) else f"{ROOT_METHODS},POST"
