"""Pytest fixtures and a small seed for tests that need an Airtable."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx2
import msgspec
import pytest

from smeboost_emulators.airtable.app import create_app
from smeboost_emulators.airtable.command import open_emulator
from smeboost_emulators.airtable.emulator import Emulator, EmulatorOptions
from smeboost_emulators.airtable.knobs import KNOBS, Knobs
from smeboost_emulators.listening import served_in_thread

TOKEN = "patEmulatorTests0." + "0123456789abcdef" * 4  # opens nothing but a test's own emulator
Seed = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AirtableEmulator:
    """A running emulator: give `url` to a client as its endpoint, and `token` as its key."""

    url: str
    token: str
    emulator: Emulator
    stop: Callable[[], None]
    """Stop it before the test ends, e.g. to open its data directory again."""

    def seed(self, seed: Seed) -> None:
        """Load bases, see `smeboost_emulators.airtable.seed`. Do it while no request runs."""
        self.emulator.add_seed(msgspec.json.encode(seed))

    def reset(self) -> None:
        """Go back to how it was started, through the admin path, so also while requests run."""
        token = self.emulator.options.admin_token
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        for method, name in (("DELETE", "checkpoint"), ("POST", "reset")):
            httpx2.request(method, f"{self.url}/_emulator/{name}", headers=headers).raise_for_status()


class StartAirtable(Protocol):
    """Start an emulator; it stops with the test. `options` are those of `EmulatorOptions` and `Knobs`.

    Unlike the command there is no request limit unless `rate_limit` asks for one, and no URL of an attachment is
    fetched unless `attachment_fetch` asks for it.
    """

    def __call__(self, *, seed: Seed | None = None, data: Path | None = None, **options: Any) -> AirtableEmulator: ...


@pytest.fixture
def airtable_emulator() -> Iterator[StartAirtable]:
    """A factory of emulators, each on its own port with its own state."""
    with ExitStack() as stack:

        def start(*, seed: Seed | None = None, data: Path | None = None, **options: Any) -> AirtableEmulator:
            return stack.enter_context(running_emulator(seed=seed, data=data, **options))

        yield start


@contextmanager
def running_emulator(
    *, seed: Seed | None = None, data: Path | None = None, **options: Any
) -> Generator[AirtableEmulator]:
    """An emulator in a thread of its own, for as long as the context is open."""
    turned: dict[str, Any] = {"rate_limit": None, "token_rate_limit": None, "attachment_fetch": "off"}
    turned |= {name: options.pop(name) for name in KNOBS & options.keys()}
    fixed: dict[str, Any] = {"tokens": frozenset({TOKEN}), **options}
    emulator = open_emulator(EmulatorOptions(**fixed), Knobs(**turned), seed=None, data=data)
    if seed is not None:
        text = msgspec.json.encode(seed)
        emulator.seed = lambda: text
        if not emulator.state.bases:
            emulator.add_seed(text)
    with served_in_thread(create_app(emulator)) as (url, stop):
        yield AirtableEmulator(url, TOKEN, emulator, stop)


def small_seed() -> Seed:
    """A base of a shop, `appSmallShop00001`: products, and orders that link to them, with the common field types."""
    return {
        "bases": [
            {
                "id": "appSmallShop00001",
                "name": "Small shop",
                "permissionLevel": "create",
                "collaborators": [
                    {"id": "usrAda00000000001", "email": "ada@example.com", "name": "Ada"},
                    {"id": "usrBob00000000001", "email": "bob@example.com", "name": "Bob"},
                ],
                "tables": [_products_table(), _orders_table()],
                "records": {"tblProducts000001": _products(), "tblOrders00000001": _orders()},
            }
        ]
    }


def _field(field_id: str, name: str, kind: str, **options: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": field_id, "name": name, "type": kind}
    return shown | ({"options": options} if options else {})


def _choices(*names: str) -> list[dict[str, str]]:
    return [{"id": f"sel{name:0<14.14}", "name": name, "color": "blueLight2"} for name in names]


def _products_table() -> dict[str, Any]:
    return {
        "id": "tblProducts000001",
        "name": "Products",
        "primaryFieldId": "fldProductName001",
        "fields": [
            _field("fldProductName001", "Name", "singleLineText"),
            _field("fldProductPrice01", "Price", "currency", precision=2, symbol="$"),
            _field("fldProductStock01", "Stock", "number", precision=0),
            _field("fldProductKind001", "Kind", "singleSelect", choices=_choices("Tool", "Toy", "Food")),
            _field("fldProductTags001", "Tags", "multipleSelects", choices=_choices("new", "sale", "last")),
            _field("fldProductOnline1", "Online", "checkbox", icon="check", color="greenBright"),
            _field("fldProductSince01", "Since", "date", dateFormat={"name": "iso", "format": "YYYY-MM-DD"}),
            _field("fldProductSite001", "Site", "url"),
            _field("fldProductNotes01", "Notes", "multilineText"),
            _field("fldProductStars01", "Stars", "rating", icon="star", max=5, color="yellowBright"),
            _field(
                "fldProductOrders1",
                "Orders",
                "multipleRecordLinks",
                linkedTableId="tblOrders00000001",
                inverseLinkFieldId="fldOrderProducts1",
            ),
            _field("fldProductSold001", "Times sold", "count", recordLinkFieldId="fldProductOrders1"),
        ],
        "views": [
            {"id": "viwProductsGrid01", "name": "Grid view", "type": "grid"},
            {
                "id": "viwProductsPrice1",
                "name": "By price",
                "type": "grid",
                "sort": [{"field": "Price", "direction": "desc"}],
                "visibleFieldIds": ["fldProductName001", "fldProductPrice01"],
            },
        ],
    }


def _orders_table() -> dict[str, Any]:
    return {
        "id": "tblOrders00000001",
        "name": "Orders",
        "primaryFieldId": "fldOrderNumber001",
        "fields": [
            _field("fldOrderNumber001", "Number", "singleLineText"),
            _field(
                "fldOrderProducts1",
                "Products",
                "multipleRecordLinks",
                linkedTableId="tblProducts000001",
                inverseLinkFieldId="fldProductOrders1",
            ),
            _field(
                "fldOrderPlaced001",
                "Placed",
                "dateTime",
                timeZone="utc",
                dateFormat={"name": "iso", "format": "YYYY-MM-DD"},
                timeFormat={"name": "24hour", "format": "HH:mm"},
            ),
            _field("fldOrderEmail0001", "Email", "email"),
            _field("fldOrderPhone0001", "Phone", "phoneNumber"),
            _field("fldOrderDiscount1", "Discount", "percent", precision=1),
            _field("fldOrderPacking01", "Packing time", "duration", durationFormat="h:mm"),
            _field("fldOrderSeller001", "Seller", "singleCollaborator"),
            _field("fldOrderHelpers01", "Helpers", "multipleCollaborators"),
            _field("fldOrderPapers001", "Papers", "multipleAttachments", isReversed=False),
            _field("fldOrderCode00001", "Code", "barcode"),
            _field("fldOrderRemark001", "Remark", "richText"),
            _field("fldOrderSerial001", "Serial", "autoNumber"),
            _field("fldOrderCreated01", "Created", "createdTime"),
            _field("fldOrderChanged01", "Changed", "lastModifiedTime"),
            _field(
                "fldOrderPrices001",
                "Prices",
                "multipleLookupValues",
                recordLinkFieldId="fldOrderProducts1",
                fieldIdInLinkedTable="fldProductPrice01",
            ),
        ],
        "views": [{"id": "viwOrdersGrid0001", "name": "Grid view", "type": "grid"}],
    }


def _products() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"Name": "Hammer", "Price": 12.5, "Stock": 40, "Kind": "Tool", "Tags": ["sale"], "Online": True, "Stars": 4},
        {"Name": "Saw", "Price": 30, "Stock": 0, "Kind": "Tool", "Since": "2024-02-29", "Notes": "Two\nlines"},
        {"Name": "Yo-yo", "Price": 3.99, "Kind": "Toy", "Tags": ["new", "last"], "Site": "https://example.com/yoyo"},
        {"Name": "Apple", "Price": 0.5, "Stock": 900, "Kind": "Food", "Online": True},
        {"Name": "Gift card"},
    ]
    return [_record(f"recProduct{index:07d}", fields) for index, fields in enumerate(rows, start=1)]


def _orders() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "Number": "A-1",
            "Products": ["recProduct0000001", "recProduct0000003"],
            "Placed": "2024-05-01T09:30:00.000Z",
            "Email": "carl@example.com",
            "Discount": 0.1,
            "Seller": {"id": "usrAda00000000001"},
        },
        {"Number": "A-2", "Products": ["recProduct0000001"], "Phone": "+1 555 0100", "Packing time": 600},
        {"Number": "A-3", "Code": {"text": "4006381333931", "type": "ean13"}},
    ]
    return [_record(f"recOrder{index:09d}", fields) for index, fields in enumerate(rows, start=1)]


def _record(record_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"id": record_id, "createdTime": "2024-01-01T08:00:00.000Z", "fields": fields}
