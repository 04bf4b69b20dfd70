"""Which SQL only adds something, so that nobody has to be asked.

Rules of this room:

- Careful by construction: what is not known to only add has to be approved. Nothing here grants a right.
- Text that PostgreSQL might cut into words in another way than we do (backslashes, dollar signs, a lone carriage
  return, nested comments, names and strings that begin with U&) is not looked at any further.
- A function that a default, a check or an index names runs later, when somebody only inserts; so what creates something
  may name no function either.
"""

import re
from itertools import accumulate

from smeboost_shared.statements import split_statements

_UNCERTAIN = re.compile(r"""[\\$]|\r(?!\n)|/\*|&['"]|[^\x00-\x7f]""")
_WORDS = re.compile(r"""--[^\n]*|'(?:''|[^'])*'|"(?:""|[^"])*"|\w+|[^\w\s]""")
_NEW = {"table", "index", "type", "sequence", "domain"}
_RUNS_SOMETHING = {"select", "execute", "call", "with", "values", "conflict", "returning"}
_CALLABLE = {"values", "now", "gen_random_uuid", "current_timestamp"}
_BEFORE_A_NAME = {"table", "exists", "only", "on", "references", "using"}
"""What stands behind one of these is the name of a table or of an index's kind, and its bracket holds columns."""
_NO_FUNCTIONS = {
    *("unique", "check", "default", "as", "in", "and", "or", "not"),
    *("varchar", "char", "character", "varying", "numeric", "decimal", "float", "bit", "time", "timestamp", "interval"),
}
"""Words that PostgreSQL takes for no function (manual, appendix C), unless a schema or quotes make a name of them."""
_NO_FUNCTIONS_BEHIND = {"key": {"primary", "foreign"}, "include": {")"}, "enum": {"as"}, "identity": {"as"}}
_ALTERS = {
    "drop",
    "alter",
    "set",
    "rename",
    "disable",
    "no",
    "owner",
    "attach",
    "detach",
    "default",
    "using",
    "generated",
}


def needs_approval(text: str) -> bool:
    """Whether a person has to approve of `text` before it is run."""
    return bool(_UNCERTAIN.search(text)) or not all(map(_only_adds, split_statements(text)))


def _only_adds(statement: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(statement) if not word.startswith("--")]
    if words[:2] == ["comment", "on"]:
        return True
    if words[:2] == ["insert", "into"]:
        return _inserts_plain_values(words)
    if words[:1] == ["create"]:
        kind = words[2] if words[1:2] == ["unique"] else "".join(words[1:2])
        return kind in _NEW and _RUNS_SOMETHING.isdisjoint(words) and not _names_a_function(words)
    if words[:2] == ["alter", "table"]:
        guards = words[-4:] == ["enable", "row", "level", "security"] and len(words) in (7, 9)
        return _adds_columns(words) or guards
    return False


def _adds_columns(words: list[str]) -> bool:
    adds = words[3:5] == ["add", "column"] or words[5:7] == ["add", "column"]
    nothing_else = all(words[place + 1 : place + 3] == ["add", "column"] for place in _outer_commas(words))
    return adds and nothing_else and _ALTERS.isdisjoint(words[3:]) and not _names_a_function(words)


def _outer_commas(words: list[str]) -> list[int]:
    depths = accumulate({"(": 1, ")": -1}.get(word, 0) for word in words)
    return [place for place, depth in enumerate(depths) if words[place] == "," and depth == 0]


def _names_a_function(words: list[str]) -> bool:
    places = (place for place, following in enumerate(words) if place and following == "(")
    return any(re.match(r'\w|"', words[place - 1]) and not _is_harmless(words, place - 1) for place in places)


def _is_harmless(words: list[str], place: int) -> bool:
    """Whether the word at `place`, which a bracket follows, is no function or one that does nothing."""
    word, start = words[place], place
    while start >= 2 and words[start - 1] == ".":
        start -= 2
    before = words[start - 1] if start else ""
    if before in _BEFORE_A_NAME:
        return True
    known = word in _NO_FUNCTIONS | _CALLABLE or before in _NO_FUNCTIONS_BEHIND.get(word, set())
    return known and start == place


def _inserts_plain_values(words: list[str]) -> bool:
    if "values" not in words or not (_RUNS_SOMETHING - {"values"}).isdisjoint(words):
        return False
    return not _names_a_function(words[words.index("values") :])
