"""What npm's airtable-mcp-server, unmodified, does against the emulator: each of its tools, over stdio."""

import base64
import os
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError
from smeboost_emulators.testing.airtable import AirtableEmulator

VERSION = "1.14.0"
BASE = "appSmallShop00001"
PRODUCTS = {"baseId": BASE, "tableId": "tblProducts000001"}
ORDERS = {"baseId": BASE, "tableId": "tblOrders00000001"}
SCRIPT = Path(__file__).with_name("airtable_mcp_server.mjs")
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
Tool = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def tools(modules: Path, shop: AirtableEmulator, log: Path):
    """`tool(name, **arguments)` gives the structured answer of a tool."""
    environment = {"PATH": os.environ["PATH"], "MODULES": str(modules), "ENDPOINT": shop.url, "TOKEN": shop.token}
    transport = StdioTransport("node", [str(SCRIPT)], env=environment, log_file=log, keep_alive=False)
    async with Client(transport, timeout=20) as client:

        async def tool(name: str, /, **arguments: Any) -> Any:
            return (await client.call_tool(name, arguments)).structured_content

        yield tool


@pytest.fixture
def modules(npm_package: Callable[[str, str], Path]) -> Path:
    return npm_package("airtable-mcp-server", VERSION)


async def test_it_reads_bases_schema_and_records(modules: Path, shop: AirtableEmulator, tmp_path: Path) -> None:
    async with tools(modules, shop, tmp_path / "log") as tool:
        bases = await tool("list_bases")
        assert bases == {"bases": [{"id": BASE, "name": "Small shop", "permissionLevel": "create"}]}
        named = await tool("list_tables", baseId=BASE, detailLevel="tableIdentifiersOnly")
        assert [table["name"] for table in named["tables"]] == ["Products", "Orders"]
        full = await tool("list_tables", baseId=BASE)
        assert [table["fields"][0]["type"] for table in full["tables"]] == ["singleLineText", "singleLineText"]
        described = await tool("describe_table", **PRODUCTS)
        assert described["table"]["views"][1]["name"] == "By price"
        assert [field["type"] for field in described["table"]["fields"]][1:4] == ["currency", "number", "singleSelect"]
        listed = await tool(
            "list_records",
            **PRODUCTS,
            fields=["Name", "Price"],
            sort=[{"field": "Price", "direction": "desc"}],
            filterByFormula="{Price} > 1",
            maxRecords=2,
        )
        assert [record["fields"] for record in listed["records"]] == [
            {"Name": "Saw", "Price": 30},
            {"Name": "Hammer", "Price": 12.5},
        ]
        found = await tool("search_records", **PRODUCTS, searchTerm="-y")
        assert [record["id"] for record in found["records"]] == ["recProduct0000003"]
        record = await tool("get_record", **PRODUCTS, recordId="recProduct0000001")
        assert record["fields"]["Tags"] == ["sale"]


async def test_it_pages_through_more_than_a_hundred_records(
    modules: Path, shop: AirtableEmulator, tmp_path: Path
) -> None:
    rows = [{"fields": {"Name": f"Item {number}"}} for number in range(250)]
    fields = [{"id": "fldManyName000001", "name": "Name", "type": "singleLineText"}]
    table = {"id": "tblMany0000000001", "name": "Many", "fields": fields}
    base = {"id": BASE, "name": "Many", "tables": [table], "records": {"tblMany0000000001": rows}}
    shop.seed({"bases": [base]})
    async with tools(modules, shop, tmp_path / "log") as tool:
        listed = await tool("list_records", baseId=BASE, tableId="tblMany0000000001")
    assert [record["fields"]["Name"] for record in listed["records"]] == [f"Item {number}" for number in range(250)]


async def test_it_writes_records_and_is_told_why_it_may_not(
    modules: Path, shop: AirtableEmulator, tmp_path: Path
) -> None:
    async with tools(modules, shop, tmp_path / "log") as tool:
        kite = {"Name": "Kite", "Price": "7.25", "Kind": "Outdoor", "Orders": ["A-3"]}
        made = await tool("create_record", **PRODUCTS, fields=kite)
        assert made["fields"]["Price"] == 7.25
        assert made["fields"]["Kind"] == "Outdoor"
        assert made["fields"]["Orders"] == ["recOrder000000003"]
        changes = [{"id": made["id"], "fields": {"Stock": 3}}, {"id": "recProduct0000002", "fields": {"Stock": 4}}]
        changed = await tool("update_records", **PRODUCTS, records=changes)
        assert [record["fields"]["Stock"] for record in changed["records"]] == [3, 4]
        gone = await tool("delete_records", **PRODUCTS, recordIds=[made["id"], "recProduct0000002"])
        assert gone["records"] == [{"id": made["id"]}, {"id": "recProduct0000002"}]
        left = await tool("list_records", **PRODUCTS, fields=["Name"])
        assert [record["fields"]["Name"] for record in left["records"]] == ["Hammer", "Yo-yo", "Apple", "Gift card"]
        with pytest.raises(ToolError, match="UNKNOWN_FIELD_NAME"):
            await tool("create_record", **PRODUCTS, fields={"Nam": "Kite"})
        with pytest.raises(ToolError, match="INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"):
            await tool("list_records", baseId="appNobodyHasThis1", tableId="tblProducts000001")


async def test_it_makes_and_changes_tables_and_fields(modules: Path, shop: AirtableEmulator, tmp_path: Path) -> None:
    async with tools(modules, shop, tmp_path / "log") as tool:
        fields = [
            {"name": "City", "type": "singleLineText"},
            {"name": "Open", "type": "checkbox", "options": {"icon": "check", "color": "greenBright"}},
        ]
        table = (await tool("create_table", baseId=BASE, name="Shops", fields=fields))["table"]
        assert [field["name"] for field in table["fields"]] == ["City", "Open"]
        assert table["primaryFieldId"] == table["fields"][0]["id"]
        renamed = await tool("update_table", baseId=BASE, tableId=table["id"], name="Stores", description="Ours")
        assert (renamed["table"]["name"], renamed["table"]["description"]) == ("Stores", "Ours")
        rooms = {"name": "Rooms", "type": "number", "options": {"precision": 0}}
        place = {"baseId": BASE, "tableId": table["id"]}
        field = (await tool("create_field", **place, nested={"field": rooms}))["field"]
        assert (field["type"], field["options"]) == ("number", {"precision": 0})
        again = await tool("update_field", **place, fieldId=field["id"], name="Halls")
        assert again["field"]["name"] == "Halls"
        shop_record = await tool("create_record", **place, fields={"City": "Oslo", "Open": True, "Halls": 2})
        assert shop_record["fields"] == {"City": "Oslo", "Open": True, "Halls": 2}


async def test_it_comments_and_uploads(modules: Path, shop: AirtableEmulator, tmp_path: Path) -> None:
    order = ORDERS | {"recordId": "recOrder000000001"}
    async with tools(modules, shop, tmp_path / "log") as tool:
        first = (await tool("create_comment", **order, text="Packed?"))["comment"]
        answer = (await tool("create_comment", **order, text="Yes", parentCommentId=first["id"]))["comment"]
        listed = await tool("list_comments", **order)
        assert [comment["text"] for comment in listed["comments"]] == ["Yes", "Packed?"]
        assert listed["comments"][0]["parentCommentId"] == first["id"] != answer["id"]
        uploaded = await tool(
            "upload_attachment",
            baseId=BASE,
            recordId="recOrder000000001",
            attachmentFieldIdOrName="Papers",
            file=base64.b64encode(PIXEL).decode(),
            filename="pixel.png",
            contentType="image/png",
        )
    [attachment] = uploaded["fields"]["fldOrderPapers001"]
    assert (attachment["filename"], attachment["size"], attachment["type"]) == ("pixel.png", len(PIXEL), "image/png")
