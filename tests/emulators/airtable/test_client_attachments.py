"""Attachments as pyairtable, unmodified, sees them: uploads, the ORM, and their text in formulas."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyairtable import Api
from pyairtable.orm import Model
from pyairtable.orm import fields as orm
from smeboost_emulators.testing.airtable import AirtableEmulator, running_emulator, small_seed

BASE, ORDERS, ORDER = "appSmallShop00001", "tblOrders00000001", "recOrder000000001"


@pytest.fixture(scope="module")
def fetching_emulator() -> Iterator[AirtableEmulator]:
    with running_emulator(attachment_fetch="sync") as emulator:
        yield emulator


@pytest.fixture
def api(fetching_emulator: AirtableEmulator, pyairtable_api: Callable[[AirtableEmulator], Api]) -> Api:
    """pyairtable uploads to a host whose name is fixed in its code, so the emulator is also its proxy."""
    fetching_emulator.seed(small_seed())
    client = pyairtable_api(fetching_emulator)
    client.session.proxies = {"http://content.airtable.com": fetching_emulator.url}
    return client


def order_model(api: Api) -> Any:
    class Order(Model):
        number = orm.TextField("Number")
        papers = orm.AttachmentsField("Papers")

        class Meta:
            api_key = api.api_key
            base_id = BASE
            table_name = ORDERS

    # The ORM has no setting for the endpoint; its client is a cached property that is filled here beforehand.
    vars(Order.meta)["api"] = api
    return Order


def test_upload_attachment_appends_and_answers_by_field_id(api: Api, tmp_path: Path) -> None:
    table = api.table(BASE, ORDERS)
    first = table.upload_attachment(ORDER, "Papers", "a.txt", "text of a", "text/plain")
    [attachment] = first["fields"]["fldOrderPapers001"]
    path = tmp_path / "bill.pdf"
    path.write_bytes(b"%PDF" + bytes(range(256)) * 1_000)
    second = table.upload_attachment(ORDER, "fldOrderPapers001", path)
    assert [item.get("filename") for item in second["fields"]["fldOrderPapers001"]] == ["a.txt", "bill.pdf"]
    kept, bill = table.get(ORDER)["fields"]["Papers"]
    assert kept["id"] == attachment["id"]
    assert (bill["type"], bill["size"]) == ("application/pdf", 256_004)
    assert httpx.get(bill["url"]).content == path.read_bytes()


def test_the_orm_uploads_attaches_by_url_copies_and_removes(api: Api) -> None:
    order_of = order_model(api)
    order = order_of.from_id(ORDER)
    order.papers.upload("a.txt", b"text of a", "text/plain")
    # The address of one attachment is a URL for another one: the emulator fetches from itself.
    order.papers.append({"url": order.papers[0]["url"], "filename": "copy.txt"})
    order.save()
    order.fetch()
    assert [paper["filename"] for paper in order.papers] == ["a.txt", "copy.txt"]
    other = order_of.from_id("recOrder000000002")
    other.papers = list(order.papers)
    other.save()
    other.fetch()
    assert [httpx.get(paper["url"]).content for paper in other.papers] == [b"text of a"] * 2
    assert {paper["id"] for paper in other.papers}.isdisjoint(paper["id"] for paper in order.papers)
    del order.papers[0]
    order.save()
    assert [paper["filename"] for paper in order_of.from_id(ORDER).papers] == ["copy.txt"]


def test_a_formula_sees_the_names_of_files(api: Api) -> None:
    table = api.table(BASE, ORDERS)
    table.upload_attachment(ORDER, "Papers", "offer-17.txt", "x", "text/plain")
    found = table.all(formula="FIND('offer-17', {Papers} & '')")
    assert [record["id"] for record in found] == [ORDER]
    assert [record["id"] for record in table.all(formula="NOT({Papers})")] == ["recOrder000000002", "recOrder000000003"]
