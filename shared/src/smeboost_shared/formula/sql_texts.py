"""Text functions in SQL. Lengths and places count characters, as Python does; places count from 1."""

from collections.abc import Sequence
from dataclasses import replace

from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.sql_conversions import (
    as_count,
    as_number,
    as_text,
    as_whole,
    chosen,
    list_text,
    number,
    text,
    whole_number,
)
from smeboost_shared.formula.sql_letters import lower, upper
from smeboost_shared.formula.sql_numbers import read_number, text_is_number
from smeboost_shared.formula.sql_terms import BLANK, PLAIN, Scope, Term, Translate, chained, either, joined, negated
from smeboost_shared.formula.texts import TEXT_RESULT_MAX

SPACES = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
"""What TRIM takes away."""
BRANCHES_MAX = 50


def concatenate(scope: Scope, terms: Sequence[Term]) -> Term:
    """The texts one after the other."""
    parts = [as_text(scope, term) for term in terms]
    size = sum(part.size for part in parts)
    if size <= TEXT_RESULT_MAX:
        return text(chained("||", [part.sql for part in parts]), size, error=either(*(part.error for part in parts)))
    if len(parts) > BRANCHES_MAX:
        raise scope.refuse(f"it joins more than {BRANCHES_MAX} texts that may be long")
    length = "(" + " + ".join(f"length({part.sql})" for part in parts) + ")"
    return _bounded(scope, chained("||", [part.sql for part in parts]), length, either(*(part.error for part in parts)))


def _bounded(scope: Scope, sql: str, length: str, error: str | None) -> Term:
    """A text that is an error where its length, told by SQL, is too large."""
    too_long = f"{length} > {TEXT_RESULT_MAX}"
    guarded = scope.checked(f"CASE WHEN {too_long} THEN '' ELSE {sql} END")
    return text(guarded, TEXT_RESULT_MAX, error=either(error, too_long))


def _left(scope: Scope, terms: Sequence[Term]) -> Term:
    given, count = as_text(scope, terms[0]), as_count(scope, terms[1])
    return text(f"left({given.sql}, {count.sql})", given.size, error=either(given.error, count.error))


def _right(scope: Scope, terms: Sequence[Term]) -> Term:
    given, count = as_text(scope, terms[0]), as_count(scope, terms[1])
    return text(f"right({given.sql}, {count.sql})", given.size, error=either(given.error, count.error))


def _mid(scope: Scope, terms: Sequence[Term]) -> Term:
    given, start, count = as_text(scope, terms[0]), _start(scope, terms[1]), as_count(scope, terms[2])
    error = either(given.error, start.error, count.error)
    return text(f"substr({given.sql}, {start.sql}, {count.sql})", given.size, error=error)


def _start(scope: Scope, term: Term) -> Term:
    """A place in a text, from 1 on; blank is the beginning."""
    place = as_count(scope, term)
    return number(f"greatest({place.sql}, 1)", error=place.error)


def _length(scope: Scope, terms: Sequence[Term]) -> Term:
    given = as_text(scope, terms[0])
    return whole_number(f"length({given.sql})", error=given.error)


def _find(scope: Scope, terms: Sequence[Term]) -> Term:
    needle, hay = as_text(scope, terms[0]), as_text(scope, terms[1])
    error = either(needle.error, hay.error)
    if len(terms) == 2:
        return whole_number(_place(hay.sql, needle.sql), error=error)
    start = _start(scope, terms[2])
    return whole_number(_place_from(scope, hay.sql, needle.sql, start.sql), error=either(error, start.error))


def _place(hay: str, needle: str) -> str:
    return f'strpos({hay} COLLATE "C", {needle})'


def _place_from(scope: Scope, hay: str, needle: str, start: str) -> str:
    return scope.fill(
        "CASE WHEN {start} > length({hay}) + 1 THEN 0"
        ' WHEN strpos(substr({hay}, {start}) COLLATE "C", {needle}) = 0 THEN 0'
        ' ELSE strpos(substr({hay}, {start}) COLLATE "C", {needle}) + {start} - 1 END',
        hay=hay,
        needle=needle,
        start=start,
    )


def _search(scope: Scope, terms: Sequence[Term]) -> Term:
    needle, hay = as_text(scope, terms[0]), as_text(scope, terms[1])
    error = either(needle.error, hay.error)
    sought = (
        scope.parameter(needle.literal.lower(), "text") if isinstance(needle.literal, str) else lower(scope, needle.sql)
    )
    if len(terms) == 2:
        place = _place(lower(scope, hay.sql), sought)
    else:
        start = _start(scope, terms[2])
        place, error = _place_from(scope, lower(scope, hay.sql), sought, start.sql), either(error, start.error)
    return number(f"nullif({place}, 0)::float8", nullable=True, may_be_nan=False, error=error)


def _replace(scope: Scope, terms: Sequence[Term]) -> Term:
    given, new = as_text(scope, terms[0]), as_text(scope, terms[3])
    start, count = _start(scope, terms[1]), as_count(scope, terms[2])
    sql = scope.fill(
        "(left({given}, {start} - 1) || {new} || substr({given}, least({start} + {count}, 2000000000)))",
        given=given.sql,
        start=start.sql,
        count=count.sql,
        new=new.sql,
    )
    error = either(given.error, start.error, count.error, new.error)
    if given.size + new.size <= TEXT_RESULT_MAX:
        return text(sql, given.size + new.size, error=error)
    raise scope.refuse("its result may be too long")


def _substitute(scope: Scope, terms: Sequence[Term]) -> Term:
    given, old, new = (as_text(scope, term) for term in terms[:3])
    error = either(given.error, old.error, new.error)
    if len(terms) == 3 or terms[3].kind is Kind.BLANK:
        return _substitute_all(scope, given, old, new).with_error(error)
    index = as_whole(scope, replace(terms[3], error=None))
    one = _substitute_one(scope, given, old, new, index)
    # Where there is nothing to look for, nobody asks whether the index is a number.
    unreadable = joined("AND", [f"{old.sql} <> ''", index.error]) if index.error else None
    error = either(error, terms[3].error, unreadable)
    if not terms[3].nullable:
        return one.with_error(error)
    if terms[3].kind is not Kind.NUMBER or not PLAIN.fullmatch(terms[3].sql):
        raise scope.refuse("its index may be blank in one record and empty text in another")
    every = _substitute_all(scope, given, old, new)
    choices = [(f"{terms[3].sql} IS NULL", every), ("true", one)]
    return chosen(scope, choices).with_error(error)


def _substitute_all(scope: Scope, given: Term, old: Term, new: Term) -> Term:
    sql = f"replace({given.sql}, {old.sql}, {new.sql})"
    # Each place where `old` may stand is at least one character long.
    size = max(given.size, given.size * new.size // max(_least(old), 1))
    if size <= TEXT_RESULT_MAX:
        return text(sql, size)
    length = scope.fill(
        "(length({given}) + CASE WHEN {old} = '' THEN 0 ELSE (length({given}) - length(replace({given}, {old}, '')))"
        " / length({old}) * (length({new}) - length({old}))::bigint END)",
        given=given.sql,
        old=old.sql,
        new=new.sql,
    )
    return _bounded(scope, sql, length, None)


def _least(term: Term) -> int:
    """Characters that the text has at least."""
    return len(term.literal) if isinstance(term.literal, str) else 0


def _substitute_one(scope: Scope, given: Term, old: Term, new: Term, index: Term) -> Term:
    """Only the place with that index, which stands behind so many others."""
    if given.size + new.size > TEXT_RESULT_MAX:
        raise scope.refuse("its result may be too long")
    parts = f"{scope.prefix}s"
    sql = scope.fill(
        f"CASE WHEN {{old}} = '' OR {{index}} < 1 OR {{index}} > {TEXT_RESULT_MAX} THEN {{given}}"
        f" ELSE (SELECT CASE WHEN cardinality({parts}.p) <= {{index}} THEN {{given}}"
        f" ELSE array_to_string({parts}.p[:{{index}}::int], {{old}}) || {{new}}"
        f" || array_to_string({parts}.p[{{index}}::int + 1:], {{old}}) END"
        f" FROM (SELECT string_to_array({{given}}, {{old}}) AS p OFFSET 0) AS {parts}) END",
        given=given.sql,
        old=old.sql,
        new=new.sql,
        index=index.sql,
    )
    return text(sql, given.size + new.size)


def _trim(scope: Scope, terms: Sequence[Term]) -> Term:
    given = as_text(scope, terms[0])
    return text(f"btrim({given.sql}, {scope.fixed(SPACES)})", given.size, error=given.error)


def _upper(scope: Scope, terms: Sequence[Term]) -> Term:
    given = as_text(scope, terms[0])
    return text(upper(scope, given.sql), 3 * given.size, error=given.error)


def _lower(scope: Scope, terms: Sequence[Term]) -> Term:
    given = as_text(scope, terms[0])
    return text(lower(scope, given.sql), 3 * given.size, error=given.error)


def _repeat(scope: Scope, terms: Sequence[Term]) -> Term:
    given, count = as_text(scope, terms[0]), as_count(scope, terms[1])
    error = either(given.error, count.error)
    length = f"(length({given.sql})::bigint * {count.sql})"
    # PostgreSQL would repeat nothing as often as it is told to.
    repeated = f"CASE WHEN {given.sql} = '' THEN '' ELSE repeat({given.sql}, {count.sql}) END"
    return _bounded(scope, repeated, length, error)


def _text_only(scope: Scope, terms: Sequence[Term]) -> Term:
    """T: what is no text is blank."""
    (term,) = terms
    if term.kind is Kind.TEXT:
        return term
    if term.kind is Kind.ANY:
        return chosen(scope, [(when, _text_only(scope, [choice])) for when, choice in term.choices]).with_error(
            term.error
        )
    return BLANK.with_error(term.error)


def _value(scope: Scope, terms: Sequence[Term]) -> Term:
    (term,) = terms
    if term.kind is Kind.ANY:
        choices = [(when, _value(scope, [choice])) for when, choice in term.choices]
        return chosen(scope, choices).with_error(term.error)
    if term.kind is not Kind.TEXT:
        return as_number(scope, term)
    given = as_text(scope, term)
    signs = scope.fixed("$€£¥")
    bare = f"replace(ltrim(btrim({given.sql}, {scope.fixed(SPACES)}), {signs}), ',', '')"
    return number(
        read_number(scope, bare), may_be_nan=False, error=either(given.error, negated(text_is_number(scope, bare)))
    )


def _encode_url_component(scope: Scope, terms: Sequence[Term]) -> Term:
    given = as_text(scope, terms[0])
    value, safe = f"{scope.prefix}c", scope.fixed("^[A-Za-z0-9_.~-]$")
    pairs, escaped = scope.fixed("(..)"), scope.fixed("%\\1")
    sql = scope.fill(
        f'CASE WHEN {{a}} COLLATE "C" ~ {scope.fixed("^[A-Za-z0-9_.~-]*$")} THEN {{a}} ELSE'
        f' (SELECT string_agg(CASE WHEN {value}.c COLLATE "C" ~ {safe} THEN {value}.c ELSE'
        f" regexp_replace(upper(encode(convert_to({value}.c, 'UTF8'), 'hex') COLLATE \"C\"), {pairs}, {escaped}, 'g')"
        f" END, '' ORDER BY {value}.n)"
        f" FROM string_to_table({{a}}, NULL) WITH ORDINALITY AS {value}(c, n)) END",
        a=given.sql,
    )
    size = 12 * given.size
    return text(sql, size, error=given.error) if size <= TEXT_RESULT_MAX else _bounded_after(scope, sql, given)


def _bounded_after(scope: Scope, sql: str, given: Term) -> Term:
    """A text of which only the result tells how long it is; it cannot grow beyond what PostgreSQL holds."""
    too_long = f"length({sql}) > {TEXT_RESULT_MAX}"
    return text(sql, TEXT_RESULT_MAX, error=either(given.error, too_long))


def _array_join(scope: Scope, terms: Sequence[Term]) -> Term:
    separator = as_text(scope, terms[1]) if len(terms) > 1 else text("', '", 2)
    (values, *_) = terms
    if values.kind is not Kind.LIST:
        return as_text(scope, values).with_error(separator.error)
    sql = f"coalesce({list_text(scope, values, separator.sql)}, '')"
    if separator.size > 100:
        raise scope.refuse("its separator may be longer than 100 characters")
    return text(sql, values.size, error=either(values.error, separator.error))


TEXT_TRANSLATIONS: dict[str, Translate] = {
    "CONCATENATE": concatenate,
    "LEFT": _left,
    "RIGHT": _right,
    "MID": _mid,
    "LEN": _length,
    "FIND": _find,
    "SEARCH": _search,
    "SUBSTITUTE": _substitute,
    "REPLACE": _replace,
    "TRIM": _trim,
    "UPPER": _upper,
    "LOWER": _lower,
    "REPT": _repeat,
    "T": _text_only,
    "VALUE": _value,
    "ENCODE_URL_COMPONENT": _encode_url_component,
    "ARRAYJOIN": _array_join,
}
