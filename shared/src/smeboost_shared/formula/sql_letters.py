"""Upper and lower case in SQL as Python has them, on every database, whatever its collations are.

PostgreSQL's own mappings depend on its version, its provider and the locale. So a text of which only letters of ASCII
change goes to the collation C, and any other character by character through a table of Python's mappings, which travels
as a parameter.
"""

import json
from collections.abc import Callable
from functools import lru_cache

from smeboost_shared.formula.sql_terms import Scope

LETTERS = [*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200)]
"""Where characters with a case are, and those that a word's end is looked for beyond."""
SIGMA, FINAL_SIGMA = "Σ", "ς"
ASCII_MAX = 127
Change = Callable[[str], str]


def upper(scope: Scope, text: str) -> str:
    """The text in upper case."""
    return _mapped(scope, text, str.upper, "{a}")


def lower(scope: Scope, text: str) -> str:
    """The text in lower case."""
    # A capital sigma at the end of a word, and behind another letter, becomes another letter than elsewhere.
    replaced = f"regexp_replace({{a}}, {scope.fixed(final_sigma_pattern())}, '{FINAL_SIGMA}', 'g')"
    final = f"CASE WHEN strpos({{a}}, '{SIGMA}') > 0 THEN {replaced} ELSE {{a}} END"
    return _mapped(scope, text, str.lower, final)


def _mapped(scope: Scope, text: str, change: Change, prepared: str) -> str:
    mapping = scope.fixed(table(change), "jsonb")
    value = f"{scope.prefix}c"
    return scope.fill(
        f"CASE WHEN octet_length({{a}}) = length({{a}}) OR {{a}} !~ {scope.fixed(changing_pattern(change))}"
        f' THEN {change.__name__}({{a}} COLLATE "C")'
        f" ELSE (SELECT coalesce(string_agg(coalesce({mapping} ->> {value}.c, {value}.c), '' ORDER BY {value}.n), '')"
        f" FROM string_to_table({prepared}, NULL) WITH ORDINALITY AS {value}(c, n)) END",
        a=text,
    )


@lru_cache(2)
def table(change: Change) -> str:
    """A JSON object of the characters that become others."""
    changed = {letter: change(letter) for letter in map(chr, LETTERS) if change(letter) != letter}
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))


@lru_cache(2)
def changing_pattern(change: Change) -> str:
    """Any of these characters beyond ASCII."""
    return f"[{_ranges([code for code in LETTERS if code > ASCII_MAX and change(chr(code)) != chr(code)])}]"


@lru_cache(1)
def final_sigma_pattern() -> str:
    """A capital sigma with a cased letter before it and none behind it, not counting marks in between.

    Which characters those are is asked of Python, whose tables show in what it does.
    """
    cased = [code for code in LETTERS if (chr(code) + SIGMA).lower().endswith(FINAL_SIGMA)]
    known = set(cased)
    marks = [code for code in LETTERS if code not in known and ("A" + chr(code) + SIGMA).lower()[-1] == FINAL_SIGMA]
    return f"(?<=[{_ranges(cased)}][{_ranges(marks)}]*){SIGMA}(?![{_ranges(marks)}]*[{_ranges(cased)}])"


def _ranges(codes: list[int]) -> str:
    found: list[list[int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(_escape(first) if first == last else f"{_escape(first)}-{_escape(last)}" for first, last in found)


def _escape(code: int) -> str:
    return f"\\U{code:08x}"
