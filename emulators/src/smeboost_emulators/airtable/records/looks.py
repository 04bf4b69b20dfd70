"""How the cells of a record look in an answer: as JSON or as text, by name or id, links bare or as objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from smeboost_emulators.airtable.records.strings import StringFormat, string_of
from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.schema import Field

Reader: TypeAlias = Callable[[int], Cell]


@dataclass(frozen=True, slots=True)
class Look:
    """`with_dependencies` makes objects of the cells of links (`includeDateDependencyMetadata`)."""

    by_field_id: bool = False
    strings: StringFormat | None = None
    with_dependencies: bool = False


JSON_BY_NAME = Look()


def reader(field: Field, look: Look) -> Reader:
    """What an answer shows of the field, by slot; None for an empty cell."""
    read = field.cells.__getitem__ if field.read is None else field.read
    if look.strings is not None:
        return _as_text(field, read, look.strings)
    if look.with_dependencies and field.link is not None:
        return lambda slot: [{"id": record_id} for record_id in read(slot) or ()] or None
    return read


def _as_text(field: Field, read: Reader, form: StringFormat) -> Reader:
    return lambda slot: string_of(field, read(slot), form) or None
