"""Text functions. A place in a text counts from 1; what is no text is taken as its text."""

from urllib.parse import quote

from smeboost_shared.formula.arguments import Function, one
from smeboost_shared.formula.evaluation import FREE_LENGTH, EvaluationError, spend
from smeboost_shared.formula.values import NUMBER_LENGTH_MAX, Value, joined, number_of, text_of, whole

TEXT_RESULT_MAX = 1_000_000
"""Characters of any text that a formula makes."""
SEARCH_WEIGHT = 5
"""Units for each character whose case is looked up; ASCII takes less."""
ESCAPE_WEIGHT = 50
MATCH_COST = 25
"""Units for each place where a text is replaced."""


def long_text(value: Value, weight: int = 1) -> str:
    """The value as text, its length charged for."""
    text = value if isinstance(value, str) else text_of(value)
    if len(text) > FREE_LENGTH:
        spend(len(text) * weight)
    return text


def bounded(characters: int) -> None:
    """Charge for a text that is about to be made.

    Raises:
        EvaluationError: it would be longer than `TEXT_RESULT_MAX`.
    """
    if characters > FREE_LENGTH:
        if characters > TEXT_RESULT_MAX:
            raise EvaluationError("the text is too long")
        spend(characters)


def concatenate(*values: Value) -> str:
    """The texts one after the other."""
    parts: list[str] = []
    length = 0
    for value in values:
        parts.append(part := text_of(value))
        length += len(part)
        if length > TEXT_RESULT_MAX:
            raise EvaluationError("the text is too long")
    bounded(length)
    return "".join(parts)


def _start(value: Value) -> int:
    return 0 if value is None else max(whole(value) - 1, 0)


def _find(needle: Value, hay: Value, start: Value = None) -> Value:
    return long_text(hay).find(text_of(needle), _start(start)) + 1


def _search(needle: Value, hay: Value, start: Value = None) -> Value:
    # Lower case keeps nearly every place where it is, which case folding does not ("ß" becomes "ss").
    found = long_text(hay, SEARCH_WEIGHT).lower().find(long_text(needle, SEARCH_WEIGHT).lower(), _start(start))
    return found + 1 if found >= 0 else None


def _left(text: Value, count: Value) -> Value:
    return long_text(text)[: max(whole(count), 0)]


def _right(text: Value, count: Value) -> Value:
    wanted = max(whole(count), 0)
    return long_text(text)[-wanted:] if wanted else ""


def _mid(text: Value, start: Value, count: Value) -> Value:
    first = _start(start)
    return long_text(text)[first : first + max(whole(count), 0)]


def _replace(text: Value, start: Value, count: Value, replacement: Value) -> Value:
    old, first = long_text(text), _start(start)
    return concatenate(old[:first], text_of(replacement), old[first + max(whole(count), 0) :])


def _substitute(text: Value, old: Value, new: Value, index: Value = None) -> Value:
    given, sought, replacement = long_text(text, SEARCH_WEIGHT), text_of(old), text_of(new)
    if not sought:
        return given
    if index is None:
        count = given.count(sought)
        spend(MATCH_COST * count)
        bounded(len(given) + count * (len(replacement) - len(sought)))
        return given.replace(sought, replacement)
    nth, place = whole(index), -len(sought)
    if nth < 1 or given.count(sought) < nth:
        return given
    for _ in range(nth):
        place = given.find(sought, place + len(sought))
    return concatenate(given[:place], replacement, given[place + len(sought) :])


def _repeat(text: Value, count: Value) -> Value:
    given, times = text_of(text), max(whole(count), 0)
    if not given:
        return ""
    bounded(len(given) * times)
    return given * times


def _value(text: Value) -> Value:
    if not isinstance(text, str) or len(text) > NUMBER_LENGTH_MAX:
        return number_of(text)
    return number_of(text.strip().lstrip("$€£¥").replace(",", ""))


def _encode_url_component(text: Value) -> Value:
    given = long_text(text, ESCAPE_WEIGHT)
    # Half a surrogate pair has no UTF-8 form; it becomes the character that stands for what cannot be shown.
    escaped = quote(given.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), safe="-_.~")
    bounded(len(escaped))
    return escaped


def _join(values: Value, separator: Value = ", ") -> Value:
    items = values if isinstance(values, list) else [values]
    between = text_of(separator)
    bounded(len(items) * len(between))
    text = joined(items, between)
    bounded(len(text))
    return text


TEXT_FUNCTIONS: dict[str, Function] = {
    "CONCATENATE": concatenate,
    "LEFT": _left,
    "RIGHT": _right,
    "MID": _mid,
    "LEN": one(lambda text: len(text_of(text))),
    "FIND": _find,
    "SEARCH": _search,
    "SUBSTITUTE": _substitute,
    "REPLACE": _replace,
    "TRIM": one(lambda text: long_text(text).strip()),
    "UPPER": one(lambda text: long_text(text, SEARCH_WEIGHT).upper()),
    "LOWER": one(lambda text: long_text(text, SEARCH_WEIGHT).lower()),
    "REPT": _repeat,
    "T": one(lambda value: value if isinstance(value, str) else None),
    "VALUE": _value,
    "ENCODE_URL_COMPONENT": _encode_url_component,
    "ARRAYJOIN": _join,
}
