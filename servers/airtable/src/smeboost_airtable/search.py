"""Free text search, compiled to Airtable's formula language.

Rules of this room:

- What the caller typed stands only inside a string literal (`formulas`).
- A computed cell that holds an error must not hide its record, so computed fields are guarded with ISERROR.
"""

import re

from smeboost_shared.errors import FieldProblem, InvalidInput

from smeboost_airtable.field_types import PLAIN_TEXTS, RESULTS
from smeboost_airtable.formulas import cell, text_literal
from smeboost_airtable.models import Table, TableField

_TEXT_TYPES = frozenset(
    {
        *PLAIN_TEXTS,
        "singleSelect",
        "multipleSelects",
        "multipleRecordLinks",
        "singleCollaborator",
        "multipleCollaborators",
        "barcode",
        "externalSyncSource",
    }
)
# A string, a field reference, or a parenthesis: what decides whether a formula ends where it should.
_FORMULA_PARTS = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\{(?:[^}\\]|\\.)*\}|[()'"{}]""", re.DOTALL)


def search_formula(search: str, table: Table) -> str:
    """The formula that keeps the records of `table` in which any text-like field contains `search`, in any case.

    Raises:
        InvalidInput: nothing to search for, or no field to search in.
    """
    if not search.strip():
        raise _invalid("search", "has no text")
    needle = f"LOWER({text_literal(search.strip())})"
    found = [f"FIND({needle}, LOWER({_text_of(field)}))" for field in table.fields if _is_text(field)]
    if not found:
        raise _invalid("search", f"table {table.name!r} has no text field to search in; use formula")
    return f"OR({', '.join(found)})"


def both(formula: str, search: str) -> str:
    """The formula that keeps what both keep.

    Raises:
        InvalidInput: `formula` does not end where it should, so it cannot stand inside another.
    """
    depth = 0
    for part in _FORMULA_PARTS.findall(formula):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if depth < 0 or part in ("'", '"', "{", "}"):
            break
    else:
        if depth == 0:
            return f"AND({formula}, {search})"
    raise _invalid("formula", "has a quote, brace or parenthesis without its partner")


def _is_text(field: TableField) -> bool:
    return field.type in _TEXT_TYPES or _is_computed_text(field)


def _is_computed_text(field: TableField) -> bool:
    if field.type not in RESULTS:
        return False
    result = (field.options or {}).get("result")
    return not isinstance(result, dict) or result.get("type") in _TEXT_TYPES


def _text_of(field: TableField) -> str:
    text = f'{cell(field)} & ""'
    return f'IF(ISERROR({cell(field)}), "", {text})' if field.type in RESULTS else text


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"The {field} is not valid.", errors=[FieldProblem(field=field, message=message)])
