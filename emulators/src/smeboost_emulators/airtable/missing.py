"""Endpoints that the vendor has and this emulator does not: they say so, with 501, instead of pretending."""

from collections.abc import Callable, Iterator
from typing import Any

from smeboost_emulators.airtable.errors import not_supported
from smeboost_emulators.airtable.wire import Call, Handler

_BASE = "/v0/meta/bases/{base}"
_RECORD = "/v0/{base}/{table}/{record}"
_MISSING: tuple[tuple[str, str, str], ...] = (
    ("comments", "GET POST", f"{_RECORD}/comments"),
    ("comments", "PATCH DELETE", f"{_RECORD}/comments/{{comment}}"),
    ("date dependencies", "PATCH", f"{_RECORD}/dateDependencyMetadata"),
    ("CSV sync", "POST", "/v0/{base}/{table}/sync/{sync}"),
    ("creating bases", "POST", "/v0/meta/bases"),
    ("reading collaborators", "GET", _BASE),
    ("deleting bases", "DELETE", _BASE),
    ("the views endpoints", "GET", f"{_BASE}/views"),
    ("the views endpoints", "GET DELETE", f"{_BASE}/views/{{view}}"),
    ("changing collaborators", "POST", f"{_BASE}/collaborators"),
    ("changing collaborators", "PATCH DELETE", f"{_BASE}/collaborators/{{collaborator}}"),
    ("shares", "GET", f"{_BASE}/shares"),
    ("shares", "PATCH DELETE", f"{_BASE}/shares/{{share}}"),
    ("invites", "DELETE", f"{_BASE}/invites/{{invite}}"),
    ("interfaces", "GET", f"{_BASE}/interfaces/{{interface}}"),
    ("block installations", "GET", f"{_BASE}/blockInstallations"),
    ("workspaces", "GET POST PATCH DELETE", "/v0/meta/workspaces{rest:path}"),
    ("enterprise accounts", "GET POST PATCH DELETE", "/v0/meta/enterpriseAccounts{rest:path}"),
    ("user groups", "GET", "/v0/meta/groups/{group}"),
    ("SCIM", "GET POST PUT PATCH DELETE", "/scim/v2/{rest:path}"),
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
