"""Remainders, powers, roots and logarithms in SQL, each of plain operands.

Powers, exponentials and logarithms come from the C library of the database's machine, remainders and roots are exact.
"""

import math

from smeboost_shared.formula.sql_numbers import INFINITY, NAN, divide, multiply
from smeboost_shared.formula.sql_terms import Scope

EXP_MAX = 709.782712893384
"""The largest number whose exponential is finite."""
EXP_NORMAL_MIN = -708.39
"""Below it the exponential has fewer digits, which some C libraries report as an underflow."""
EXP_MIN = -745.1332191019411
LOG_2 = repr(math.log10(2))


def modulo(scope: Scope, given: str, by: str) -> str:
    """The remainder, with the sign of the divisor."""
    whole = " AND ".join(f"{one} = trunc({one}) AND abs({one}) < {2.0**53!r}" for one in (given, by))
    quick = f"mod(abs({given})::bigint, abs({by})::bigint)::float8"
    rest = (
        f"CASE WHEN {whole} THEN {quick} WHEN abs({given}) < abs({by}) THEN abs({given})"
        f" ELSE {_remainder(scope, f'abs({given})', f'abs({by})')} END"
    )
    return (
        f"CASE WHEN {by} = 0 OR {by} = {NAN} OR abs({given}) >= {INFINITY} THEN {NAN}"
        f" ELSE {scope.let(rest, lambda rest: _signed(rest, given, by))} END"
    )


def _signed(rest: str, given: str, by: str) -> str:
    """The remainder of the sizes has the sign of the number; it moves by one divisor where that has the other sign."""
    return (
        f"CASE WHEN {rest} = 0 THEN sign({by}) * 0.0"
        f" WHEN {given} < 0 THEN CASE WHEN {by} < 0 THEN - {rest} ELSE {by} - {rest} END"
        f" WHEN {by} < 0 THEN {rest} + {by} ELSE {rest} END"
    )


def _remainder(scope: Scope, size: str, by: str) -> str:
    """Of two positive numbers, the first not less, exactly: long division in base 2.

    A step keeps `r` below twice `t`, so that every subtraction is exact. A number close to the largest one is halved
    before and its remainder doubled after, since a doubled divisor would overflow.
    """
    steps = f"{scope.prefix}m"
    half = f"CASE WHEN {size} > 1.79e308 THEN 0.5::float8 ELSE 1.0::float8 END"
    doublings = (
        f"floor((log({_at_least_tiny(f'{size} * {half}')}) - log({_at_least_tiny(by)})) / {LOG_2}::float8 + 1e-9)"
    )

    def divided(count: str) -> str:
        factors = " * ".join(
            f"power(2.0::float8, least(greatest({count} - {done}, 0), 1000))" for done in (0, 1000, 2000)
        )
        return (
            f"(WITH RECURSIVE {steps}(r, t) AS (SELECT {size} * {half}, {by} * {factors}"
            f" UNION ALL SELECT CASE WHEN r >= t THEN r - t ELSE r END, CASE WHEN t > {by} THEN t * 0.5 ELSE 0.0 END"
            f" FROM {steps} WHERE t >= {by}) SELECT r FROM {steps} ORDER BY t LIMIT 1)"
        )

    def doubled(rest: str) -> str:
        twice = f"CASE WHEN {rest} >= {by} - {rest} THEN {rest} - ({by} - {rest}) ELSE {rest} + {rest} END"
        return f"CASE WHEN {size} > 1.79e308 THEN {twice} ELSE {rest} END"

    return scope.let(scope.let(doublings, divided), doubled)


def square_root(_scope: Scope, given: str) -> str:
    """NaN below 0."""
    return f"CASE WHEN {given} < 0 THEN {NAN} ELSE sqrt({given}) END"


def exponential(scope: Scope, given: str) -> str:
    """E to that power."""
    small = scope.let(f"exp({given} / 2)", lambda half: multiply(scope, half, half))
    return (
        f"CASE WHEN {given} = {NAN} OR {given} = -{INFINITY} OR {given} BETWEEN {EXP_NORMAL_MIN} AND {EXP_MAX!r}"
        f" THEN exp({given}) WHEN {given} > 0 THEN {INFINITY} WHEN {given} < {EXP_MIN!r} THEN 0.0::float8"
        f" ELSE {small} END"
    )


def logarithm(scope: Scope, given: str, base: str) -> str:
    """The logarithm to a base, of which 10 has a function of its own."""
    quotient = scope.let(_natural(given), lambda a: scope.let(_natural(base), lambda b: divide(scope, a, b)))
    return f"CASE WHEN {base} = 10 AND {given} > 0 THEN log({_at_least_tiny(given)}) ELSE {quotient} END"


def _natural(given: str) -> str:
    return f"CASE WHEN {given} = 0 THEN -{INFINITY} WHEN {given} < 0 THEN {NAN} ELSE ln({_at_least_tiny(given)}) END"


def _at_least_tiny(given: str) -> str:
    """A literal may be folded before the CASE around it is decided: so the function never sees what it refuses."""
    return f"greatest({given}, 5e-324)"


def power(scope: Scope, base: str, exponent: str) -> str:
    """The base to that power; a fractional power of a negative number is NaN."""
    whole = f"floor({exponent}) = {exponent}"
    odd = f"CASE WHEN {whole} AND abs({exponent}) < {2.0**53!r} THEN mod(abs({exponent})::bigint, 2) = 1 END"
    sign = f"CASE WHEN {base} < 0 AND {odd} THEN -1.0::float8 ELSE 1.0::float8 END"
    half_exponent = f"sign({exponent}) * greatest(abs({exponent}), 1) * 0.5"

    def finite(size: str) -> str:
        small = scope.let(f"power(abs({base}), {half_exponent})", lambda half: multiply(scope, half, half))
        return (
            f"CASE WHEN {size} BETWEEN -1021 AND 1023.9 THEN power({base}, {exponent})"
            f" WHEN {size} > 1025 THEN {sign} * {INFINITY} WHEN {size} < -1076 THEN {sign} * 0.0"
            f" ELSE {sign} * {small} END"
        )

    # How many binary digits the result has before the point.
    size = f"log(greatest(abs({base}), 5e-324)) / {LOG_2}::float8"
    digits = scope.let(size, lambda size: scope.let(multiply(scope, exponent, size), finite))
    return (
        f"CASE WHEN {base} = 0 AND {exponent} < 0 THEN {INFINITY}"
        f" WHEN {base} = -{INFINITY} AND NOT {whole} THEN CASE WHEN {exponent} > 0 THEN {INFINITY} ELSE 0.0::float8 END"
        f" WHEN {base} < 0 AND NOT {whole} AND abs({exponent}) < {INFINITY} THEN {NAN}"
        f" WHEN {base} = 0 OR abs({base}) >= {INFINITY} OR abs({exponent}) >= {INFINITY}"
        f" THEN power({base}, {exponent}) ELSE {digits} END"
    )
