"""Pieces of Airtable's formula language that hold whatever is put into them.

A text stands only inside a literal: backslashes, quotes and line breaks are escaped. A field is named by its id, so no
field's name can break a formula.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from smeboost_airtable.models import TableField

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text_literal(text: str) -> str:
    """`text` as a string of the formula language."""
    return '"' + "".join(_ESCAPES.get(character, character) for character in text) + '"'


def number_literal(number: float) -> str:
    """`number` without an exponent, which the language does not have."""
    text = str(number) if isinstance(number, int) else format(Decimal(repr(number)), "f")
    return f"({text})" if text.startswith("-") else text


def moment_literal(moment: datetime) -> str:
    """A moment in UTC, to the millisecond."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"DATETIME_PARSE({text_literal(text)})"


def cell(field: TableField) -> str:
    """The field's cell."""
    return f"{{{field.id}}}"


def all_of(conditions: Sequence[str]) -> str:
    """What holds when all conditions do."""
    return conditions[0] if len(conditions) == 1 else f"AND({', '.join(conditions)})"


def any_of(conditions: Sequence[str]) -> str:
    """What holds when one of the conditions does."""
    return conditions[0] if len(conditions) == 1 else f"OR({', '.join(conditions)})"


def record_is(record_ids: Sequence[str]) -> str:
    """What keeps the records with these ids."""
    return any_of([f"RECORD_ID()={text_literal(record_id)}" for record_id in record_ids])
