"""What is in a folder: from one name to the next along an index, never over all rows.

Rules of this room:

- One step of the walk finds the next name; a folder is stepped over as a whole, however much is in it. So a page costs
  as many steps as it has entries (and as its offset says), in a bucket of any size.
- Each step is the caller's own SELECT, so a folder shows only if something in it may be seen.
- Sorted by a time, the files of the folder have to be looked at all, as in the original.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.callers import Caller
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.storage.errors import invalid_request
from smeboost_emulators.supabase.storage.names import checked_bucket
from smeboost_emulators.supabase.storage.requests import ListBody, ListV2Body, Text, body_of
from smeboost_emulators.supabase.storage.rows import stamp
from smeboost_emulators.supabase.storage.sessions import Sessions

# Behind every name that begins with what stands before it.
LAST = "\U0010ffff"
# A walk gives its rows as it finds them; asked to sort them, it would have to find them all first.
NATURAL = sql.Composed([])
_LIMITS = (sql.SQL("$6"), sql.SQL("$7"), sql.SQL("$8"))
_COLUMNS = sql.SQL("name, id, created_at, updated_at, last_accessed_at, metadata, user_metadata")
# $1 bucket, $2 first name, $3 the name to stop before, $4 prefix, $5 what ends the name of a folder.
_ENTRY = sql.SQL("""select o.*, (case when strpos(substr(o.name, length($4::text) + 1), $5::text) > 0 then
    $4::text || split_part(substr(o.name, length($4::text) + 1), $5::text, 1) || $5::text end) collate "C" as folder""")
# `edge` is where the next step begins (or stops). It is worked out beside the row, not in the comparison: with a policy
# PostgreSQL goes by the index only when nothing in the condition could leak a row that the policy hides.
_WALK = """
with recursive walk as (
  (select e.*, {edge} as edge from (select {columns} from storage.objects where bucket_id = $1::text
     and name collate "C" >= $2::text and name collate "C" < $3::text
     order by name collate "C" {direction} limit 1) as o
   cross join lateral ({entry}) as e)
  union all
  select e.*, {edge} as edge from walk cross join lateral (select {columns} from storage.objects
     where bucket_id = $1::text and name collate "C" >= {first} and name collate "C" < {stop}
     order by name collate "C" {direction} limit 1) as o
   cross join lateral ({entry}) as e
) select * from walk"""
_FORWARD = sql.SQL(_WALK).format(
    columns=_COLUMNS,
    entry=_ENTRY,
    direction=sql.SQL("asc"),
    edge=sql.SQL("""(case when e.folder is null then e.name || chr(1)
      else left(e.folder, -1) || chr(ascii($5::text) + 1) end) collate "C\""""),
    first=sql.SQL("walk.edge"),
    stop=sql.SQL("$3::text"),
)
_BACKWARD = sql.SQL(_WALK).format(
    columns=_COLUMNS,
    entry=_ENTRY,
    direction=sql.SQL("desc"),
    edge=sql.SQL('coalesce(e.folder, e.name) collate "C"'),
    first=sql.SQL("$2::text"),
    stop=sql.SQL("walk.edge"),
)
_FLAT = sql.SQL("""
select * from (select {columns}, null::text collate "C" as folder from storage.objects
  where bucket_id = $1::text and name collate "C" >= $2::text and name collate "C" < $3::text
    and $4::text is not null and $5::text is not null) as walk""").format(columns=_COLUMNS)
_CURSOR = TypeAdapter(tuple[Text, bool, datetime | None])


@dataclass(frozen=True)
class Cursor:
    """Where a page by cursor ended."""

    name: str
    is_folder: bool
    moment: str | None

    def encode(self) -> str:
        """As text that says nothing to the caller."""
        return base64.urlsafe_b64encode(json.dumps([self.name, self.is_folder, self.moment]).encode()).decode()


class Listing:
    """The endpoints that list objects."""

    def __init__(self, settings: SupabaseBackendSettings, sessions: Sessions) -> None:
        self._body_max = settings.storage_body_max_bytes
        self._rows_max = settings.storage_list_max
        self._sessions = sessions

    async def by_offset(self, request: Request, caller: Caller) -> Response:
        """A page of one folder; names are relative to it."""
        bucket = checked_bucket(request.path_params["bucket"])
        body = await body_of(request, ListBody, limit_bytes=self._body_max)
        folder = body.prefix.removeprefix("/")
        prefix = folder if not folder or folder.endswith("/") else f"{folder}/"
        column, descending = body.sort.column or "name", body.sort.order == "desc"
        if column == "name":
            walk, order = _BACKWARD if descending else _FORWARD, NATURAL
        else:
            walk, order = _FORWARD, _by_time(column, descending=descending)
        statement = sql.SQL(
            "{walk} where starts_with(lower(substr(coalesce(folder, name), length($4::text) + 1)), lower($6::text))"
            " {order} limit $7 offset $8"
        ).format(walk=walk, order=order)
        given = (bucket, prefix, prefix + LAST, prefix, "/", body.search, min(body.limit, self._rows_max), body.offset)
        async with self._sessions.begin(caller, request, "object.list") as rows:
            found = await rows.all(statement, *given)
        return JSONResponse([_relative(row, len(prefix)) for row in found])

    async def by_cursor(self, request: Request, caller: Caller) -> Response:
        """A page of what begins with a prefix; names are whole."""
        bucket = checked_bucket(request.path_params["bucket"])
        body = await body_of(request, ListV2Body, limit_bytes=self._body_max)
        limit = min(body.limit, self._rows_max)
        statement, given = _page(bucket, body, _decoded(body.cursor) if body.cursor else None)
        async with self._sessions.begin(caller, request, "object.list_v2") as rows:
            found = await rows.all(statement, *given, limit + 1)
        page, more = found[:limit], len(found) > limit
        answer: dict[str, object] = {
            "hasNext": more,
            "folders": [_folder(row, body.prefix) for row in page if row["folder"]],
            "objects": [_object(row) for row in page if not row["folder"]],
        }
        if more:
            answer["nextCursor"] = _cursor(page[-1], body.sort.column).encode()
        return JSONResponse(answer)


def _page(bucket: str, body: ListV2Body, cursor: Cursor | None) -> tuple[sql.Composed, list[object]]:
    """The statement of a page by cursor, and its values but the last one, the limit."""
    descending = body.sort.order == "desc"
    first, stop = body.prefix, body.prefix + LAST
    walk = (_BACKWARD if descending and body.sort.column == "name" else _FORWARD) if body.with_delimiter else _FLAT
    condition, extra = sql.SQL("true"), list[object]()
    if body.sort.column == "name":
        if cursor and descending:
            stop = min(stop, cursor.name)
        elif cursor:
            first = max(first, cursor.name[:-1] + "0" if cursor.is_folder else cursor.name + "\x01")
        direction = sql.SQL("desc" if descending else "asc")
        order = NATURAL if body.with_delimiter else sql.SQL('order by name collate "C" {}').format(direction)
    else:
        order = _by_time(body.sort.column, descending=descending)
        if cursor:
            condition, extra = _behind(body.sort.column, cursor, descending=descending)
    statement = sql.SQL("{walk} where {condition} {order} limit {limit}").format(
        walk=walk, condition=condition, order=order, limit=_LIMITS[len(extra)]
    )
    return statement, [bucket, first, stop, body.prefix, "/", *extra]


def _by_time(column: str, *, descending: bool) -> sql.Composed:
    """Folders have no times; they come first, by name."""
    return sql.SQL(
        'order by folder is null, folder {direction}, {column} {direction}, name collate "C" {direction}'
    ).format(column=sql.Identifier(column), direction=sql.SQL("desc" if descending else "asc"))


def _behind(column: str, cursor: Cursor, *, descending: bool) -> tuple[sql.Composed, list[object]]:
    """What comes after a cursor in the order of `_by_time`."""
    names = {"column": sql.Identifier(column), "after": sql.SQL("<" if descending else ">")}
    if cursor.is_folder:
        return sql.SQL("(folder is null or folder {after} $6::text)").format(**names), [cursor.name]
    condition = sql.SQL('folder is null and ({column}, name collate "C") {after} ($6::timestamptz, $7::text)')
    return condition.format(**names), [cursor.moment, cursor.name]


def _cursor(row: dict[str, Any], column: str) -> Cursor:
    moment = None if column == "name" or row["folder"] else row[column].isoformat()
    return Cursor(row["folder"] or row["name"], bool(row["folder"]), moment)


def _decoded(text: str) -> Cursor:
    try:
        name, is_folder, moment = _CURSOR.validate_json(base64.urlsafe_b64decode(text))
    except ValueError:
        raise invalid_request("body/cursor is not a cursor of this listing") from None
    return Cursor(name, is_folder, moment.isoformat() if moment else None)


def _relative(row: dict[str, Any], skipped: int) -> dict[str, Any]:
    if row["folder"]:
        empty = dict.fromkeys(("id", "updated_at", "created_at", "last_accessed_at", "metadata"))
        return {"name": row["folder"][skipped:-1], **empty}
    return {**_object(row), "name": row["name"][skipped:]}


def _object(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "key": row["name"].rpartition("/")[2],
        "updated_at": stamp(row["updated_at"]),
        "created_at": stamp(row["created_at"]),
        "last_accessed_at": stamp(row["last_accessed_at"]),
        "metadata": row["metadata"],
    }


def _folder(row: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {"key": row["folder"][prefix.rfind("/") + 1 : -1], "name": row["folder"]}
