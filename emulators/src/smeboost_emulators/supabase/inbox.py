"""`/_emulator/inbox`: the mails that this backend did not send, as a page and as JSON. Ours, not the vendor's.

Rules of this room:

- It shows links that sign people in, so only this machine sees it (see `local_clients`).
- What strangers wrote (addresses, names of sites) is escaped; the page runs no script and loads nothing.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC
from html import escape

import psycopg
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from smeboost_emulators.intake import whole_number
from smeboost_emulators.local_clients import is_local
from smeboost_emulators.supabase.auth.mail import mails
from smeboost_emulators.supabase.auth.mail.mails import Mail
from smeboost_emulators.supabase.pools import DatabaseDown, Pool, PoolBusy

INBOX_PATH = "/_emulator/inbox"
SHOWN_MAX = 100
"""Mails on the page, and in a list unless `limit` says otherwise."""
LISTED_MAX = 1000
_Handler = Callable[[Request], Awaitable[Response]]
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 48rem; padding: 0 1rem; }
article { border: 1px solid #8886; border-radius: .5rem; margin: 1rem 0; padding: 1rem 1.25rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 0 0 .25rem; }
.who { color: #777; font-size: .9rem; margin: 0 0 .75rem; overflow-wrap: anywhere; }
pre { font: inherit; margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
code { font-size: 1.4rem; letter-spacing: .15em; }
"""


def inbox_routes(pool: Pool) -> list[Route]:
    """The routes of the inbox, whose mails are in the database of `pool`."""
    inbox = Inbox(pool)
    return [
        Route(INBOX_PATH, _for_neighbours(inbox.page), methods=["GET"]),
        Route(f"{INBOX_PATH}/messages", _for_neighbours(inbox.list), methods=["GET"]),
        Route(f"{INBOX_PATH}/messages", _for_neighbours(inbox.clear), methods=["DELETE"]),
        Route(f"{INBOX_PATH}/messages/{{message_id}}", _for_neighbours(inbox.remove), methods=["DELETE"]),
    ]


class Inbox:
    """What the paths answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(self, request: Request) -> Response:
        """GET: the newest mails to read; `?recipient=` shows those to one address."""
        async with self._pool.connection() as connection:
            found = await mails.newest(connection, recipient=_recipient(request), limit=SHOWN_MAX)
        return HTMLResponse(_page(found), headers=_HEADERS)

    async def list(self, request: Request) -> Response:
        """GET: the mails as JSON, newest first; `recipient` and `limit` choose."""
        limit = whole_number(request.query_params.get("limit", str(SHOWN_MAX)))
        if limit is None or not 1 <= limit <= LISTED_MAX:
            return JSONResponse({"message": f"limit must be a number from 1 to {LISTED_MAX}"}, 400)
        async with self._pool.connection() as connection:
            found = await mails.newest(connection, recipient=_recipient(request), limit=limit)
        return JSONResponse([mails.mail_json(mail) for mail in found], headers={"Cache-Control": "no-store"})

    async def clear(self, _request: Request) -> Response:
        """DELETE: empty the inbox."""
        async with self._pool.connection() as connection:
            return JSONResponse({"deleted": await mails.remove(connection)})

    async def remove(self, request: Request) -> Response:
        """DELETE one mail; 404 when there is none with this id."""
        mail_id = whole_number(request.path_params["message_id"])
        if mail_id is None or mail_id >= 2**63:
            return _nothing_here()
        async with self._pool.connection() as connection:
            count = await mails.remove(connection, mail_id)
        return JSONResponse({"deleted": count}) if count else _nothing_here()


def _for_neighbours(handler: _Handler) -> _Handler:
    async def answer(request: Request) -> Response:
        if not is_local(request):
            return _nothing_here()
        try:
            return await handler(request)
        except (DatabaseDown, PoolBusy, psycopg.OperationalError):
            return JSONResponse({"message": "The database cannot be reached; try again shortly"}, 503)

    return answer


def _nothing_here() -> Response:
    return JSONResponse({"message": "no Route matched with those values"}, 404)


def _recipient(request: Request) -> str | None:
    wanted = request.query_params.get("recipient", "").strip().lower().replace("\0", "")
    return wanted or None


def _page(found: list[Mail]) -> str:
    articles = "\n".join(_article(mail) for mail in found) or "<p>No mail yet.</p>"
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Inbox</title><style>{_STYLE}</style></head>
<body>
<h1>Inbox</h1>
<p class="who">Mails that this backend did not send. The same as JSON: <a href="{INBOX_PATH}/messages">messages</a></p>
{articles}
</body>
</html>
"""


def _article(mail: Mail) -> str:
    moment = mail.sent_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    link = f'<p><a href="{escape(mail.link)}" rel="noreferrer">Follow the link</a></p>' if mail.link else ""
    code = f"<p><code>{escape(mail.code)}</code></p>" if mail.code else ""
    return f"""<article>
<h2>{escape(mail.subject)}</h2>
<p class="who">{escape(mail.kind)} to {escape(mail.recipient)}, {moment} UTC</p>
{code}{link}
<details><summary>Text</summary><pre>{escape(mail.text_body)}</pre></details>
</article>"""
