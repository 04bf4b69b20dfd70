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
_BECOME = """select set_config('transaction_read_only', $1, true), set_config('search_path', $2, true),
  set_config('request.jwt.claims', $3, true), set_config('request.method', $4, true),
  set_config('request.path', $5, true), set_config('request.headers', $6, true),
  set_config('request.cookies', $7, true), set_config('role', $8, true)"""


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
    """What a transaction may know of the request it serves; `search_path` lists schemas, the first one first."""

    method: str
    path: str
    search_path: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


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
    path = ", ".join('"' + name.replace('"', '""') + '"' for name in dict.fromkeys(circumstances.search_path))
    values = (
        "on" if read_only else "off",
        path,
        caller.claims_text,
        circumstances.method,
        circumstances.path,
        json.dumps(dict(circumstances.headers)),
        json.dumps(dict(circumstances.cookies)),
        caller.role,
    )
    await cursor.execute(_BECOME, values)
