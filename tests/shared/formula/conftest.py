"""A table of records that the evaluator and PostgreSQL both look at, with cells chosen to disagree about."""

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString, cast

import psycopg
import pytest
from psycopg import Connection, sql
from smeboost_shared.formula.compile import Formula, compile_formula
from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.sql import Column, ColumnKind, SqlFormula, SqlTable, compile_sql
from smeboost_shared.formula.values import Value

NOW = datetime(2024, 5, 1, 9, 30, 15, 123456, tzinfo=UTC)
FIELDS = {
    "Text": ColumnKind.TEXT,
    "Other": ColumnKind.TEXT,
    "Num": ColumnKind.NUMBER,
    "Two": ColumnKind.NUMBER,
    "Price": ColumnKind.NUMERIC,
    "Count": ColumnKind.BIGINT,
    "Done": ColumnKind.CHECKBOX,
    "Day": ColumnKind.DATE,
    "At": ColumnKind.MOMENT,
    "Then": ColumnKind.MOMENT,
    "Tags": ColumnKind.TEXTS,
    "Nums": ColumnKind.NUMBERS,
    "Times": ColumnKind.MOMENTS,
}
TYPES = {ColumnKind.MOMENT: "timestamptz", ColumnKind.MOMENTS: "timestamptz[]"}
TEXTS = [
    None, "", "0", "1", " 12.5 ", "-3e2", "1e999", "1e-999", "-1e400", "5.", ".5", "1_000", "١٢", "$1,234.50", "€7",
    "inf", "000012", "+7", "- 7", "1e5 ", "1e1000000000", "0e1000000000", "1" * 320, "1" * 401, f"0.{330 * '0'}1",
    "abc", "ABC", "aBc", "b", "a, b", "Open", "Done", "abcabcabc", "x" * 300, "2024-05-01",
    "ß", "Straße", "STRASSE", "İi", "ıI", "ΑΣ", "ΣΑΣ ΌΔΟΣ.", "Σ", "ﬁ", "ŉ", "ǆ", "ǅ", "ΐ", "é", "e\u0301", "😀x",
    "日本語", "  padded\u2003", "\u00a0", "50%", "%s", "%(p1)s", "$1", "a'b\"c\\d", "tab\there", "line\nbreak", "{}",
    "a{b}c", "?", "2024-05-01T09:30:00.000Z",
]  # fmt: skip
NUMBERS = [
    None, 0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.1, 0.2, 0.3, 1.005, 1234.5678, -1234.5678, 7.0, 3.0,
    1e15, 1e15 + 0.5, 1e16, 123456789012345680000.0, 1e21, 1.5e21, 1e22, -1e20, 9.3e18, 2.0**62, 2.0**63, 1e100,
    1e-5, 1.5e-6, 1e-6, 1e-7, -2.5e-10, 0.30000000000000004, 12345678901234.5, 1.2345678901235, 10.0, 100.0, 365.0,
    1e150, -1e154, 1e200, 1.7976931348623157e308, -1.7976931348623157e308, 8.98846567431158e307, 709.79,
    5e-324, -5e-324, 2.2250738585072014e-308, 1e-160, -1e-200, 1e-310, -745.2, math.nan, math.inf, -math.inf, 86400.0,
    709.782712893384, 0.001, 4503599627370496.0, 4503599627370497.5, 9007199254740993.0,
]  # fmt: skip
MOMENTS = [
    None,
    NOW,
    *(
        datetime.fromisoformat(text).replace(tzinfo=UTC)
        for text in re.findall(
            r"\S+",
            """
            0001-01-01 0999-07-04T01:02:03.000004 1969-12-31T23:59:59.500000 2000-01-01 2021-01-03T12:00
            2022-03-27T01:30 2023-12-31 2024-01-31T12:30 2024-02-29T23:59:59.999000 2024-05-01
            2024-05-04T00:00:00.001000 2024-05-05 2024-11-30 2024-12-29 9999-12-31T23:59:59.999999
            """,
        )
    ),
]


@dataclass
class Record:
    cells: dict[str, Value]
    record_id: str
    created_time: datetime
    modified_time: datetime


class Cells:
    def reader(self, name: str) -> Callable[[Record], Value] | None:
        return (lambda row: row.cells[name]) if name in FIELDS else None

    def modified_reader(self, names: Sequence[str]) -> Callable[[Record], datetime] | None:
        return None if names else lambda row: row.modified_time


def some_cell(kind: ColumnKind, dice: random.Random) -> Any:
    match kind:
        case ColumnKind.TEXT:
            return (
                dice.choice(TEXTS)
                if dice.random() < 0.8
                else "".join(dice.choices("abAB,. Σσ1-é😀", k=dice.randrange(12)))
            )
        case ColumnKind.NUMBER:
            if dice.random() < 0.75:
                return dice.choice(NUMBERS)
            return dice.choice(
                [dice.uniform(-1000, 1000), round(dice.uniform(-100, 100), 3), float(dice.randrange(-50, 50))]
            )
        case ColumnKind.NUMERIC:
            return dice.choice([None, 0.0, 1.0, 0.1, 19.99, -5.5, 1e20, 12345.678, 1e-7, 0.30000000000000004, 2.5])
        case ColumnKind.BIGINT:
            return dice.choice([None, 0.0, 1.0, -1.0, 5.0, 100.0, 2.0**52])
        case ColumnKind.CHECKBOX:
            return dice.choice([0, 1])
        case ColumnKind.DATE:
            moment = dice.choice(MOMENTS)
            return moment and moment.replace(hour=0, minute=0, second=0, microsecond=0)
        case ColumnKind.MOMENT:
            if dice.random() < 0.7:
                return dice.choice(MOMENTS)
            return NOW + timedelta(days=dice.uniform(-2000, 2000), microseconds=dice.randrange(1000))
        case ColumnKind.TEXTS:
            return dice.choice(
                [
                    None,
                    [],
                    ["a"],
                    ["a", "b"],
                    ["b", None, ""],
                    ["", ""],
                    ["12"],
                    ["x"] * 5,
                    ["ß", "SS"],
                    ["a", "a", None, None],
                ]
            )
        case ColumnKind.NUMBERS:
            one = dice.choice(NUMBERS)
            return dice.choice([None, [], [one], [one, 2.0, None], [1e308, 1e308, one], [0.1, 0.2, 0.3], [None]])
        case _:
            return dice.choice([None, [], [NOW], [dice.choice([None, NOW.replace(day=2)])], [NOW, None], [NOW, NOW]])


def stored(value: Value, kind: ColumnKind) -> object:
    """The cell as the type of its column."""
    match kind, value:
        case ColumnKind.NUMERIC, float():
            return Decimal(repr(value))
        case ColumnKind.BIGINT, float():
            return int(value)
        case ColumnKind.CHECKBOX, _:
            return value == 1
        case ColumnKind.DATE, datetime():
            return value.date()
        case _:
            return value


def is_same(found: object, wanted: object, tolerance: float) -> bool:
    """Equal; blank and empty text are the same. `tolerance` is relative."""
    if wanted in (None, "") and found in (None, ""):
        return True
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(map(is_same, found, wanted, [tolerance] * len(found)))
    if isinstance(wanted, int | float) and isinstance(found, float):
        both_nan = math.isnan(found) and math.isnan(wanted)
        return found == wanted or both_nan or math.isclose(found, wanted, rel_tol=tolerance)
    if isinstance(wanted, datetime) and isinstance(found, datetime):
        return (found if found.tzinfo else found.replace(tzinfo=UTC)) == wanted
    return isinstance(wanted, str) and found == wanted


class Failed:
    """The value of a record that has none."""


ERROR = Failed()


def value_in(formula: Formula[Record], record: Record) -> Value | Failed:
    try:
        return formula.evaluate(record)
    except EvaluationError:
        return ERROR


class Agreement:
    """One table and both ways to look at it."""

    def __init__(self, connection: Connection[tuple[object, ...]], records: list[Record], name: str) -> None:
        self.connection = connection
        self.records = records
        self.name = name
        columns = {field: Column(f'{field.lower()} "{{c}}%', kind) for field, kind in FIELDS.items()}
        self.table = SqlTable(columns, "record id", "created", "modified")
        self._make()

    def _make(self) -> None:
        typed = [
            sql.SQL("{} {}").format(
                sql.Identifier(self.table.columns[field].name),
                sql.SQL(cast(LiteralString, TYPES.get(kind, kind.value))),
            )
            for field, kind in FIELDS.items()
        ]
        table = sql.Identifier(self.name)
        heads = sql.SQL('"record id" text, created timestamptz, modified timestamptz')
        self.connection.execute(sql.SQL("create table {} ({}, {})").format(table, heads, sql.SQL(", ").join(typed)))
        marks = sql.SQL(", ").join([sql.Placeholder()] * (len(FIELDS) + 3))
        rows = [
            (
                one.record_id, one.created_time, one.modified_time,
                *(stored(one.cells[field], kind) for field, kind in FIELDS.items()),
            )
            for one in self.records
        ]  # fmt: skip
        with self.connection.cursor() as cursor:
            cursor.executemany(sql.SQL("insert into {} values ({})").format(table, marks), rows)

    def compiled(self, text: str) -> SqlFormula:
        return compile_sql(text, self.table, clock=lambda: NOW)

    def ask(self, compiled: SqlFormula) -> list[tuple[object, ...]]:
        """Whether PostgreSQL keeps each record, whether it is an error, and its value."""
        value = compiled.value or "null"
        if compiled.kind is Kind.MOMENT:
            # Where it is read, a moment close to the calendar's end is beyond it in the session's own time zone.
            value = f"({value}) at time zone 'UTC'"
        statement = f"""select ({compiled.condition}) is true, ({compiled.error}) is true, {value}
            from "{self.name}" order by "record id" collate "C" """
        return self.connection.execute(statement.encode(), compiled.parameters).fetchall()

    def check(self, text: str, *, tolerance: float = 0.0) -> None:
        """The evaluator and PostgreSQL keep the same records, and find the same values in them."""
        compiled = self.compiled(text)
        formula = compile_formula(text, Cells(), clock=lambda: NOW)
        for record, (kept, failed, found) in zip(self.records, self.ask(compiled), strict=True):
            wanted = value_in(formula, record)
            if wanted is ERROR:
                assert (kept, failed) == (False, True), f"{text}: should be an error, is {found!r} for {record.cells}"
                continue
            assert not failed, f"{text}: is an error, should be {wanted!r} for {record.cells}"
            assert kept == formula.keeps(record), f"{text}: kept {kept}, value {wanted!r} for {record.cells}"
            if compiled.value is not None:
                assert is_same(found, wanted, tolerance), (
                    f"{text}: is {found!r}, should be {wanted!r} for {record.cells}"
                )


@pytest.fixture(scope="module")
def connection(new_database: Callable[[], str]):
    """A database whose letters and time zone differ from what other tests have: neither may play a part."""
    url = new_database()
    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute("drop database if exists locale_of_its_own")
        opened.execute("""create database locale_of_its_own template template0 encoding 'UTF8' locale 'C'
            locale_provider builtin builtin_locale 'PG_UNICODE_FAST'""")
    with psycopg.connect(f"{url.rpartition('/')[0]}/locale_of_its_own", autocommit=True) as opened:
        opened.execute("set timezone to 'America/New_York'")
        yield opened


@pytest.fixture(scope="module")
def agreements(connection: Connection[tuple[object, ...]]) -> list[Agreement]:
    return [Agreement(connection, some_records(seed), f"records {seed}") for seed in range(3)]


@pytest.fixture(scope="module")
def agreement(agreements: list[Agreement]) -> Agreement:
    return agreements[0]


@pytest.fixture(scope="module")
def agreement_over(connection: Connection[tuple[object, ...]]) -> Callable[[list[tuple[float, float]]], Agreement]:
    """A factory of tables whose records have two numbers and nothing else."""

    def make(pairs: list[tuple[float, float]]) -> Agreement:
        blank: dict[str, Value] = {field: 0 if kind is ColumnKind.CHECKBOX else None for field, kind in FIELDS.items()}
        records = [
            Record({**blank, "Num": left, "Two": right}, f"rec{number:014}", NOW, NOW)
            for number, (left, right) in enumerate(pairs)
        ]
        return Agreement(connection, records, "records of numbers")

    return make


def some_records(seed: int, count: int = 150) -> list[Record]:
    dice = random.Random(seed)  # no secret
    return [
        Record(
            {field: some_cell(kind, dice) for field, kind in FIELDS.items()},
            f"rec{number:014}",
            NOW + timedelta(hours=number),
            NOW + timedelta(days=number),
        )
        for number in range(count)
    ]
