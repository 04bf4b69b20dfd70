"""The format language of moment.js (https://momentjs.com/docs/#/displaying/format/), taken apart into tokens."""

import re
from functools import lru_cache

from smeboost_shared.formula.evaluation import EvaluationError, first_use, spend
from smeboost_shared.formula.locales import ENGLISH_FORMATS

FORMAT_LENGTH_MAX = 300
FORMAT_COST = 1_000
"""Units for each character of a format that is taken apart."""
TOKEN_COST = 500
"""Units for each token that is written or read."""
CACHE_SIZE = 512

_TOKEN = re.compile(
    r"\[[^\[\]]*\]|\\.|Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do?|w[ow]?|W[oW]?|Qo?|YYYYYY|YYYYY|YYYY|YY|Y|gggg|gg|GGGG|GG|"
    r"e|E|a|A|hmmss|hmm|Hmmss|Hmm|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?|LTS|LT|LL?L?L?|l{1,4}|.",
    re.DOTALL,
)
_JOINED = {"hmm": ("h", "mm"), "hmmss": ("h", "mm", "ss"), "Hmm": ("H", "mm"), "Hmmss": ("H", "mm", "ss")}
_NAME = re.compile(
    r"Mo|M{1,4}|Do|DDDo|D{1,4}|do|d{1,4}|e|E|w[ow]?|W[oW]?|Qo?|Y|YY|Y{4,6}|gg|gggg|GG|GGGG|a|A|hh?|HH?|kk?|mm?|ss?|"
    r"S{1,9}|x|X|zz?|ZZ?|LTS?|L{1,4}|l{1,4}"
)
"""A token; whatever else stands in a format is literal."""
WHOLE = frozenset(ENGLISH_FORMATS)
"""Tokens that stand for a whole date or time, in the order of the language."""


def tokens_of(form: str) -> tuple[str, ...]:
    """Tokens and, each behind a `[`, literal texts.

    Raises:
        EvaluationError: the format is too long.
    """
    if len(form) > FORMAT_LENGTH_MAX:
        raise EvaluationError(f"the format is longer than {FORMAT_LENGTH_MAX} characters")
    if first_use(("format", form)):
        spend(FORMAT_COST * len(form))
    tokens = _tokens(form)
    spend(TOKEN_COST * len(tokens))
    return tokens


@lru_cache(CACHE_SIZE)
def _tokens(form: str) -> tuple[str, ...]:
    found: list[str] = []
    for part in _TOKEN.findall(form):
        if _NAME.fullmatch(part):
            found.append(part)
        elif part in _JOINED:
            found.extend(_JOINED[part])
        else:
            literal = part[1:-1] if part[0] == "[" and len(part) > 1 else part[1:] if part[0] == "\\" else part
            if found and found[-1][0] == "[":
                found[-1] += literal
            else:
                found.append("[" + literal)
    return tuple(found)


@lru_cache(CACHE_SIZE)
def in_english(form: str) -> str:
    """The format with its whole dates and times written out, as English orders them."""
    return "".join(ENGLISH_FORMATS.get(part[0], part[0]) for part in _TOKEN.finditer(form))
