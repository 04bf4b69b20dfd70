"""What is asked of a table, and what is refused before it is sent."""

import json
from dataclasses import dataclass

from pydantic import JsonValue, SecretStr
from smeboost_shared.errors import FieldProblem, InvalidInput, TooLarge

from smeboost_supabase.models import Filter

Row = dict[str, JsonValue]


@dataclass(frozen=True)
class Target:
    """The table that a call is about, and as whom it is made."""

    table: str
    schema: str = "public"
    session: SecretStr | None = None
    run_as: str | None = None


def check_body(body: Row | list[Row], *, max_bytes: int) -> None:
    """Refuse rows that cannot be sent.

    Raises:
        InvalidInput: they hold something that JSON cannot.
        TooLarge: they take more than `max_bytes`.
    """
    try:
        size = len(json.dumps(body, ensure_ascii=False, allow_nan=False).encode())
    except ValueError:
        problem = FieldProblem(field="rows", message="hold NaN, infinity or text that is not Unicode")
        raise InvalidInput("The rows are not valid.", errors=[problem]) from None
    if size > max_bytes:
        raise TooLarge(f"The rows are {size} bytes; {max_bytes} are sent at most.", hint="Send fewer at once.")


def require_filters(filters: list[Filter], done: str) -> None:
    """Refuse a change of every row; `done` says what would happen to them."""
    if not filters:
        problem = FieldProblem(field="filters", message="must hold at least one condition")
        raise InvalidInput(f"Without a filter every row would be {done}.", errors=[problem])


def require_same_columns(rows: list[Row], keys: list[str]) -> None:
    """Refuse rows that would update others with a default: a column that only some of the rows have."""
    for number, row in enumerate(rows):
        if row.keys() != rows[0].keys() or not row.keys() >= set(keys):
            problem = FieldProblem(field=f"rows.{number}", message="must have on_conflict and the others' columns")
            raise InvalidInput("With on_conflict all rows have the same columns.", errors=[problem])


def sent_values(filters: list[Filter], rows: list[Row]) -> dict[str, list[str]]:
    """The texts of all values in a request, by column."""
    sent: dict[str, list[str]] = {}
    for one in filters:
        values = one.value if isinstance(one.value, list) else [one.value]
        sent.setdefault(one.column, []).extend(str(value) for value in values)
    for row in rows:
        for column, value in row.items():
            sent.setdefault(column, []).append(str(value))
    return sent
