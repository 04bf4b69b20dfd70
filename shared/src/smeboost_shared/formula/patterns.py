"""REGEX_MATCH, REGEX_EXTRACT and REGEX_REPLACE on RE2: no pattern takes more than time in proportion to the text."""

import re
from collections.abc import Iterator
from functools import lru_cache
from time import thread_time
from typing import Protocol, cast

import re2

from smeboost_shared.formula.arguments import Function
from smeboost_shared.formula.evaluation import EvaluationError, TooMuchWork, first_use, spend
from smeboost_shared.formula.texts import bounded
from smeboost_shared.formula.values import Value, text_of

PATTERN_LENGTH_MAX = 1_000
PROGRAM_BYTES_MAX = 1 << 20
"""Memory of one pattern, its program and its automaton together; RE2 refuses what needs more."""
CACHE_SIZE = 64
COMPILE_COST = 100_000
REFUSED_COST = 4_000_000
"""Units for a pattern that RE2 refuses, perhaps after it has filled all its memory."""
STEP_COST = 500
"""Units to compile one step of a pattern's program."""
BYTE_COST = 100
"""Units for each byte of a text: what a pattern with a large automaton takes; most take a hundredth."""
SHOWN_MAX = 100
MATCH_COST = 1_000
REPLACE_SECONDS_MAX = 0.03
"""Processor time for the matches of one REGEX_REPLACE. A pattern that looks far ahead from every place of a long
text takes the square of its length, which no count of matches tells; this clock is for those only."""
REFUSED = cast("type[Exception]", re2.error)
GROUP = re.compile(rb"\$(\$|&|\d\d?)")


class _Match(Protocol):
    def group(self, index: int = 0) -> bytes | None: ...

    def start(self) -> int: ...

    def end(self) -> int: ...


class _Pattern(Protocol):
    programsize: int
    groups: int

    def search(self, text: bytes) -> _Match | None: ...

    def finditer(self, text: bytes) -> Iterator[_Match]: ...


def _match(text: Value, pattern: Value) -> int:
    compiled, given = _prepared(text, pattern)
    return 0 if compiled.search(given) is None else 1


def _extract(text: Value, pattern: Value) -> str:
    compiled, given = _prepared(text, pattern)
    match = compiled.search(given)
    if match is None:
        raise EvaluationError("the pattern is not in the text")
    return (match.group() or b"").decode("utf-8", "replace")


def _replace(text: Value, pattern: Value, replacement: Value) -> str:
    compiled, given = _prepared(text, pattern)
    template = _utf8(text_of(replacement))
    bounded(len(template))
    pieces: list[bytes] = []
    length = end = 0
    started = thread_time()
    for number, match in enumerate(compiled.finditer(given)):
        # A place within a character is not between two of them.
        if match.start() < len(given) and given[match.start()] & 0xC0 == 0x80:
            continue
        spend(MATCH_COST)
        if number % 16 == 0 and thread_time() - started > REPLACE_SECONDS_MAX:
            raise TooMuchWork("the pattern is too much work for this text")
        pieces += (given[end : match.start()], _filled(template, match, compiled.groups))
        length += len(pieces[-1]) + len(pieces[-2])
        bounded(length if number % 64 == 0 else 0)
        end = match.end()
    bounded(length + len(given) - end)
    return (b"".join(pieces) + given[end:]).decode("utf-8", "replace")


def _filled(template: bytes, match: _Match, groups: int) -> bytes:
    """The replacement with `$1` to `$99`, `$&` and `$$` filled in; what names no group stays as it is."""
    if b"$" not in template:
        return template

    def fill(found: re.Match[bytes]) -> bytes:
        name = found[1]
        if name == b"$":
            return b"$"
        index = 0 if name == b"&" else int(name)
        if index > groups or (index == 0 and name != b"&"):
            return found[0]
        return match.group(index) or b""

    return GROUP.sub(fill, template)


def _prepared(text: Value, pattern: Value) -> tuple[_Pattern, bytes]:
    """The compiled pattern and the text as UTF-8, both charged for."""
    written, given = text_of(pattern), _utf8(text_of(text))
    if len(written) > PATTERN_LENGTH_MAX:
        raise EvaluationError(f"the pattern is longer than {PATTERN_LENGTH_MAX} characters")
    compiled = _compiled(written)
    if first_use(("pattern", written)):
        spend(REFUSED_COST if isinstance(compiled, str) else COMPILE_COST + STEP_COST * compiled.programsize)
    if isinstance(compiled, str):
        raise EvaluationError(f"the pattern is not one of RE2: {compiled}")
    spend(MATCH_COST + BYTE_COST * len(given) + 20 * compiled.groups)
    return compiled, given


@lru_cache(CACHE_SIZE)
def _compiled(pattern: str) -> _Pattern | str:
    """The pattern, or what is wrong with it."""
    options = re2.Options()
    options.max_mem = PROGRAM_BYTES_MAX
    options.log_errors = False
    try:
        return cast(_Pattern, re2.compile(_utf8(pattern), options))
    except REFUSED as exc:
        return cast(bytes, exc.args[0]).decode("utf-8", "replace")[:SHOWN_MAX]
    finally:
        # The library keeps patterns of its own; this module's cache is the one with a known size.
        re2.purge()


def _utf8(text: str) -> bytes:
    """Half a surrogate pair has no UTF-8 form; it becomes the character that stands for what cannot be shown."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


PATTERN_FUNCTIONS: dict[str, Function] = {
    "REGEX_MATCH": _match,
    "REGEX_EXTRACT": _extract,
    "REGEX_REPLACE": _replace,
}
