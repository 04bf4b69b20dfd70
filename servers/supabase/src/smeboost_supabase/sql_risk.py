"""Which SQL only adds something, so that nobody has to be asked.

Rules of this room:

- Careful by construction: what is not known to only add has to be approved. Nothing here grants a right.
- Text that PostgreSQL might cut into words in another way than we do (backslashes, dollar signs, a lone carriage
  return, nested comments) is not looked at any further.
"""

import re
from itertools import pairwise

from smeboost_shared.statements import split_statements

_UNCERTAIN = re.compile(r"[\\$]|\r(?!\n)|/\*|&'|[^\x00-\x7f]")
_WORDS = re.compile(r"""--[^\n]*|'(?:''|[^'])*'|"(?:""|[^"])*"|\w+|[^\w\s]""")
_NEW = {"table", "index", "type", "sequence", "domain"}
_RUNS_SOMETHING = {"select", "execute", "call", "with", "values", "conflict", "returning"}
_CALLABLE = {"values", "now", "gen_random_uuid", "current_timestamp"}
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
        return kind in _NEW and _RUNS_SOMETHING.isdisjoint(words)
    if words[:2] == ["alter", "table"]:
        adds = words[3:5] == ["add", "column"] or words[5:7] == ["add", "column"]
        guards = words[-4:] == ["enable", "row", "level", "security"] and len(words) in (7, 9)
        return (adds and _ALTERS.isdisjoint(words[3:])) or guards
    return False


def _inserts_plain_values(words: list[str]) -> bool:
    if "values" not in words or not (_RUNS_SOMETHING - {"values"}).isdisjoint(words):
        return False
    values = words[words.index("values") :]
    called = [word for word, following in pairwise(values) if following == "("]
    return all(word in _CALLABLE or not re.match(r'\w|"', word) for word in called)
