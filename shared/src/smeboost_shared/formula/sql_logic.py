"""IF, SWITCH, AND, OR and their kin in SQL. What they do not evaluate cannot make them an error."""

from collections.abc import Sequence
from dataclasses import replace

from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.sql_comparisons import compare
from smeboost_shared.formula.sql_conversions import chosen, condition, truth
from smeboost_shared.formula.sql_terms import BLANK, Scope, Term, Translate, chained, either, joined, negated
from smeboost_shared.formula.tree import Call, Comparison, Node, Text

ANY_OF_MIN = 2


def kept(term: Term) -> str:
    """A condition: a filter keeps the record, since the value is true and no error."""
    if term.conjuncts:
        return joined("AND", [kept(conjunct) for conjunct in term.conjuncts])
    return joined("AND", [negated(term.error), truth(term)]) if term.error else truth(term)


def _if(scope: Scope, terms: Sequence[Term]) -> Term:
    test, then = terms[0], terms[1]
    otherwise = terms[2] if len(terms) > 2 else BLANK
    return chosen(scope, [(truth(test), then), ("true", otherwise)]).with_error(test.error)


def _switch(scope: Scope, terms: Sequence[Term]) -> Term:
    subject, rest = replace(terms[0], error=None), list(terms[1:])
    default = rest.pop() if len(rest) % 2 else BLANK
    scope.check_length(len(rest) // 2 * subject.length)
    choices: list[tuple[str, Term]] = []
    reached: list[str] = []
    for pattern, result in zip(rest[::2], rest[1::2], strict=True):
        matches = compare(scope, "=", subject, replace(pattern, error=None)).sql
        reached += [f"WHEN {pattern.error} THEN true"] if pattern.error else []
        reached.append(f"WHEN {matches} THEN false")
        choices.append((matches, result))
    failed = f"CASE {' '.join(reached)} ELSE false END" if any(term.error for term in rest[::2]) else None
    return chosen(scope, [*choices, ("true", default)]).with_error(either(terms[0].error, failed))


def _and(_scope: Scope, terms: Sequence[Term]) -> Term:
    whole = condition(joined("AND", [truth(term) for term in terms]), error=_until(terms, stops_at=False))
    return replace(whole, conjuncts=tuple(terms) if whole.error else ())


def _or(_scope: Scope, terms: Sequence[Term]) -> Term:
    return condition(joined("OR", [truth(term) for term in terms]), error=_until(terms, stops_at=True))


def _until(terms: Sequence[Term], *, stops_at: bool) -> str | None:
    """The error of terms that are evaluated until one is true, or until one is not."""
    last = max((place for place, term in enumerate(terms) if term.error), default=-1)
    cases: list[str] = []
    for term in terms[: last + 1]:
        if term.error:
            cases.append(f"WHEN {term.error} THEN true")
        cases.append(f"WHEN {truth(term) if stops_at else negated(truth(term))} THEN false")
    return f"CASE {' '.join(cases)} ELSE false END" if cases else None


def _not(_scope: Scope, terms: Sequence[Term]) -> Term:
    return condition(negated(truth(terms[0])), error=terms[0].error)


def _xor(_scope: Scope, terms: Sequence[Term]) -> Term:
    sides = [f"(({truth(term)}) IS TRUE)" for term in terms]
    return condition(chained("<>", sides), error=either(*(term.error for term in terms)))


def _is_error(_scope: Scope, terms: Sequence[Term]) -> Term:
    return condition(terms[0].error or "false")


def _error(_scope: Scope, _terms: Sequence[Term]) -> Term:
    return BLANK.with_error("true")


def runs_of_texts(node: Call) -> list[tuple[Node, list[str]]]:
    """The terms of an OR, those of the form `x='a', x='b', ...` behind each other gathered with their texts.

    A term that is of another form is there with no texts. Only neighbours are gathered: a term between them might be an
    error, which decides when it comes first.
    """
    found: list[tuple[Node, list[str]]] = []
    for term in node.arguments:
        match term:
            case Comparison(operator="=", left=left, right=Text(value=value)) if value:
                previous = found[-1] if found else None
                if previous and previous[1] and previous[0] == left:
                    previous[1].append(value)
                else:
                    found.append((left, [value]))
            case _:
                found.append((term, []))
    return found


def any_equal(scope: Scope, given: Term, texts: list[str]) -> Term:
    """Whether a text is one of the texts."""
    for value in texts:
        scope.check(value)
    return condition(
        f"{given.raw.sql if given.raw else given.sql} = ANY({scope.parameter(texts, 'text[]')})", error=given.error
    )


def can_be_any_of(given: Term, texts: list[str]) -> bool:
    """Whether `any_equal` says the same as the comparisons one by one."""
    return given.kind is Kind.TEXT and len(texts) >= ANY_OF_MIN


LOGIC_TRANSLATIONS: dict[str, Translate] = {
    "IF": _if,
    "SWITCH": _switch,
    "AND": _and,
    "OR": _or,
    "NOT": _not,
    "XOR": _xor,
    "ISERROR": _is_error,
    "ERROR": _error,
}
