"""What airtable.js, unmodified, sees of the emulator. Node and npm may be absent on a desk, never in CI."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from smeboost_emulators.testing.airtable import AirtableEmulator

VERSION = "0.12.2"
RUN_SECONDS_MAX = 20


@pytest.fixture(scope="session")
def modules(npm_package: Callable[[str, str], Path]) -> Path:
    return npm_package("airtable", VERSION)


@pytest.fixture
def seen(modules: Path, shop: AirtableEmulator, send) -> dict[str, Any]:
    """What the script in `airtable_client.js` saw."""
    assert send("POST", "Products/recProduct0000001/comments", json={"text": "Heavy"}).status_code == 200
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("airtable_client.js"))],
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(modules), "ENDPOINT": shop.url, "TOKEN": shop.token},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_airtable_js_reads_writes_and_is_refused_as_by_the_real_service(seen: dict[str, Any]) -> None:
    pages = [["Saw", "Hammer"], ["Yo-yo", "Apple"], ["Gift card"]]
    assert seen["sorted"] == seen["posted"] == pages
    assert seen["restricted"] == [{"Name": "Hammer", "Stock": 40}]
    assert seen["listed"] == ["recProduct0000001", "recProduct0000002"]
    assert seen["counted"] == [1, None]
    assert seen["filtered"] == [["Saw", "Hammer"]]
    assert seen["capped"] == [["Saw", "Hammer"], ["Yo-yo"]]
    assert seen["byId"] == {"fldProductName001": "Hammer"}
    assert seen["text"].items() >= {"Number": "A-1", "Products": "Hammer, Yo-yo", "Discount": "10.0%"}.items()
    assert seen["postedText"] == {"Placed": "2024-05-01 09:30", "Prices": "$12.50, $3.99"}
    assert (seen["cast"], seen["fetched"]) == (["5", 2, [30], 0.12], [30, 4])
    assert seen["found"]["createdTime"] == "2024-01-01T08:00:00.000Z"
    assert seen["found"]["fields"]["Tags"] == ["sale"]
    orders = {"Orders": ["recOrder000000003"], "Times sold": 1}
    assert seen["created"] == {"Name": "Kite & string", "Kind": "Toy", **orders}
    assert seen["many"] == ["One", "Two"]
    assert seen["updated"] == {"Name": "Kite & string", "Kind": "Toy", "Price": 7.25, **orders}
    assert [fields["Stock"] for fields in seen["updatedMany"]] == [0, 1]
    assert seen["replaced"] == {"Name": "Kite", "Times sold": 0}
    assert (seen["destroyed"], seen["destroyedMany"], seen["left"]) == (True, 2, 5)
    assert seen["gone"] == {"statusCode": 404, "error": "NOT_FOUND"}
    assert seen["refused"] == {"statusCode": 422, "error": "INVALID_VALUE_FOR_COLUMN"}
