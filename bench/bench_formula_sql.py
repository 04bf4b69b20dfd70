"""What a filter costs in PostgreSQL: `python bench/bench_formula_sql.py [--records 200000]` prints a Markdown table.

A PostgreSQL of its own holds the records that the evaluator holds in memory. Each filter is counted by both, turn by
turn, the better of two; they must keep the same number. PostgreSQL works alone, without parallel workers; its records
are in its memory, and no index helps it until the last column.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from anyio.from_thread import start_blocking_portal
from psycopg import Connection
from smeboost_emulators.stores.postgres import running_postgres
from smeboost_shared.formula.compile import compile_formula
from smeboost_shared.formula.sql import Column, ColumnKind, SqlTable, compile_sql
from smeboost_shared.formula.values import Value

TURNS = 2
FILTERS = (
    "{State} = 'Open'",
    "{Price} > 19.9",
    "AND({State} = 'Open', {Price} * {Count} > 150)",
    "ROUND({Price} * 1.19, 2) > 12",
    "SEARCH('straße', {Name})",
    "IS_AFTER({Day}, '2025-10-01')",
    "DATETIME_DIFF(DATEADD({Day}, {Count}, 'months'), {Day}, 'days') > 240",
    "OR(RECORD_ID() = 'rec00000000000007', RECORD_ID() = 'rec00000000100007')",
)
TABLE = SqlTable(
    {
        "State": Column("state", ColumnKind.TEXT),
        "Name": Column("name", ColumnKind.TEXT),
        "Price": Column("price", ColumnKind.NUMBER),
        "Count": Column("count", ColumnKind.BIGINT),
        "Day": Column("day", ColumnKind.MOMENT),
    },
    record_id="id",
)
INDEXED = ("id", "state", "price", "day")


@dataclass(frozen=True, slots=True)
class Order:
    """A record."""

    record_id: str
    created_time: datetime
    cells: dict[str, Any]


class Orders:
    """Its fields."""

    def reader(self, name: str) -> Callable[[Order], Value] | None:
        return (lambda order: order.cells[name]) if name in TABLE.columns else None

    def modified_reader(self, names: Sequence[str]) -> None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure formulas in PostgreSQL beside the evaluator.")
    parser.add_argument("--records", type=int, default=200_000, help="records to filter (default: 200000)")
    orders = _orders(parser.parse_args().records)
    with (
        tempfile.TemporaryDirectory(prefix="smeboost-bench-") as folder,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_postgres(Path(folder) / "postgres", durable=False)) as postgres,
        psycopg.connect(postgres.url, autocommit=True) as connection,
    ):
        _store(connection, orders)
        rows = [_measured(connection, text, orders) for text in FILTERS]
        for column in INDEXED:
            connection.execute(f"create index on orders ({column})".encode())
        connection.execute("analyze orders")
        version = connection.execute("show server_version").fetchone()
        print(
            f"{len(orders):,} records, PostgreSQL {version[0] if version else '?'}, Python {sys.version.split()[0]}.\n"
        )
        print("| filter | kept | evaluator s | PostgreSQL s | times as fast | with indexes s |")
        print("|---|---:|---:|---:|---:|---:|")
        for text, kept, ours, theirs in rows:
            indexed = min(_counted(connection, text)[1] for _ in range(TURNS))
            print(f"| `{text}` | {kept:,} | {ours:.2f} | {theirs:.3f} | {ours / theirs:.1f} | {indexed:.4f} |")


def _orders(count: int) -> list[Order]:
    dice = random.Random(7)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return [
        Order(
            f"rec{number:014}",
            start,
            {
                "State": dice.choice(("Open", "Done", "Held", None)),
                "Name": "".join(dice.choices("abcxyzABCXYZ ", k=20)) + dice.choice(("", "", "", " Straße")),
                "Price": dice.choice((None, round(dice.random() * 20, 2))),
                "Count": float(dice.randrange(12)),
                "Day": start + timedelta(hours=dice.randrange(16_000)),
            },
        )
        for number in range(count)
    ]


def _store(connection: Connection[tuple[Any, ...]], orders: list[Order]) -> None:
    connection.execute("set max_parallel_workers_per_gather to 0")
    connection.execute(
        "create table orders (id text, state text, name text, price float8, count bigint, day timestamptz)"
    )
    with connection.cursor() as cursor, cursor.copy("copy orders from stdin") as copy:
        for order in orders:
            state, name, price, count, day = order.cells.values()
            copy.write_row((order.record_id, state, name, price, int(count), day))
    connection.execute("vacuum analyze orders")


def _measured(connection: Connection[tuple[Any, ...]], text: str, orders: list[Order]) -> tuple[str, int, float, float]:
    runs = [(_evaluated(text, orders), _counted(connection, text)) for _ in range(TURNS)]
    kept = {count for pair in runs for count, _ in pair}
    assert len(kept) == 1, f"{text}: {kept}"
    return text, kept.pop(), min(ours for (_, ours), _ in runs), min(theirs for _, (_, theirs) in runs)


def _evaluated(text: str, orders: list[Order]) -> tuple[int, float]:
    started = perf_counter()
    formula = compile_formula(text, Orders())
    kept = sum(map(formula.keeps, orders))
    return kept, perf_counter() - started


def _counted(connection: Connection[tuple[Any, ...]], text: str) -> tuple[int, float]:
    started = perf_counter()
    compiled = compile_sql(text, TABLE)
    statement = f"select count(*) from orders where {compiled.condition}"
    row = connection.execute(statement.encode(), compiled.parameters).fetchone()
    assert row is not None
    return row[0], perf_counter() - started


if __name__ == "__main__":
    main()
