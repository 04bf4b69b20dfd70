"""Files through the tools: upload as text, bytes or path; read as text, picture or file."""

import base64
from pathlib import Path

import pytest
from smeboost_emulators.testing.airtable import small_seed

ORDER = {"base_id": "appSmallShop00001", "record_id": "recOrder000000001", "field": "Papers"}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
async def call(airtable_emulator, connect, tmp_path):
    """Call a tool of a server that may touch the folder `files`."""
    (tmp_path / "files").mkdir()
    airtable = airtable_emulator(seed=small_seed())
    async with connect(airtable.url, api_key=airtable.token, files_dir=tmp_path / "files") as client:

        async def run(tool: str, **arguments):
            place = ORDER | ({"table_id": "Orders"} if tool == "read_attachment" else {})
            return await client.call_tool(tool, place | arguments, raise_on_error=False)

        yield run


async def test_a_text_is_uploaded_and_read(call) -> None:
    made = await call("upload_attachment", text="name,note\nAda,größer\n", filename="people.csv")
    (file,) = made.structured_content["attachments"]
    assert (file["filename"], file["size"], file["type"]) == ("people.csv", 23, "text/csv")
    read = await call("read_attachment", attachment="people.csv")
    assert read.content[0].text == "name,note\nAda,größer\n"
    assert "url" not in read.structured_content


async def test_a_picture_is_shown_as_a_picture(call) -> None:
    content = base64.encodebytes(PIXEL).decode()
    await call("upload_attachment", content=content, filename="pixel.png")
    (shown,) = (await call("read_attachment")).content
    assert (shown.type, shown.mime_type, base64.b64decode(shown.data)) == ("image", "image/png", PIXEL)


async def test_files_go_to_and_come_from_one_folder_only(call, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "files" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "files" / "plan.bin").write_bytes(bytes(range(256)))
    made = await call("upload_attachment", path="plan.bin")
    assert made.structured_content["attachments"][0]["filename"] == "plan.bin"
    for path in ("../secret.txt", str(tmp_path / "secret.txt"), "link.txt", ".", "a\0b", ""):
        refused = await call("upload_attachment", path=path)
        assert refused.structured_content["error"]["errors"][0]["field"] == "path", path
    (shown,) = (await call("read_attachment")).content
    assert (shown.resource.mime_type, base64.b64decode(shown.resource.blob)) == (
        "application/octet-stream",
        bytes(range(256)),
    )


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({}, ("invalid_input", "content")),
        ({"text": "a", "content": "YQ==", "filename": "a"}, ("invalid_input", "content")),
        ({"text": "a"}, ("invalid_input", "filename")),
        ({"content": "not base64!", "filename": "a"}, ("invalid_input", "content")),
        ({"path": "nowhere.txt"}, ("not_found", "path")),
        ({"path": "half \ud800.txt"}, ("invalid_input", "path")),
        ({"text": "half \ud800", "filename": "a.txt"}, ("invalid_input", "text")),
        ({"text": "a" * (5 * 1024 * 1024 + 1), "filename": "a.txt"}, ("too_large", "content")),
        ({"text": "a", "filename": "a.txt", "record_id": "rec1/../x"}, ("invalid_input", "record_id")),
        ({"text": "a", "filename": "a.txt", "record_id": "recNobody00000000"}, ("not_found", "record_id")),
        ({"text": "a", "filename": "a.txt", "field": "Paper"}, ("invalid_input", "field")),
        ({"text": "a", "filename": "a.txt", "field": "Number"}, ("invalid_input", "field")),
    ],
)
async def test_what_cannot_be_uploaded_is_named(call, arguments, refusal) -> None:
    error = (await call("upload_attachment", **arguments)).structured_content["error"]
    assert (error["code"], error["errors"][0]["field"]) == refusal


async def test_half_a_character_in_an_address_is_the_caller_s_mistake(call) -> None:
    error = (await call("upload_attachment", text="a", filename="a.txt", field="\ud800")).structured_content["error"]
    assert error["code"] == "invalid_input"


async def test_an_empty_cell_and_a_wrong_field_are_named(call) -> None:
    for arguments, place in (({}, "field"), ({"field": "Paper"}, "field"), ({"attachment": "x.pdf"}, "field")):
        error = (await call("read_attachment", **arguments)).structured_content["error"]
        assert (error["code"], error["errors"][0]["field"]) == ("not_found", place)


@pytest.mark.parametrize("url", ["http://[", "file:///etc/passwd", "javascript:alert(1)"])
async def test_a_file_without_a_web_address_is_not_fetched(airtable_emulator, connect, url: str) -> None:
    seed = small_seed()
    orders = seed["bases"][0]["records"]["tblOrders00000001"]
    orders[0]["fields"]["Papers"] = [{"id": "attHostile0000001", "url": url, "filename": "x.txt"}]
    airtable = airtable_emulator(seed=seed)
    async with connect(airtable.url, api_key=airtable.token) as client:
        answer = await client.call_tool("read_attachment", ORDER | {"table_id": "Orders"}, raise_on_error=False)
    assert answer.structured_content["error"]["code"] == "not_found"
