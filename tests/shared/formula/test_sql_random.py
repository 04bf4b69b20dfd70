"""Formulas put together at random: where one has SQL, PostgreSQL and the evaluator agree on every record."""

import re
from typing import Protocol

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from smeboost_shared.formula.sql import NotExpressible

FORMS = re.findall(
    r"\S+",
    """
    IF(a,a,a) IF(a,a) AND(a,a) OR(a,a,a) NOT(a) XOR(a,a) SWITCH(a,a,a,a) SWITCH(a,a,a,a,a,a) ISERROR(a) TRUE() BLANK()
    t&t CONCATENATE(a,t,n) LEFT(t,n) RIGHT(t,n) MID(t,n,n) LEN(a) FIND(t,t) FIND(t,a,n) SEARCH(t,t) SEARCH(t,a,n)
    SUBSTITUTE(t,t,t) SUBSTITUTE(t,t,t,n) REPLACE(t,n,n,t) TRIM(t) UPPER(t) LOWER(t) REPT(t,n) T(a) VALUE(a) VALUE(t)
    ENCODE_URL_COMPONENT(t) n+n n-n n*n n/n -n a+n n+n-n*n/n ABS(n) AVERAGE(n,a,l) CEILING(n) CEILING(n,n) FLOOR(n,n)
    INT(n) ROUND(n) ROUND(n,n) ROUND(n,1) ROUNDUP(n,n) ROUNDDOWN(n,2) MOD(n,n) SQRT(n) MAX(n,a,n) MIN(n,n,a) SUM(n,a,l)
    COUNT(a,n,l) COUNTA(a,t,l) COUNTALL(a,l) EVEN(n) ODD(n) DATEADD(d,n,'days') DATEADD(d,n,'months') DATEADD(d,n,'ms')
    DATETIME_DIFF(d,d,'days') DATETIME_DIFF(d,d,'months') DATETIME_DIFF(d,d) DATETIME_FORMAT(d) DATETIME_PARSE(d)
    DATETIME_FORMAT(d,'dddd,[%s]MMM_Do_YY_hh:mm_a') DATESTR(d) TIMESTR(d) YEAR(d) MONTH(d) DAY(d) HOUR(d) MINUTE(d)
    SECOND(d) WEEKDAY(d) WEEKDAY(d,'Monday') WEEKNUM(d) WEEKNUM(d,'Monday') WORKDAY(d,n) WORKDAY_DIFF(d,d)
    WORKDAY_DIFF(d,d,'2024-05-01,2024-12-25') IS_BEFORE(d,d) IS_AFTER(d,d) IS_SAME(d,d) IS_SAME(d,d,'week')
    IS_SAME(d,d,'month') ARRAYJOIN(l,'-') ARRAYCOMPACT(l) ARRAYSLICE(l,2) ARRAYSLICE(l,-2,-1) ARRAYUNIQUE(l)
    ARRAYFLATTEN(l) RECORD_ID() CREATED_TIME() LAST_MODIFIED_TIME() NOW() TODAY() a=a a!=a a<a a<=a a>a a>=a n=n n<n
    n>=n t=t t<t d=d d<d d>=d a=t a=n n=t t>n l=t l=n a&a
    """,
)
"""What a formula is made of: `a` is anything, `n` a number, `t` a text, `d` a date, `l` a list. A call is anything."""
LEAVES = {
    kind: re.findall(r"\S+", leaves)
    for kind, leaves in {
        "n": "{Num} {Two} {Num} {Two} {Price} {Count} {Done} {Nums} 0 1 2 3 10 0.5 1e300 5e-324 1.7976931348623157e308",
        "t": "{Text} {Other} {Text} {Tags} 'b' 'a,b' '' 'Σς' '50%' '12' '2024-05-01'",
        "d": "{At} {Then} {Day} {At} {Times} '2024-05-01' NOW() DATETIME_PARSE('2024-02-29T12:00')",
        "l": "{Tags} {Nums} {Times} {Tags}",
    }.items()
}
LEAVES["a"] = [leaf for leaves in LEAVES.values() for leaf in leaves]
PLACE = re.compile(r"'[^']*'|(?<![A-Za-z_])([antdl])(?![A-Za-z_(])")
DEPTH_MAX = 4


@st.composite
def formulas(draw: st.DrawFn, kind: str = "a", depth: int = DEPTH_MAX) -> str:
    """A value of that kind, which is a call at the top and has up to so many levels."""
    if depth == 0 or (depth < DEPTH_MAX and draw(st.booleans())):
        return draw(st.sampled_from(LEAVES[kind]))
    form = draw(st.sampled_from(FORMS))
    return f"({PLACE.sub(lambda place: draw(formulas(place[1], depth - 1)) if place[1] else place[0], form)})"


class Agreement(Protocol):
    def check(self, text: str) -> None: ...


@settings(max_examples=150)
@given(text=formulas(), which=st.integers(0, 2))
def test_a_formula_at_random_has_the_same_values_in_sql(agreements: list[Agreement], text: str, which: int) -> None:
    try:
        agreements[which].check(text)
    except NotExpressible as exc:
        event(exc.why)
        assume(False)
