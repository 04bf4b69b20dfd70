"""Approvals of statements: each is good for one text on one database, once and for a short time.

Rules of this room:

- What is approved is a digest of the exact text, of what is done with it, of the database and of the caller; a text
  that differs by one character is another one.
- The key follows from SUPABASE_DB_URL, so that several processes with the same settings know each other's approvals;
  who does not know the connection string cannot make one (HMAC, RFC 2104). Only "once" is each process's own.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import astuple, dataclass

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr
from smeboost_shared.errors import FieldProblem, InvalidInput

USED_MAX = 10_000
"""Used approvals that are remembered; no more than that are used while one lives."""


@dataclass(frozen=True)
class Deed:
    """What is approved: what is done (`execute_sql`, `apply_migration`), with which text, by whom."""

    action: str
    text: str
    details: str = ""
    caller: str | None = None


class Approvals:
    """Issues approvals and takes each once."""

    def __init__(self, database_url: SecretStr, *, seconds: float, clock: Callable[[], float] = time.time) -> None:
        url = database_url.get_secret_value()
        self._key = hmac.digest(url.encode(), b"smeboost approvals", hashlib.sha256)
        self._database = _database(url)
        self._seconds = seconds
        self._clock = clock
        self._used: OrderedDict[str, None] = OrderedDict()

    def issue(self, deed: Deed) -> str:
        """An approval of `deed`, for whoever gives it back in time."""
        head = f"{int(self._clock() + self._seconds)}.{secrets.token_urlsafe(12)}"
        return f"{head}.{self._mac(deed, head)}"

    def redeem(self, deed: Deed, approval: str) -> None:
        """Take an approval.

        Raises:
            InvalidInput: it is for something else, too old or used.
        """
        head, _, mac = approval.rpartition(".")
        end, _, _ = head.partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(deed, head).encode()):
            raise _refused("is not for this text on this database")
        if self._clock() > int(end):
            raise _refused("is too old")
        if head in self._used:
            raise _refused("was used already")
        self._used[head] = None
        if len(self._used) > USED_MAX:
            self._used.popitem(last=False)

    def _mac(self, deed: Deed, head: str) -> str:
        said = json.dumps([head, self._database, *astuple(deed)])
        return hmac.digest(self._key, said.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def _refused(message: str) -> InvalidInput:
    problem = FieldProblem(field="approval", message=message)
    return InvalidInput("The approval does not hold.", errors=[problem], hint="Call again without it to get a new one.")


def _database(url: str) -> str:
    try:
        known = conninfo_to_dict(url)
    except ProgrammingError:
        # Not a connection string: whoever connects with it will be told.
        return url
    return json.dumps([str(known.get(part)) for part in ("host", "port", "dbname", "user")])
