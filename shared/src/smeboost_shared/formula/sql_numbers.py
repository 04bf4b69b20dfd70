"""Numbers in SQL, to the last bit as Python has them.

PostgreSQL raises an error where a float becomes infinite, or zero by underflow; Python goes on with infinity and zero,
as JavaScript does. So each operation has a quick form for numbers of usual size and, behind it, one that looks ahead:
operands scaled by powers of two, which changes no digit, tell whether the result will overflow. To PostgreSQL, NaN is
the largest number, and equal to itself.

The planner computes what depends on literals only, also in a branch of a CASE that no row will take, unless the
condition of that branch is a matter of the same literals. So what might raise has a condition on its own operands.
"""

from smeboost_shared.formula.sql_terms import Scope

TWO_M512, TWO_537, TWO_562 = repr(2.0**-512), repr(2.0**537), repr(2.0**562)
INFINITY, NAN = "'Infinity'::float8", "'NaN'::float8"
EXACT_MAX = 2.0**52


def add(scope: Scope, left: str, right: str) -> str:
    """`left + right`."""
    # Two halves of large numbers; a small one has no part in an overflow, and its half might be too small to exist.
    halves = " + ".join(f"sign({{{name}}}) * greatest(abs({{{name}}}), 1) * 0.5" for name in "ab")
    return scope.fill(
        f"CASE WHEN abs({{a}}) < 8e307 AND abs({{b}}) < 8e307 THEN {{a}} + {{b}}"
        f" WHEN least(abs({{a}}), abs({{b}})) > 1e285 AND greatest(abs({{a}}), abs({{b}})) < {INFINITY} THEN"
        f" CASE WHEN abs({halves}) >= {2.0**1023!r} THEN sign({{a}}) * {INFINITY} ELSE {{a}} + {{b}} END"
        f" ELSE {{a}} + {{b}} END",
        a=left,
        b=right,
    )


def subtract(scope: Scope, left: str, right: str) -> str:
    """`left - right`."""
    return add(scope, left, f"(- {right})")


def multiply(scope: Scope, left: str, right: str) -> str:
    """`left * right`."""
    # Both below 1 and not both of usual size: one is below 1e-150, so that scaling both by 2**537 stays finite.
    return scope.fill(
        f"CASE WHEN {_usual('a')} AND {_usual('b')} THEN {{a}} * {{b}}"
        f" WHEN {_finite('a')} AND {_finite('b')} THEN CASE"
        f" WHEN abs({{a}}) >= 1 AND abs({{b}}) >= 1 THEN"
        f" CASE WHEN abs({{a}} * {TWO_M512}) * abs({{b}} * {TWO_M512}) >= 1"
        f" THEN sign({{a}}) * sign({{b}}) * {INFINITY} ELSE {{a}} * {{b}} END"
        f" WHEN abs({{a}}) < 1 AND abs({{b}}) < 1 THEN"
        f" CASE WHEN abs({{a}} * {TWO_537}) * abs({{b}} * {TWO_537}) <= 0.5"
        f" THEN sign({{a}}) * sign({{b}}) * 0.0 ELSE {{a}} * {{b}} END"
        f" ELSE {{a}} * {{b}} END"
        f" ELSE {{a}} * {{b}} END",
        a=left,
        b=right,
    )


def divide(scope: Scope, left: str, right: str) -> str:
    """`left / right`; by zero it is infinite, and 0 / 0 is not a number."""
    return scope.fill(
        f"CASE WHEN {_usual('a')} AND {_usual('b')} THEN {{a}} / {{b}}"
        f" WHEN {{b}} = 0 THEN CASE WHEN {{a}} = 0 OR {{a}} = {NAN} THEN {NAN} ELSE sign({{a}}) * {INFINITY} END"
        f" WHEN {_finite('a')} AND {_finite('b')} THEN CASE"
        f" WHEN abs({{b}}) < 1 AND abs({{a}}) >= 1 THEN"
        f" CASE WHEN abs({{a}} * {TWO_M512}) / abs({{b}} * {TWO_562}) >= {2.0**-50!r}"
        f" THEN sign({{a}}) * sign({{b}}) * {INFINITY} ELSE {{a}} / {{b}} END"
        f" WHEN abs({{b}}) < 1 AND abs({{a}}) > abs({{b}}) THEN"
        f" CASE WHEN abs({{a}}) / abs({{b}} * {TWO_537}) >= {2.0**487!r}"
        f" THEN sign({{a}}) * sign({{b}}) * {INFINITY} ELSE {{a}} / {{b}} END"
        f" WHEN abs({{b}}) >= 1 AND abs({{a}}) < 1 THEN"
        f" CASE WHEN abs({{a}} * {TWO_537}) / abs({{b}} * {2.0**-537!r}) <= 0.5"
        f" THEN sign({{a}}) * sign({{b}}) * 0.0 ELSE {{a}} / {{b}} END"
        f" ELSE {{a}} / {{b}} END"
        f" ELSE {{a}} / {{b}} END",
        a=left,
        b=right,
    )


def _usual(name: str) -> str:
    return f"abs({{{name}}}) BETWEEN 1e-150 AND 1e150"


def _finite(name: str) -> str:
    """Finite and not 0; the other cases have no overflow in any operation."""
    return f"{{{name}}} <> 0 AND abs({{{name}}}) < {INFINITY}"


def is_finite(number: str) -> str:
    """A condition: neither infinite nor NaN."""
    return f"abs({number}) < {INFINITY}"


def clean(scope: Scope, number: str) -> str:
    """The number at 15 digits, unless it is so large that it is whole."""
    # The shortest text of a number, if it has up to 15 digits, is that number at 15 digits, and quick to find. The form
    # EEEE is written by C's printf, which rounds the exact value of the float; other forms of to_char do not.
    return scope.fill(
        f"CASE WHEN abs({{a}}) >= {EXACT_MAX!r} OR length({{a}}::text) <= 15 THEN {{a}}"
        f" ELSE to_char({{a}}, '9.99999999999999EEEE')::float8 END",
        a=number,
    )


def number_text(scope: Scope, number: str) -> str:
    """The shortest decimal text, with an exponent from 1e21 on and below 1e-6."""
    # As a numeric, the shortest text of a float loses its exponent.
    return scope.fill(
        f"CASE WHEN {{a}} = {NAN} THEN 'NaN' WHEN {{a}} = {INFINITY} THEN 'Infinity'"
        f" WHEN {{a}} = -{INFINITY} THEN '-Infinity'"
        f" WHEN abs({{a}}) < 1e15 AND {{a}} = trunc({{a}}) THEN ({{a}}::bigint)::text"
        f" WHEN abs({{a}}) >= 1e-6 AND abs({{a}}) < 1e21 THEN {{a}}::text::numeric::text"
        f" ELSE replace({{a}}::text, 'e-0', 'e-') END",
        a=number,
    )


NUMBER_PATTERN = r"^[ \t\n\r\f\v]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\r\f\v]*$"


def text_is_number(scope: Scope, text: str) -> str:
    """A condition: the text can be read as a number, or is empty."""
    pattern = scope.fixed(NUMBER_PATTERN)
    return scope.fill(f"{{a}} = '' OR (length({{a}}) <= 400 AND {{a}} COLLATE \"C\" ~ {pattern})", a=text)


def read_number(scope: Scope, text: str) -> str:
    """The number that a text shows; 0 when it is empty or shows none."""
    pattern = scope.fixed(NUMBER_PATTERN)
    spaces = scope.fixed(" \t\n\r\f\v")
    return scope.fill(
        f'CASE WHEN length({{a}}) <= 400 AND {{a}} COLLATE "C" ~ {pattern} THEN'
        f" CASE WHEN pg_input_is_valid({{a}}, 'float8') THEN {{a}}::float8 ELSE {_too_large_or_small(spaces)} END"
        f" ELSE 0.0::float8 END",
        a=text,
    )


def _too_large_or_small(spaces: str) -> str:
    """What a number that is no float is: its first digit stands far before the point or far behind it."""
    trimmed = f'lower(btrim({{a}}, {spaces}) COLLATE "C")'
    mantissa = f"split_part({trimmed}, 'e', 1)"
    exponent = f"coalesce(nullif(split_part({trimmed}, 'e', 2), ''), '0')"
    digits = f"ltrim({exponent}, '+-0')"
    size = (
        f"CASE WHEN length({digits}) > 6 THEN 1000000 ELSE coalesce(nullif({digits}, ''), '0')::numeric END"
        f" * CASE WHEN left({exponent}, 1) = '-' THEN -1 ELSE 1 END"
    )
    return (
        f"CASE WHEN log(abs({mantissa}::numeric)) + {size} > 0"
        f" THEN CASE WHEN left({mantissa}, 1) = '-' THEN -{INFINITY} ELSE {INFINITY} END ELSE 0.0::float8 END"
    )
