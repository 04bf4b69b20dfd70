"""DATETIME_FORMAT in SQL: the tokens of moment.js in English and in UTC, each as the text that it is in a row."""

from smeboost_shared.formula.locales import words_of
from smeboost_shared.formula.moment_tokens import in_english, tokens_of
from smeboost_shared.formula.sql_terms import Scope, chained

BY_TO_CHAR = {
    "M": "FMMM",
    "MM": "MM",
    "D": "FMDD",
    "DD": "DD",
    "DDD": "FMDDD",
    "DDDD": "DDD",
    "E": "ID",
    "Q": "Q",
    "YYYY": "YYYY",
    "Y": "FMYYYY",
    "YY": "YY",
    "hh": "HH12",
    "h": "FMHH12",
    "HH": "HH24",
    "H": "FMHH24",
    "mm": "MI",
    "m": "FMMI",
    "ss": "SS",
    "s": "FMSS",
    "GGGG": "IYYY",
    "WW": "IW",
    "W": "FMIW",
}
"""Tokens that PostgreSQL's to_char has too; it knows digits only, names would be in the language of the session."""
BY_NUMBER = {
    "d": "extract(dow FROM {a})::int::text",
    "e": "extract(dow FROM {a})::int::text",
    "k": "CASE WHEN extract(hour FROM {a}) = 0 THEN '24' ELSE to_char({a}, 'FMHH24') END",
    "kk": "CASE WHEN extract(hour FROM {a}) = 0 THEN '24' ELSE to_char({a}, 'HH24') END",
    "A": "CASE WHEN extract(hour FROM {a}) < 12 THEN 'AM' ELSE 'PM' END",
    "a": "CASE WHEN extract(hour FROM {a}) < 12 THEN 'am' ELSE 'pm' END",
    "X": "floor(extract(epoch FROM {a}))::bigint::text",
    "x": "floor(extract(epoch FROM {a}) * 1000)::bigint::text",
    "Z": "'+00:00'",
    "ZZ": "'+0000'",
    "z": "'UTC'",
    "zz": "'UTC'",
}
NUMBERS = {"Mo": "month", "Do": "day", "DDDo": "doy", "Qo": "quarter", "Wo": "week", "do": "dow"}
"""Ordinal numbers, such as `1st`, by what to extract."""
ORDINAL = (
    "({n}::int || CASE WHEN mod({n}, 100) BETWEEN 11 AND 13 THEN 'th' WHEN mod({n}, 10) = 1 THEN 'st'"
    " WHEN mod({n}, 10) = 2 THEN 'nd' WHEN mod({n}, 10) = 3 THEN 'rd' ELSE 'th' END)"
)
TOKEN_SIZE = 14
"""Characters that a token becomes at most."""


def formatted(scope: Scope, timestamp: str, form: str) -> tuple[str, int]:
    """The timestamp as text, and how many characters it has at most.

    Raises:
        EvaluationError: the format is too long.
        NotExpressible: a token has no SQL here.
    """
    tokens = tokens_of(in_english(form))
    size = sum(len(token) if token[0] == "[" else TOKEN_SIZE for token in tokens)
    if not tokens:
        return "''::text", 0
    return scope.let(timestamp, lambda at: chained("||", [_written(scope, at, token) for token in tokens])), size


def _written(scope: Scope, at: str, token: str) -> str:
    if token[0] == "[":
        return scope.parameter(token[1:], "text")
    if token in BY_TO_CHAR:
        return f"to_char({at}, '{BY_TO_CHAR[token]}')"
    if token in BY_NUMBER:
        return BY_NUMBER[token].format(a=at)
    if token in NUMBERS:
        return scope.fill(ORDINAL, n=f"extract({NUMBERS[token]} FROM {at})")
    if set(token) == {"S"}:
        return f"left(to_char({at}, 'US') || '000', {len(token)})"
    return _named(scope, at, token)


def _named(scope: Scope, at: str, token: str) -> str:
    """The name of a month or a day, from the words that the evaluator has too."""
    words = words_of("en")
    names = {
        "MMM": (words.months_short, "month"),
        "MMMM": (words.months, "month"),
        "dd": (words.weekdays_shortest, "isodow"),
        "ddd": (words.weekdays_short, "isodow"),
        "dddd": (words.weekdays, "isodow"),
    }
    if token not in names:
        raise scope.refuse(f"the format has the token {token}")
    listed, part = names[token]
    return f"({scope.parameter(list(listed), 'text[]')})[extract({part} FROM {at})::int]"
