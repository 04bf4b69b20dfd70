"""Dates: read and written as moment.js does, working days and weeks as a calendar has them."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smeboost_shared.formula.compile import compile_formula
from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.mappings import MappedCells, MappedRow
from smeboost_shared.formula.values import Value
from smeboost_shared.formula.weeks import week_of_year

NOW = datetime(2024, 5, 15, 12, 30, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLES = json.loads((Path(__file__).parent / "moment_samples.json").read_text("utf-8"))


def value_of(text: str, **cells: Value) -> Value:
    return compile_formula(text, MappedCells(cells), clock=lambda: NOW).evaluate(MappedRow(cells))


@pytest.mark.parametrize(("milliseconds", "zone", "form", "text"), SAMPLES["formats"])
def test_dates_are_written_as_moment_writes_them(milliseconds: int, zone: str, form: str, text: str) -> None:
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    assert value_of("DATETIME_FORMAT(SET_TIMEZONE({d}, {zone}), {form})", d=moment, zone=zone, form=form) == text


@pytest.mark.parametrize(("text", "form", "milliseconds"), [sample for sample in SAMPLES["parses"] if sample[2]])
def test_dates_are_read_as_moment_reads_them(text: str, form: str, milliseconds: int) -> None:
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    assert value_of("DATETIME_PARSE({t}, {f})", t=text, f=form) == moment


@pytest.mark.parametrize(("text", "form"), [sample[:2] for sample in SAMPLES["parses"] if sample[2] is None])
def test_what_moment_refuses_is_an_error(text: str, form: str) -> None:
    with pytest.raises(EvaluationError):
        value_of("DATETIME_PARSE({t}, {f})", t=text, f=form)


@pytest.mark.parametrize(("seconds", "words"), SAMPLES["distances"])
def test_distances_are_told_as_moment_tells_them(seconds: int, words: str) -> None:
    assert value_of("FROMNOW({d})", d=NOW + timedelta(seconds=seconds)) == words
    assert value_of("TONOW({d})", d=NOW - timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("DATETIME_PARSE('4 Mar 2017 23:00', 'D MMM YYYY HH:mm')", datetime(2017, 3, 4, 23, tzinfo=UTC)),
        ("DATETIME_PARSE('4 mars 2017', 'D MMMM YYYY', 'fr')", datetime(2017, 3, 4, tzinfo=UTC)),
        ("DATETIME_PARSE('10:45', 'HH:mm')", datetime(2024, 5, 15, 10, 45, tzinfo=UTC)),
        ("DATETIME_PARSE('7', 'D')", datetime(2024, 5, 7, tzinfo=UTC)),
        ("DATETIME_PARSE('03', 'MM')", datetime(2024, 3, 1, tzinfo=UTC)),
        ("DATETIME_PARSE('05/06/2024')", datetime(2024, 5, 6, tzinfo=UTC)),
        ("DATETIME_PARSE('March 4, 2017 11pm')", datetime(2017, 3, 4, 23, tzinfo=UTC)),
        ("DATETIME_PARSE('2024-05-01T09:30:00+02:00')", datetime(2024, 5, 1, 7, 30, tzinfo=UTC)),
        ("ISERROR(DATETIME_PARSE('10:45'))", 1),
        ("ISERROR(DATETIME_PARSE('tomorrow'))", 1),
        ("ISERROR(DATETIME_PARSE(''))", 1),
        ("DATETIME_FORMAT('2024-05-01')", "2024-05-01T00:00:00.000Z"),
        ("DATETIME_FORMAT(SET_LOCALE('2024-05-01', 'de'), 'dddd, D. MMMM YYYY')", "Mittwoch, 1. Mai 2024"),
        ("DATETIME_FORMAT(SET_LOCALE('2024-05-01', 'ru'), 'D MMMM')", "1 мая"),
        ("DATETIME_FORMAT(SET_LOCALE('2024-05-01', 'ru'), 'MMMM')", "май"),
        ("DATETIME_FORMAT(SET_LOCALE('2024-05-01', 'pt-br'), 'LL')", "1 de maio de 2024"),
        ("DATETIME_FORMAT(SET_LOCALE('2024-05-01', 'cs'), 'L')", "01. 05. 2024"),
        ("DATETIME_FORMAT(SET_LOCALE('2024-05-01T15:04', 'en-au'), 'L LT Do')", "01/05/2024 3:04 pm 1st"),
        (
            "DATETIME_FORMAT(SET_LOCALE(SET_TIMEZONE('2024-05-01T03:00', 'America/New_York'), 'fr'), 'LLLL Z')",
            "mardi 30 avril 2024 23:00 -04:00",
        ),
        ("DATETIME_FORMAT(SET_TIMEZONE(SET_LOCALE('2024-05-01', 'es'), 'Asia/Tokyo'), 'MMMM HH')", "mayo 09"),
        ("HOUR(SET_TIMEZONE('2024-05-01T03:00', 'Asia/Tokyo'))", 3),
        ("SET_TIMEZONE('2024-05-01', 'Asia/Tokyo') = '2024-05-01'", 1),
        ("TODAY()", datetime(2024, 5, 15, tzinfo=UTC)),
        ("NOW", NOW),
        ("WEEKNUM('2024-01-06')", 1),
        ("WEEKNUM('2024-01-07')", 2),
        ("WEEKNUM('2024-01-07', 'Monday')", 1),
        ("WEEKDAY('2024-01-07', 'Monday')", 6),
        ("ISERROR(WEEKDAY('2024-01-07', 'Friday'))", 1),
        ("DATESTR(WORKDAY('2024-05-03', 1))", "2024-05-06"),
        ("DATESTR(WORKDAY('2024-05-03', 2, '2024-05-06, 2024-05-08'))", "2024-05-09"),
        ("DATESTR(WORKDAY('2024-05-06', -1))", "2024-05-03"),
        ("TIMESTR(WORKDAY('2024-05-03T17:05:09', 1))", "17:05:09"),
        ("WORKDAY_DIFF('2024-05-01', '2024-05-31')", 23),
        ("WORKDAY_DIFF('2024-05-31', '2024-05-01', '2024-05-09')", -22),
        ("ISERROR(WORKDAY('2024-05-31', 1, 'Christmas'))", 1),
        ("YEAR('0001-01-01') & DATESTR('0001-01-01')", "10001-01-01"),
    ],
)
def test_date_functions_have_the_documented_values(formula: str, expected: Value) -> None:
    assert value_of(formula) == expected


days = st.dates(date(1990, 1, 1), date(2060, 12, 31))


@given(days, st.integers(-60, 60), st.lists(days, max_size=8), st.lists(st.integers(-30, 30), max_size=8))
def test_working_days_are_those_of_a_walk_through_the_calendar(
    start: date, count: int, far: list[date], near: list[int]
) -> None:
    free = {*far, *(start + timedelta(days=number) for number in near)}
    day, left = start, abs(count)
    while left:
        day += timedelta(days=1 if count > 0 else -1)
        left -= day.weekday() < 5 and day not in free
    holidays = ", ".join(map(str, free))
    assert value_of("DATESTR(WORKDAY({d}, {n}, {h}))", d=str(start), n=float(count), h=holidays) == str(day)
    first, last = sorted((start, day))
    walked = sum(
        (first + timedelta(days=number)).weekday() < 5 and first + timedelta(days=number) not in free
        for number in range((last - first).days + 1)
    )
    assert value_of("WORKDAY_DIFF({a}, {b}, {h})", a=str(first), b=str(last), h=holidays) == walked


@given(st.dates())
def test_weeks_that_begin_on_monday_with_four_days_are_those_of_iso(day: date) -> None:
    assert week_of_year(day, first_weekday=0, days_min=4) == day.isocalendar()[:2]


@given(
    st.datetimes(),
    st.sampled_from(["YYYY-MM-DD HH:mm:ss.SSS", "DD.MM.YYYY h:mm:ss.SSS A", "x", "dddd D MMMM YYYY kk:mm:ss.SSS ZZ"]),
)
def test_what_is_written_by_a_format_is_read_by_it(moment: datetime, form: str) -> None:
    given_moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    assert value_of("DATETIME_PARSE(DATETIME_FORMAT({d}, {f}), {f})", d=given_moment, f=form) == given_moment
