"""Who makes a request, and how a transaction becomes that caller.

Rules of this room (PostgREST, "Authentication" and "Transactions"):

- The log-in of a pool has no rights of its own over data; a transaction takes the token's role, so row level security
  and grants are the database's own.
- What policies and functions may want to know travels as settings that end with the transaction.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncRawCursor

from smeboost_emulators.supabase.tokens import Claims, Keyring

ANONYMOUS = "anon"


@dataclass(frozen=True)
class Caller:
    """A database role and the claims that came with it."""

    role: str
    claims: Claims = field(repr=False)

    @property
    def claims_text(self) -> str:
        """The value of `request.jwt.claims`."""
        return json.dumps({"role": self.role, **self.claims})


@dataclass(frozen=True)
class Circumstances:
    """What a transaction may know of the request it serves; `search_path` lists schemas, the first one first.

    `settings` are those of PostgreSQL and of the project that hold for this transaction besides.
    """

    method: str
    path: str
    search_path: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    settings: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


def caller_of(authorization: str | None, keyring: Keyring, *, leeway_seconds: int) -> Caller:
    """The caller that an Authorization header names; nobody in particular without a bearer token.

    Raises:
        TokenRejected: the token is not one of ours, or not valid now.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return Caller(ANONYMOUS, {})
    claims = keyring.verify(token.strip(), leeway_seconds=leeway_seconds)
    return Caller(str(claims.get("role", ANONYMOUS)), claims)


async def become(
    cursor: "AsyncRawCursor[Any]", caller: Caller, circumstances: Circumstances, *, read_only: bool
) -> None:
    """Make the cursor's open transaction the caller's.

    Raises:
        psycopg.Error: 22023 when there is no such role, 42501 when the log-in may not take it.
    """
    statement, values = becoming(caller, circumstances, read_only=read_only)
    await cursor.execute(statement.encode(), values)


def becoming(caller: Caller, circumstances: Circumstances, *, read_only: bool) -> tuple[str, list[str]]:
    """The statement that makes an open transaction the caller's, and its parameters."""
    path = ", ".join('"' + name.replace('"', '""') + '"' for name in dict.fromkeys(circumstances.search_path))
    chosen = {
        "transaction_read_only": "on" if read_only else "off",
        **circumstances.settings,
        "search_path": path,
        "request.jwt.claims": caller.claims_text,
        "request.method": circumstances.method,
        "request.path": circumstances.path,
        "request.headers": json.dumps(dict(circumstances.headers)),
        "request.cookies": json.dumps(dict(circumstances.cookies)),
        "role": caller.role,
    }
    calls = ", ".join(f"set_config(${2 * place + 1}, ${2 * place + 2}, true)" for place in range(len(chosen)))
    return f"select {calls}", [text for setting in chosen.items() for text in setting]
