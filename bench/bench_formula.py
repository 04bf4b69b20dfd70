"""What a formula costs: `python bench/bench_formula.py [--records 100000] [--turns 3]` prints a Markdown table.

Each filter runs over the same columns twice in the same process: as a compiled formula, and as the function that a
person would write by hand for just this question. The two must keep the same records. Compiling is measured apart.
Processor time of one core is counted, the better of all turns, so that a busy machine does not show.
"""

import argparse
import random
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import process_time

from smeboost_shared.formula.compile import Formula, compile_formula
from smeboost_shared.formula.mappings import MappedRow
from smeboost_shared.formula.values import Value

SECONDS_WANTED = 1.0
START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Columns:
    """A table of orders, one list for each field."""

    price: list[float]
    name: list[str]
    state: list[str]
    day: list[datetime]
    tags: list[list[str]]


@dataclass(frozen=True)
class Case:
    """A filter in both forms; the hand-written one gets the columns and a record's place in them."""

    formula: str
    by_hand: Callable[[Columns, int], bool]


JUNE = datetime(2024, 6, 1, tzinfo=UTC)
CASES = (
    Case(
        "AND({Price}>10, FIND('x', LOWER({Name})))",
        lambda columns, place: columns.price[place] > 10 and "x" in columns.name[place].lower(),
    ),
    Case("{Price} > 10", lambda columns, place: columns.price[place] > 10),
    Case("{State} = 'Open'", lambda columns, place: columns.state[place] == "Open"),
    Case("ROUND({Price} * 1.19, 2) > 12", lambda columns, place: round(columns.price[place] * 1.19, 2) > 12),
    Case("IS_AFTER({Day}, '2024-06-01')", lambda columns, place: columns.day[place] > JUNE),
    Case(
        "YEAR({Day}) & '-' & {State} = '2025-Open'",
        lambda columns, place: f"{columns.day[place].year}-{columns.state[place]}" == "2025-Open",
    ),
    Case("FIND('b', {Tags})", lambda columns, place: "b" in ", ".join(columns.tags[place])),
    Case(
        "SWITCH({State}, 'Open', {Price}, 'Done', 0) > 10",
        lambda columns, place: columns.state[place] == "Open" and columns.price[place] > 10,
    ),
    Case("REGEX_MATCH({Name}, '^[a-m].*x$')", lambda columns, place: PATTERN.search(columns.name[place]) is not None),
    Case(
        "DATETIME_FORMAT({Day}, 'YYYY-MM') = '2024-06'",
        lambda columns, place: columns.day[place].strftime("%Y-%m") == "2024-06",
    ),
)
PATTERN = re.compile("^[a-m].*x$")


class ColumnCells:
    """Columns whose record is the one at `place`."""

    def __init__(self, columns: Columns) -> None:
        self.columns: dict[str, Sequence[Value]] = {
            "Price": columns.price,
            "Name": columns.name,
            "State": columns.state,
            "Day": columns.day,
            "Tags": [list(tags) for tags in columns.tags],
        }
        self.place = 0

    def reader(self, name: str) -> Callable[[MappedRow], Value] | None:
        column = self.columns.get(name)
        return None if column is None else lambda _row: column[self.place]

    def modified_reader(self, names: object) -> None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure formulas beside functions written by hand.")
    parser.add_argument("--records", type=int, default=100_000, help="records to filter (default: 100000)")
    parser.add_argument("--turns", type=int, default=3, help="the best of so many runs counts (default: 3)")
    options = parser.parse_args()
    columns = _columns(options.records)
    print(f"Filters over {options.records:,} records, Python {sys.version.split()[0]}, one core.\n")
    print("| formula | compile ms | s | records/s | by hand, s | times the time |")
    print("|---|---|---|---|---|---|")
    for case in CASES:
        print(_measured(case, columns, options.records, options.turns))


def _columns(count: int) -> Columns:
    rng = random.Random(7)
    return Columns(
        price=[round(rng.random() * 20, 2) for _ in range(count)],
        name=["".join(rng.choices("abcdefghijklmnopqrstuvwxyzABC ", k=24)) for _ in range(count)],
        state=[rng.choice(("Open", "Done", "Held")) for _ in range(count)],
        day=[START + timedelta(hours=rng.randrange(16_000)) for _ in range(count)],
        tags=[list(rng.sample("abcdef", 2)) for _ in range(count)],
    )


def _measured(case: Case, columns: Columns, count: int, turns: int) -> str:
    cells = ColumnCells(columns)
    started = process_time()
    formula = compile_formula(case.formula, cells)
    compile_seconds = process_time() - started
    runs = [(_filter(formula, cells, count), _by_hand(case, columns, count)) for _ in range(turns)]
    [kept] = {kept for pair in runs for kept, _ in pair}
    ours, hand = (min(pair[index][1] for pair in runs) for index in (0, 1))
    note = "" if ours < SECONDS_WANTED else f" (wanted: < {SECONDS_WANTED:g} s)"
    return (
        f"| `{case.formula}` keeps {kept:,} | {compile_seconds * 1000:.2f} | {ours:.3f}{note} | {count / ours:,.0f} "
        f"| {hand:.3f} | {ours / hand:.1f} |"
    )


def _filter(formula: Formula[MappedRow], cells: ColumnCells, count: int) -> tuple[int, float]:
    row, kept = MappedRow(), 0
    started = process_time()
    for cells.place in range(count):
        kept += formula.keeps(row)
    return kept, process_time() - started


def _by_hand(case: Case, columns: Columns, count: int) -> tuple[int, float]:
    keeps, kept = case.by_hand, 0
    started = process_time()
    for place in range(count):
        kept += keeps(columns, place)
    return kept, process_time() - started


if __name__ == "__main__":
    main()
