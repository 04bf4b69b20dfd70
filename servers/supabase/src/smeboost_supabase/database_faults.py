"""What the database's error codes mean to a caller.

Rules of this room:

- Pure: a code and texts in, one of our errors out. `client.py` catches the SDK's exceptions and asks here.
- An error names the column and never repeats a value: a value can be somebody else's, or a secret.
- A vendor's message is shown only where it holds no values, and cut to a length.

Sources: PostgREST manual, "Errors"; PostgreSQL manual, appendix A.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from smeboost_shared.errors import (
    Conflict,
    FieldProblem,
    InvalidInput,
    NotFound,
    NotPermitted,
    NotSupported,
    OutcomeUnknown,
    SmeBoostError,
    TokenExpired,
    VendorBadAnswer,
    VendorRejected,
    VendorTimeout,
    VendorUnavailable,
)

from smeboost_supabase.service_faults import LOOK_FIRST, credentials_refused

VENDOR_TEXT_MAX_LENGTH = 300


@dataclass(frozen=True)
class Request:
    """What was asked, as far as an error can depend on it."""

    writes: bool = False
    as_user: bool = False
    values: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The texts of the values sent, by column: Postgres names a wrong value, not its column."""


@dataclass(frozen=True)
class DatabaseFault:
    """An error body of PostgREST."""

    code: str
    message: str = ""
    details: str = ""
    hint: str = ""


def rest_error(fault: DatabaseFault, request: Request) -> SmeBoostError:
    """The error that a PostgREST code or an SQLSTATE stands for."""
    exact = _EXACT.get(fault.code)
    if exact:
        return exact(fault, request)
    for prefix, kind in _CLASSES.items():
        if fault.code.startswith(prefix):
            return kind(fault, request)
    return VendorRejected(f"The database refused the request ({fault.code}): {_shown(fault.message)}".rstrip(": "))


def _not_permitted(_fault: DatabaseFault, request: Request) -> SmeBoostError:
    who = "This person" if request.as_user else "The configured key"
    hint = None if request.as_user else "Call sign_in and pass its session to act as a person."
    rule = "row level security or a missing grant" if not request.writes else "row level security, a missing grant"
    more = "" if not request.writes else " or no right to read the rows back (then pass returning=false)"
    return NotPermitted(f"{who} may not do this: {rule}{more}.", hint=hint)


def _duplicate(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    columns = _key_columns(fault.details)
    problems = [FieldProblem(field=column, message="must be unique, and this value is taken") for column in columns]
    constraint = _constraint(fault.message)
    return Conflict(
        f"A row with the same {', '.join(columns)} exists." if columns else f"A row exists already{constraint}.",
        errors=problems,
    )


def _reference(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    table = _first(r'table "([^"]+)"', fault.details)
    if "still referenced" in fault.details:
        return Conflict(f"The row is still referred to{f' from {table}' if table else ''}; change those rows first.")
    problems = [
        FieldProblem(field=column, message=f"names a row that does not exist{f' in {table}' if table else ''}")
        for column in _key_columns(fault.details)
    ]
    return InvalidInput(f"A value refers to a row that does not exist{_constraint(fault.message)}.", errors=problems)


def _missing_value(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return _invalid_column(_first(r'column "([^"]+)"', fault.message), "must have a value", "A value is missing.")


def _check(fault: DatabaseFault, request: Request) -> SmeBoostError:
    name = _first(r'check constraint "([^"]+)"', fault.message)
    column = next((one for one in request.values if name and name.endswith(f"_{one}_check")), None)
    return _invalid_column(
        column, f"breaks the rule {name}", f"A value breaks the table's rule {name or ''}".rstrip() + "."
    )


def _generated(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    column = _first(r'column "([^"]+)"', fault.message)
    return _invalid_column(column, "is filled by the database; leave it out", "A column cannot be written.")


def _wrong_value(fault: DatabaseFault, request: Request) -> SmeBoostError:
    kind = _first(r"type ([a-z][\w ]*?)(?::|$|\()", fault.message)
    wanted = f"is not a valid {kind}" if kind else "has a value that its type does not take"
    wrong = _first(r'"(.*)"', fault.message)
    columns = [column for column, texts in request.values.items() if wrong is not None and wrong in texts]
    problems = [FieldProblem(field=column, message=wanted) for column in columns]
    return InvalidInput(f"A value {wanted}.", errors=problems)


def _unknown_column(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    column = _first(r"'([^']+)' column", fault.message) or _first(r'column "?([^\s"]+)"? ', fault.message)
    return _invalid_column(
        (column or "").rpartition(".")[2] or None, "does not exist", "There is no such column.", fault
    )


def _unknown_table(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    table = _first(r"table '([^']+)'", fault.message) or _first(r'relation "([^"]+)"', fault.message)
    return NotFound(
        f"There is no table {table!r}." if table else "There is no such table.",
        hint=suggestion(_hinted(fault)) or "list_tables shows the tables.",
    )


def _unknown_function(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return NotFound(
        "There is no function of this name with these arguments.",
        hint=suggestion(_hinted(fault)) or _shown(fault.hint) or "describe_schema shows the functions.",
    )


def _unknown_schema(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return _invalid_column("schema", "is not one that the project offers", "The schema is not offered.", fault)


def _select(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return _invalid_column(
        "columns", _shown(fault.message) or "cannot be read", "The list of columns is not valid.", fault
    )


def _syntax(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    problem = FieldProblem(
        field="columns", message=f"or a filter cannot be read by the project: {_shown(fault.details)}"
    )
    return InvalidInput("The columns or the filters are not valid.", errors=[problem])


def _offset(_fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return _invalid_column("offset", "is beyond the last row", "There is no such page.")


def _operator(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    problem = FieldProblem(
        field="filters", message=f"an operator does not fit its column's type: {_shown(fault.message)}"
    )
    return InvalidInput("A filter is not valid.", errors=[problem])


def _token(_fault: DatabaseFault, request: Request) -> SmeBoostError:
    return (
        TokenExpired("The session has ended.", hint="Call sign_in again.") if request.as_user else credentials_refused()
    )


def _too_slow(_fault: DatabaseFault, request: Request) -> SmeBoostError:
    done = " Nothing was changed." if request.writes else ""
    return VendorTimeout(f"The database stopped the query because it took too long.{done}", hint="Ask for fewer rows.")


def _gave_way(_fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return VendorUnavailable("The database gave way to another change. Nothing was changed.")


def _busy(_fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return VendorUnavailable("The database cannot be reached at the moment.")


def _connection_lost(_fault: DatabaseFault, request: Request) -> SmeBoostError:
    return OutcomeUnknown(hint=LOOK_FIRST) if request.writes else _busy(_fault, request)


def _failed(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return VendorBadAnswer(f"The database failed ({fault.code}).")


def _invalid(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return InvalidInput(f"The database does not accept this ({fault.code}): {_shown(fault.message)}".rstrip(": "))


def _taken(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return Conflict(f"The row conflicts with one that exists{_constraint(fault.message)}.")


def _read_only(_fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return NotPermitted("The database is read-only at the moment.")


def _not_built(fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return NotSupported(f"This project's REST interface does not have this: {_shown(fault.details or fault.message)}")


def _no_rows_max(_fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return NotSupported("This project's PostgREST is too old for rows_max.", hint="Leave rows_max out.")


def _too_many_rows(_fault: DatabaseFault, _request: Request) -> SmeBoostError:
    return Conflict("More rows match than rows_max. Nothing was changed.", hint="Narrow the filters or raise rows_max.")


_EXACT = {
    "42501": _not_permitted,
    "23505": _duplicate,
    "23503": _reference,
    "23502": _missing_value,
    "23514": _check,
    "23P01": _taken,
    "428C9": _generated,
    "42703": _unknown_column,
    "42P01": _unknown_table,
    "42883": _operator,
    "57014": _too_slow,
    "40001": _gave_way,
    "40P01": _gave_way,
    "25006": _read_only,
    "PGRST002": _busy,
    "PGRST003": _too_slow,
    "PGRST100": _syntax,
    "PGRST103": _offset,
    "PGRST106": _unknown_schema,
    "PGRST108": _select,
    "PGRST118": _select,
    "PGRST123": _select,
    "PGRST122": _no_rows_max,
    "PGRST124": _too_many_rows,
    "PGRST127": _not_built,
    "PGRST200": _select,
    "PGRST201": _select,
    "PGRST202": _unknown_function,
    "PGRST203": _select,
    "PGRST204": _unknown_column,
    "PGRST205": _unknown_table,
    "PGRST301": _token,
    "PGRST302": _token,
    "PGRST303": _token,
    "PGRST000": _busy,
    "PGRST001": _connection_lost,
}
_CLASSES = {
    "22": _wrong_value,
    "42": _invalid,
    "PGRST1": _invalid,
    "PGRST2": _invalid,
    "53": _busy,
    "57P": _busy,
    "08": _connection_lost,
    "28": _token,
    "XX": _failed,
    "58": _failed,
    "PGRSTX": _failed,
    "PGRST3": _failed,
}


def suggestion(name: str | None) -> str | None:
    """A hint that names the name which was probably meant."""
    return f"Did you mean {name!r}?" if name else None


def _invalid_column(column: str | None, message: str, summary: str, fault: DatabaseFault | None = None) -> InvalidInput:
    problems = [FieldProblem(field=column, message=message)] if column else []
    hint = suggestion(_hinted(fault)) or _shown(fault.hint) or None if fault else None
    return InvalidInput(summary, errors=problems, hint=hint)


def _hinted(fault: DatabaseFault) -> str | None:
    name = _first(r"[Pp]erhaps you meant (?:to reference )?(?:the )?(?:column |table )?[\"']([^\"']+)[\"']", fault.hint)
    return name.rpartition(".")[2] if name else None


def _key_columns(details: str) -> list[str]:
    listed = _first(r"^Key \(([^)]*)\)=", details)
    return [column.strip().strip('"') for column in listed.split(",")] if listed else []


def _constraint(message: str) -> str:
    name = _first(r'constraint "([^"]+)"', message)
    return f" (constraint {name})" if name else ""


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.DOTALL)
    return found[1] if found else None


def _shown(text: str) -> str:
    return " ".join(text.split())[:VENDOR_TEXT_MAX_LENGTH]
