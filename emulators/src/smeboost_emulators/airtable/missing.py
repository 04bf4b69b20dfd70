"""Endpoints that the vendor has and this emulator does not: they say so, with 501, instead of pretending.

What the vendor has for Enterprise only is first refused as it is there without that plan, with 404 (`needs.py`); the
501 is seen with `--plan enterprise`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from smeboost_emulators.airtable.errors import not_supported
from smeboost_emulators.airtable.wire import Call, Handler

_BASE = "/v0/meta/bases/{base}"
_ENTERPRISE = "/v0/meta/enterpriseAccounts/{enterprise}"
_RECORD = "/v0/{base}/{table}/{record}"
_ROWS = "/v0/{enterprise}/{dataTable}"
_MISSING: tuple[tuple[str, str, str], ...] = (
    ("date dependencies of a record", "PATCH", f"{_RECORD}/dateDependencyMetadata"),
    ("block installations", "GET", f"{_BASE}/blockInstallations"),
    ("block installations", "PATCH DELETE", f"{_BASE}/blockInstallations/{{installation}}"),
    ("enterprise accounts", "GET", _ENTERPRISE),
    ("enterprise accounts", "GET POST PATCH DELETE", f"{_ENTERPRISE}/{{rest:path}}"),
    ("user groups", "GET", "/v0/meta/groups/{group}"),
    ("SCIM", "GET POST PUT PATCH DELETE", "/scim/v2/{rest:path}"),
    ("HyperDB", "POST", f"{_ROWS}/getRecords"),
    ("HyperDB", "PUT", f"{_ROWS}/upsertRecords"),
    ("HyperDB", "POST", f"{_ROWS}/deleteRecords"),
    ("OAuth", "GET POST", "/oauth2/v1/{rest:path}"),
)


def missing_routes() -> Iterator[tuple[str, str, Handler]]:
    """A method, a path and a handler that refuses, for everything that is known and not built."""
    for what, methods, path in _MISSING:
        for method in methods.split():
            yield method, path, _refuse(what)


def _refuse(what: str) -> Callable[[Call], Any]:
    async def refuse(_call: Call) -> object:
        raise not_supported(what)

    return refuse
