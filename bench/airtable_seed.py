"""The base of `bench_airtable_emulator.py`: `python bench/airtable_seed.py RECORDS FILE` writes its seed.

Customers and order lines, 1 to 24: a line has eleven fields, among them unique text, a link, selects, a formula and a
lookup. The values are drawn with a fixed seed, so every run has the same ones.
"""

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BASE, CUSTOMERS, LINES = "appBenchmark00001", "tblCustomers00001", "tblOrderLines0001"
CUSTOMERS_SHARE = 25
WORDS = ["steel", "hammer", "oak", "table", "lamp", "chair", "paper", "binder", "copper", "wire", "glass", "desk"]
KINDS = [f"Kind {letter}" for letter in "ABCDEFGH"]
TAGS = ["new", "sale", "last", "bulk", "gift"]


def tables() -> list[dict[str, Any]]:
    def field(name: str, kind: str, **options: Any) -> dict[str, Any]:
        return {"name": name, "type": kind, **({"options": options} if options else {})}

    through = {"recordLinkFieldId": "Customer", "fieldIdInLinkedTable": "City"}
    lines = [
        field("Item", "singleLineText"),
        field("Notes", "multilineText"),
        field("Quantity", "number", precision=0),
        field("Price", "currency", precision=2, symbol="$"),
        field("Kind", "singleSelect", choices=[{"name": name} for name in KINDS]),
        field("Tags", "multipleSelects", choices=[{"name": name} for name in TAGS]),
        field("Day", "date", dateFormat={"name": "iso"}),
        field("Done", "checkbox", icon="check", color="greenBright"),
        field("Customer", "multipleRecordLinks", linkedTableId=CUSTOMERS),
        field("Total", "formula", formula="{Quantity} * {Price}"),
        field("City", "multipleLookupValues", **through),
    ]
    customers = [
        field("Name", "singleLineText"),
        field("Email", "email"),
        field("City", "singleSelect", choices=[{"name": f"City {number}"} for number in range(50)]),
        field("Lines", "multipleRecordLinks", linkedTableId=LINES, inverseLinkFieldId="Customer"),
    ]
    return [
        {"id": CUSTOMERS, "name": "Customers", "fields": customers},
        {"id": LINES, "name": "Lines", "fields": lines},
    ]


def customer_rows(count: int, draw: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(count):
        fields = {
            "Name": f"{draw.choice(WORDS).title()} & Co {number}",
            "Email": f"customer{number}@example.com",
            "City": f"City {draw.randrange(50)}",
        }
        yield {"id": f"recCustomer{number:06d}", "createdTime": "2024-01-01T08:00:00.000Z", "fields": fields}


def line_rows(count: int, customers: int, draw: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(count):
        fields: dict[str, Any] = {
            "Item": " ".join(draw.choices(WORDS, k=3)),
            "Notes": f"{number}: " + " ".join(draw.choices(WORDS, k=10)),
            "Quantity": draw.randrange(1, 40),
            "Price": draw.randrange(1, 100_000) / 100,
            "Kind": draw.choice(KINDS),
            "Tags": draw.sample(TAGS, draw.randrange(3)),
            "Day": f"{draw.randrange(2019, 2025)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}",
            "Done": draw.random() < 0.5,
            "Customer": [f"recCustomer{draw.randrange(customers):06d}"],
        }
        created = (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        yield {"id": f"recLine{number:010d}", "createdTime": created, "fields": fields}


def write(records: int, file: Path) -> None:
    draw = random.Random(20240501)
    customers = max(records // CUSTOMERS_SHARE, 1)
    rows = {
        CUSTOMERS: list(customer_rows(customers, draw)),
        LINES: list(line_rows(records - customers, customers, draw)),
    }
    base = {"id": BASE, "name": "Benchmark", "tables": tables(), "records": rows}
    with file.open("w", encoding="utf-8") as out:
        json.dump({"bases": [base]}, out)


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
