"""Weeks of the year, as moment.js counts them."""

from datetime import date


def week_of_year(day: date, *, first_weekday: int, days_min: int) -> tuple[int, int]:
    """The year that the week of `day` belongs to, and its number in it, from 1.

    Weeks begin on `first_weekday` (0: Monday); week 1 is the first with at least `days_min` days in January.
    """
    # As numbers of days, since the weeks at both ends of the calendar lie partly outside of it.
    number = day.toordinal()
    start = number - (day.weekday() - first_weekday) % 7
    year = day.year
    if start >= _first_week(year + 1, first_weekday, days_min):
        year += 1
    elif start < _first_week(year, first_weekday, days_min):
        year -= 1
    return year, (start - _first_week(year, first_weekday, days_min)) // 7 + 1


def _first_week(year: int, first_weekday: int, days_min: int) -> int:
    """The number of the day on which week 1 begins."""
    before = year - 1
    new_year = before * 365 + before // 4 - before // 100 + before // 400 + 1
    weekday = (new_year + 6) % 7
    into_week = (weekday - first_weekday) % 7
    return new_year - into_week + (7 if 7 - into_week < days_min else 0)
