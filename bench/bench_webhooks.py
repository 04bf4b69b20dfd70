"""What a webhook costs a write: `python bench/bench_webhooks.py [--requests 200]` prints a Markdown table.

A real emulator process with a data directory and no request limit; one client creates ten orders a request, one of them
linked to a product, over a connection that stays open. The same request is timed for a base without webhooks and for
bases whose webhooks ask for more and more, turn by turn, so that all see the same machine; the median counts.
"""

import argparse
import copy
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
from smeboost_emulators.testing.airtable import small_seed

ORDERS = "tblOrders00000001"
PREVIOUS = {"includePreviousCellValues": True, "includeCellValuesInFieldIds": "all"}
KINDS: list[tuple[str, int, dict[str, Any]]] = [
    ("no webhook", 0, {}),
    ("one on another table", 1, {"recordChangeScope": "products"}),
    ("one on the table", 1, {"recordChangeScope": "orders"}),
    ("one on the base, all cells, previous values", 1, {"includes": PREVIOUS}),
    ("ten on the base", 10, {}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200)
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "seed.json"
        seed.write_text(json.dumps({"bases": [_base(number) for number in range(len(KINDS))]}))
        command = [sys.executable, "-m", "smeboost_emulators", "airtable", "--no-rate-limit"]
        options = ["--seed", str(seed), "--data", f"{folder}/data"]
        with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                url = process.stderr.readline().split()[-1]
                _report([median(times) * 1000 for times in _measure(url, requests)])
            finally:
                process.terminate()


def _base(number: int) -> dict[str, Any]:
    """The shop again, with ids of its own."""
    text = json.dumps(small_seed()["bases"][0])
    for prefix in ("tblProducts", "tblOrders", "viw", "fld"):
        text = text.replace(f'"{prefix}', f'"{prefix[:3]}{number}{prefix[3:]}')
    base = json.loads(text)
    base["id"] = f"appBenchShop0000{number}"
    return _cut(base)


def _cut(part: Any) -> Any:
    """Ids again 17 characters long."""
    if isinstance(part, dict):
        return {_cut(key): _cut(value) for key, value in copy.copy(part).items()}
    if isinstance(part, list):
        return [_cut(item) for item in part]
    is_long = isinstance(part, str) and len(part) == 18 and part[:3] in ("tbl", "viw", "fld")
    return part[:8] + part[9:] if is_long else part


def _measure(url: str, requests: int) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in KINDS]
    with httpx2.Client(base_url=url, headers={"Authorization": "Bearer patBench"}, timeout=30) as client:
        for number, kind in enumerate(KINDS):
            _watch(client, number, kind)
        for turn in range(requests):
            record = {"fields": {"Number": f"N{turn}", "Discount": 0.1, "Products": ["recProduct0000002"]}}
            plain = {"fields": {"Number": f"N{turn}", "Discount": 0.1, "Email": "a@example.com"}}
            for number, spent in enumerate(times):
                begun = time.perf_counter()
                response = client.post(f"/v0/appBenchShop0000{number}/Orders", json={"records": [record] + [plain] * 9})
                spent.append(time.perf_counter() - begun)
                assert response.status_code == 200, response.text
    return times


def _watch(client: httpx2.Client, number: int, kind: tuple[str, int, dict[str, Any]]) -> None:
    base = f"appBenchShop0000{number}"
    tables = client.get(f"/v0/meta/bases/{base}/tables").json()["tables"]
    ids = {table["name"].lower(): table["id"] for table in tables}
    _, count, asked = kind
    filters: dict[str, Any] = {"dataTypes": ["tableData"]}
    if "recordChangeScope" in asked:
        filters["recordChangeScope"] = ids[asked["recordChangeScope"]]
    options = {"filters": filters, "includes": asked.get("includes")}
    for _ in range(count):
        response = client.post(f"/v0/bases/{base}/webhooks", json={"specification": {"options": options}})
        assert response.status_code == 200, response.text


def _report(milliseconds: list[float]) -> None:
    print("| webhooks of the base | ms for ten new records | ratio |")
    print("| --- | ---: | ---: |")
    for (name, _, _), spent in zip(KINDS, milliseconds, strict=True):
        print(f"| {name} | {spent:.2f} | {spent / milliseconds[0]:.2f} |")


if __name__ == "__main__":
    main()
