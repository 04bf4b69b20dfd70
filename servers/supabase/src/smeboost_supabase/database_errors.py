"""What a failure of the database itself means, on the way to it and of a statement.

Pure. Source: PostgreSQL manual, appendix A (SQLSTATE).

The driver's message of a failed connection can repeat parts of the connection string, so nothing of it is shown. Of a
failed statement the server's own words are shown, cut to a length: they are about SQL that the caller wrote.
"""

import psycopg
from smeboost_shared.errors import (
    Conflict,
    FieldProblem,
    InvalidInput,
    Misconfigured,
    NotPermitted,
    SmeBoostError,
    VendorBadAnswer,
    VendorRejected,
    VendorTimeout,
    VendorUnavailable,
)

VENDOR_TEXT_MAX_LENGTH = 300
DATABASE_FAULTS = (psycopg.Error, TimeoutError)
_HINTS = {
    "SUPABASE_DB_URL": "Set SUPABASE_DB_URL to the connection string that the project's dashboard shows.",
    "SUPABASE_ACT_DB_URL": "Set SUPABASE_ACT_DB_URL to the connection string of a log-in such as authenticator.",
    "SUPABASE_READ_DB_URL": "Set SUPABASE_READ_DB_URL to the connection string of a log-in that may only read.",
}
_REFUSED = ("28P01", "28000", "3D000")


def database_error(exc: Exception, *, variable: str = "SUPABASE_DB_URL") -> SmeBoostError:
    """The error for a database that cannot be asked: `exc` is of psycopg or a TimeoutError."""
    if isinstance(exc, TimeoutError | psycopg.errors.QueryCanceled):
        return VendorTimeout("The database took too long.")
    if isinstance(exc, psycopg.errors.ConnectionTimeout):
        return VendorUnavailable(f"The database that {variable} names cannot be reached.")
    if isinstance(exc, psycopg.errors.InsufficientPrivilege):
        return NotPermitted(f"The log-in of {variable} may not do this: {_shown(exc)}")
    if isinstance(exc, psycopg.OperationalError):
        # A failed log-in comes without an SQLSTATE attribute; libpq puts the server's own words into the text.
        refused = exc.sqlstate in _REFUSED or any(
            words in str(exc) for words in ("authentication failed", "does not exist")
        )
        if refused:
            what = f"The database refuses {variable}: a wrong user, password or name."
            return Misconfigured(what, hint=_HINTS[variable])
        return VendorUnavailable(f"The database that {variable} names cannot be reached.")
    if isinstance(exc, psycopg.ProgrammingError) and exc.sqlstate is None:
        return Misconfigured(f"{variable} is not a connection string.", hint=_HINTS[variable])
    return VendorBadAnswer(f"The database failed ({getattr(exc, 'sqlstate', None) or 'unknown'}).")


def statement_error(exc: Exception, text: str, *, before: int = 0) -> SmeBoostError:
    """The error for a statement that failed; `before` is how many characters were put in front of `text`.

    Nothing was changed: a transaction whose statement fails is rolled back.
    """
    if isinstance(exc, TimeoutError | psycopg.errors.QueryCanceled):
        return VendorTimeout("The database stopped the statement because it took too long. Nothing was changed.")
    state = exc.sqlstate if isinstance(exc, psycopg.Error) else None
    if not isinstance(exc, psycopg.Error) or state is None:
        return VendorUnavailable("The connection to the database was lost. Nothing was changed.")
    told = f"{_shown(exc)} ({state})"
    where = _place(exc, text, before)
    if state == "25006":
        return NotPermitted(f"This statement changes something, and only reading is possible here: {told}")
    if state == "42501":
        return NotPermitted(f"The database does not permit this: {told}")
    if state == "08P01":
        told = "a statement has no parameters such as $1; write the values into it"
        problem = FieldProblem(field="sql", message=told)
        return InvalidInput(f"The database does not accept this statement: {told}", errors=[problem])
    if state in ("23505", "23503", "55P03", "42P07", "42710"):
        return Conflict(f"The database refuses this{where}: {told}")
    if state[:2] in ("40", "53", "57", "08"):
        return VendorUnavailable(f"The database cannot do this at the moment: {told} Nothing was changed.")
    if state[:2] in ("0A", "21", "22", "23", "25", "2B", "2D", "34", "3F", "42", "P0"):
        problem = FieldProblem(field="sql", message=told)
        return InvalidInput(f"The database does not accept this statement{where}: {told}", errors=[problem])
    return VendorRejected(f"The database refused the statement{where}: {told}")


def _place(exc: psycopg.Error, text: str, before: int) -> str:
    position = exc.diag.statement_position
    if position is None or int(position) <= before:
        return ""
    return f" (line {text.count(chr(10), 0, int(position) - before - 1) + 1})"


def _shown(exc: psycopg.Error) -> str:
    hint = f" {exc.diag.message_hint}" if exc.diag.message_hint else ""
    return " ".join(f"{exc.diag.message_primary or 'no reason given'}.{hint}".split())[:VENDOR_TEXT_MAX_LENGTH]
