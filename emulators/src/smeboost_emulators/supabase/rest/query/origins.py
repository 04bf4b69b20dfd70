"""Which column of a table a view's column shows as it is, read from the rule that makes the view.

PostgreSQL keeps the rule as text: nested `{NODE :field value ...}`. The list of the outermost query tells for each
column the relation and the column it came from (`resorigtbl`, `resorigcol`), one view deep.
"""

import re
from collections.abc import Iterator, Mapping

Origin = tuple[int, int]
VIEWS_DEEP_MAX = 50
# A backslash takes the next character, so that a name cannot look like structure.
_PIECE = re.compile(r"\\.|[{}]|:targetList |:resno \d+|:resorigtbl \d+|:resorigcol \d+", re.DOTALL)


def shown_columns(rule: str) -> dict[int, Origin]:
    """The origin, as (relation's oid, column's number), of each numbered column of a view that shows one unchanged."""
    found: dict[int, Origin] = {}
    for entry in _entries(rule):
        number, relation, column = entry.get(":resno"), entry.get(":resorigtbl"), entry.get(":resorigcol")
        if number and relation and column:
            found[number] = (relation, column)
    return found


def _entries(rule: str) -> Iterator[Mapping[str, int]]:
    """The numbers of every entry of the outermost query's list."""
    depth, listed = 0, False
    entry: dict[str, int] = {}
    for match in _PIECE.finditer(rule):
        piece = match.group()
        if piece == "{":
            depth += 1
        elif piece == "}":
            if depth == 2 and listed and entry:
                yield entry
                entry = {}
            depth -= 1
        elif depth == 1:
            listed = piece == ":targetList "
        elif depth == 2 and listed and piece.startswith(":res"):
            name, _, number = piece.partition(" ")
            entry[name] = int(number)


def base_origin(views: Mapping[int, Mapping[int, Origin]], origin: Origin) -> Origin:
    """The column of a table at the end of a chain of views."""
    for _ in range(VIEWS_DEEP_MAX):
        below = views.get(origin[0], {}).get(origin[1])
        if below is None:
            return origin
        origin = below
    return origin
