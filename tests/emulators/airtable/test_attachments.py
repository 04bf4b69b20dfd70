"""Attachments over plain HTTP: uploads and their errors, files fetched from URLs, addresses that end."""

import base64
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from smeboost_emulators.listening import bind, served_in_thread, url_of
from smeboost_emulators.testing.airtable import StartAirtable, small_seed
from smeboost_emulators.testing.waiting import until
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

ORDER, HAMMER = "recOrder000000001", "recProduct0000001"
UPLOAD = f"{ORDER}/Papers/uploadAttachment"
PAPERS = "fldOrderPapers001"
MEBIBYTE = 1024 * 1024


def picture(width: int, height: int, kind: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(content, kind, **options)
    return content.getvalue()


def body(content: bytes, filename: str = "a.bin", kind: str = "application/pdf") -> dict[str, str]:
    return {"contentType": kind, "filename": filename, "file": base64.b64encode(content).decode()}


def uploaded(send: Any, content: bytes, filename: str = "a.bin", kind: str = "application/pdf") -> dict[str, Any]:
    answer = send("POST", UPLOAD, json=body(content, filename, kind))
    assert answer.status_code == 200, answer.text
    return answer.json()["fields"][PAPERS][-1]


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """A server with files at `/files/<name>`, and some that are hard to get."""

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        content = picture(640, 480) if name.endswith(".png") else f"the file {name}".encode()
        kind = None if "untyped" in name else "image/png" if name.endswith(".png") else "text/plain; charset=utf-8"
        return Response(content, headers={} if kind is None else {"content-type": kind})

    async def redirect(request: Request) -> Response:
        left = request.path_params["left"]
        return RedirectResponse(f"/redirect/{left - 1}" if left > 1 else "/files/end.txt")

    async def elsewhere(_request: Request) -> Response:
        return RedirectResponse("file:///etc/passwd")

    async def cut_off(_request: Request) -> Response:
        return StreamingResponse(iter([b"half"]), headers={"content-length": "8"})

    routes = [
        Route("/files/{name}", file),
        Route("/redirect/{left:int}", redirect),
        Route("/elsewhere", elsewhere),
        Route("/cut-off", cut_off),
    ]
    with served_in_thread(Starlette(routes=routes)) as (url, _stop):
        yield url


def test_an_upload_of_five_mebibytes_comes_back_byte_for_byte(send) -> None:
    content = bytes(range(256)) * (5 * MEBIBYTE // 256)
    text = base64.encodebytes(content).decode()
    answer = send("POST", UPLOAD, json={"contentType": "application/zip", "filename": "a.zip", "file": text})
    assert answer.json().keys() == {"id", "createdTime", "fields"}
    assert answer.json()["fields"].keys() == {PAPERS}
    [attachment] = answer.json()["fields"][PAPERS]
    assert attachment.keys() == {"id", "url", "filename", "size", "type"}
    shown = (attachment["filename"], attachment["size"], attachment["type"])
    assert shown == ("a.zip", 5 * MEBIBYTE, "application/zip")
    got = httpx.get(attachment["url"])
    assert (got.headers["content-type"], got.content) == ("application/zip", content)
    assert got.headers["content-disposition"] == 'inline; filename="a.zip"'


def test_an_upload_appends_and_the_field_is_named_by_id_or_name(send) -> None:
    uploaded(send, b"one", "one.txt")
    answer = send("POST", f"{ORDER}/{PAPERS}/uploadAttachment", json=body(b"two", "two.txt")).json()
    assert [item["filename"] for item in answer["fields"][PAPERS]] == ["one.txt", "two.txt"]
    assert send("GET", f"Orders/{ORDER}").json()["fields"]["Papers"] == answer["fields"][PAPERS]


@pytest.mark.parametrize(
    "filename",
    ["Größe & Übersicht.pdf", "a/b\\c.txt", 'say "hi".txt', "\U0001f600.png", "semi;colon", "100%.csv", " x "],
)
def test_any_filename_is_kept_and_served(shared_send, filename: str) -> None:
    attachment = uploaded(shared_send, b"content", filename, "text/plain")
    assert attachment["filename"] == filename
    got = httpx.get(attachment["url"])
    assert (got.status_code, got.content) == (200, b"content")


def test_a_page_that_is_uploaded_does_not_run_in_a_browser(shared_send) -> None:
    got = httpx.get(uploaded(shared_send, b"<script>alert(1)</script>", "a.html", "text/html")["url"])
    assert got.headers["content-security-policy"] == "sandbox"
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (picture(1000, 662, "JPEG"), (1000, 662)),
        (picture(1000, 662, "WEBP"), (1000, 662)),
        (picture(1000, 662, "GIF"), (1000, 662)),
        (picture(1000, 662), (1000, 662)),
        (
            picture(662, 1000, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
            (1000, 662),
        ),
    ],
)
def test_an_image_has_its_size_and_three_smaller_pictures(shared_send, content: bytes, size: tuple[int, int]) -> None:
    attachment = uploaded(shared_send, content, "a", "image/x")
    assert (attachment["width"], attachment["height"]) == size
    sizes = {"small": (54, 36), "large": (773, 512), "full": (1000, 662)}
    for name, expected in sizes.items():
        shown = attachment["thumbnails"][name]
        assert (shown["width"], shown["height"]) == expected
        assert Image.open(io.BytesIO(httpx.get(shown["url"]).content)).size == expected


def test_a_small_image_is_not_made_larger(shared_send) -> None:
    attachment = uploaded(shared_send, picture(20, 10), "a.png", "image/png")
    assert {(item["width"], item["height"]) for item in attachment["thumbnails"].values()} == {(20, 10)}


def test_an_image_too_large_to_decode_is_measured_only(shared_send) -> None:
    content = bytearray(picture(1, 1))
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    attachment = uploaded(shared_send, bytes(content), "a.png", "image/png")
    assert (attachment["width"], attachment["height"], "thumbnails" in attachment) == (100_000, 100_000, False)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", picture(300, 300, "JPEG")[:400], b"GIF89a" + b"\xff" * 20]
)
def test_a_broken_image_is_a_file_like_any_other(shared_send, content: bytes) -> None:
    attachment = uploaded(shared_send, content, "a.png", "image/png")
    assert (attachment["size"], "thumbnails" in attachment) == (len(content), False)
    assert httpx.get(attachment["url"]).content == content


BAD_UPLOADS: list[tuple[str, dict[str, Any], int, str]] = [
    (UPLOAD, {}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"file": None}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"file": "not base64!"}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"file": "ü"}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"filename": ""}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"filename": ".."}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"filename": "x" * 256}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"filename": ["a"]}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"contentType": "no type"}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"contentType": "a/b\r\nX-Evil: 1"}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x") | {"typecast": True}, 422, "INVALID_REQUEST_UNKNOWN"),
    (UPLOAD, body(b"x" * (5 * MEBIBYTE + 1)), 413, "REQUEST_TOO_LARGE"),
    (UPLOAD, body(b"x" * (6 * MEBIBYTE)), 413, "REQUEST_TOO_LARGE"),
    (f"{ORDER}/Nothing/uploadAttachment", body(b"x"), 422, "UNKNOWN_FIELD_NAME"),
    (f"{ORDER}/Number/uploadAttachment", body(b"x"), 422, "INVALID_VALUE_FOR_COLUMN"),
    (f"{ORDER}/Serial/uploadAttachment", body(b"x"), 422, "INVALID_VALUE_FOR_COLUMN"),
    (f"{HAMMER}/Papers/uploadAttachment", body(b"x"), 422, "UNKNOWN_FIELD_NAME"),
    ("recNoSuchRecord01/Papers/uploadAttachment", body(b"x"), 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
]


@pytest.mark.parametrize(("path", "sent", "status", "kind"), BAD_UPLOADS)
def test_a_bad_upload_is_refused_and_changes_nothing(
    *, shared_send, path: str, sent: dict[str, Any], status: int, kind: str
) -> None:
    before = shared_send("GET", f"Orders/{ORDER}").json()
    answer = shared_send("POST", path, json=sent)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    after = shared_send("GET", f"Orders/{ORDER}").json()
    assert after["fields"].get("Papers") == before["fields"].get("Papers")


def test_an_upload_to_a_path_that_names_no_record_is_no_route(shared_send) -> None:
    answer = shared_send("POST", "Orders/Papers/uploadAttachment", json=body(b"x"))
    assert (answer.status_code, answer.json()) == (404, {"error": "NOT_FOUND"})


def test_only_those_who_may_write_may_upload(airtable_emulator: StartAirtable, plain_http) -> None:
    seed = small_seed()
    seed["bases"][0]["permissionLevel"] = "comment"
    answer = plain_http(airtable_emulator(seed=seed))("POST", UPLOAD, json=body(b"x"))
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "INVALID_PERMISSIONS")


def test_an_address_ends_after_two_hours_and_reading_again_gives_a_new_one(
    airtable_emulator: StartAirtable, plain_http
) -> None:
    emulator = airtable_emulator(seed=small_seed())
    send = plain_http(emulator)
    url = uploaded(send, b"content")["url"]
    emulator.emulator.clock.advance(2 * 3_600 - 1)
    assert httpx.get(url).content == b"content"
    emulator.emulator.clock.advance(601)
    ended = httpx.get(url)
    assert (ended.status_code, ended.json()["error"]["type"]) == (410, "ATTACHMENT_URL_EXPIRED")
    [again] = papers_of(send)
    assert again["url"] != url
    assert httpx.get(again["url"]).content == b"content"


@pytest.mark.parametrize(
    "forge",
    [
        lambda url: url.replace("/file/", "/full/"),
        lambda url: url.replace("a.bin", "b.bin"),
        lambda url: url.replace("application%2Fpdf", "text%2Fhtml"),
        lambda url: "/".join([*url.split("/")[:4], "9" * 12, *url.split("/")[5:]]),
        lambda url: "/".join([*url.split("/")[:5], "x" * 32, *url.split("/")[6:]]),
        lambda url: "/".join([*url.split("/")[:5], "%FF", *url.split("/")[6:]]),
        lambda url: url.rsplit("/", 3)[0] + "/..%2F..%2F..%2Fetc%2Fpasswd/a/b",
    ],
)
def test_an_address_that_was_changed_is_refused(shared_send, forge: Callable[[str], str]) -> None:
    url = uploaded(shared_send, b"content")["url"]
    forged = forge(url)
    assert forged != url
    answer = httpx.get(forged)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "ATTACHMENT_URL_INVALID")


def test_a_text_that_looks_like_a_reference_stays_a_text(shared_send) -> None:
    text = "emulator-file-0123456789abcdef01234567:file/" + "a" * 64 + "/text%2Fplain/a.txt"
    created = shared_send("POST", "Orders", json={"fields": {"Number": text}}).json()
    assert created["fields"]["Number"] == text


def write(send: Any, *papers: dict[str, Any], record: str = ORDER) -> dict[str, Any]:
    answer = send("PATCH", f"Orders/{record}", json={"fields": {"Papers": list(papers)}})
    assert answer.status_code == 200, answer.text
    return answer.json()


def papers_of(send: Any) -> list[dict[str, Any]]:
    return send("GET", f"Orders/{ORDER}").json()["fields"].get("Papers", [])


def test_a_url_is_fetched_before_the_answer_when_asked_for(
    airtable_emulator: StartAirtable, plain_http, origin: str
) -> None:
    send = plain_http(airtable_emulator(seed=small_seed(), attachment_fetch="sync"))
    record = write(
        send, {"url": f"{origin}/files/photo.png?size=1"}, {"url": f"{origin}/redirect/3", "filename": "n.txt"}
    )
    photo, text = record["fields"]["Papers"]
    assert "details" not in record
    assert (photo["filename"], photo["type"], photo["width"], photo["height"]) == ("photo.png", "image/png", 640, 480)
    assert httpx.get(photo["url"]).content == picture(640, 480)
    assert (text["filename"], text["type"], text["size"]) == ("n.txt", "text/plain", 16)
    assert httpx.get(text["url"]).content == b"the file end.txt"
    assert send("GET", f"Orders/{ORDER}").json() == record


def test_a_url_is_fetched_after_the_answer_by_default(
    airtable_emulator: StartAirtable, plain_http, origin: str
) -> None:
    send = plain_http(airtable_emulator(seed=small_seed(), attachment_fetch="async"))
    url = f'{origin}/files/a"b.txt?q=ü%22&x=/\\'
    [first] = write(send, {"url": url, "filename": "a.txt"})["fields"]["Papers"]
    assert first == {"id": first["id"], "url": url, "filename": "a.txt"}

    def arrived() -> Any:
        [paper] = papers_of(send)
        return paper if "size" in paper else None

    paper = until(arrived)
    assert (paper["id"], paper["filename"], paper["type"]) == (first["id"], "a.txt", "text/plain")
    assert httpx.get(paper["url"]).content == b'the file a"b.txt'


def test_a_type_that_a_server_does_not_tell_follows_from_the_name(
    airtable_emulator: StartAirtable, plain_http, origin: str
) -> None:
    send = plain_http(airtable_emulator(seed=small_seed(), attachment_fetch="sync"))
    named = {"url": f"{origin}/files/untyped", "filename": "a.pdf"}
    [known, unknown] = write(send, named, {"url": f"{origin}/files/untyped"})["fields"]["Papers"]
    assert (known["type"], unknown["type"]) == ("application/pdf", "application/octet-stream")


@pytest.mark.parametrize("path", ["/missing", "/redirect/4", "/elsewhere", "/cut-off"])
def test_a_file_that_cannot_be_had_is_dropped_and_the_answer_says_so(
    airtable_emulator: StartAirtable, plain_http, origin: str, path: str
) -> None:
    send = plain_http(airtable_emulator(seed=small_seed(), attachment_fetch="sync"))
    record = write(send, {"url": f"{origin}{path}"}, {"url": f"{origin}/files/good.txt"})
    assert [paper["filename"] for paper in record["fields"]["Papers"]] == ["good.txt"]
    assert record["details"] == {"message": "partialSuccess", "reasons": ["attachmentsFailedUploading"]}
    batch = {"records": [{"fields": {"Number": "B", "Papers": [{"url": f"{origin}{path}"}]}}]}
    created = send("POST", "Orders", json=batch).json()
    assert created["details"]["reasons"] == ["attachmentsFailedUploading"]
    assert "Papers" not in created["records"][0]["fields"]


def test_a_url_that_nobody_answers_is_dropped_later_when_fetched_later(
    airtable_emulator: StartAirtable, plain_http
) -> None:
    send = plain_http(airtable_emulator(seed=small_seed(), attachment_fetch="async"))
    assert "details" not in write(send, {"url": "http://127.0.0.1:1/a.txt"})
    assert until(lambda: papers_of(send) == [])


def test_a_fetch_that_hangs_holds_up_nobody_and_goes_on_after_a_restart(
    airtable_emulator: StartAirtable, plain_http, origin: str, tmp_path: Path
) -> None:
    with closing(bind("127.0.0.1", 0)) as silent:
        url = f"{url_of(silent)}/slow.txt"
        first = airtable_emulator(seed=small_seed(), data=tmp_path, attachment_fetch="async")
        send = plain_http(first)
        write(send, {"url": url}, {"url": f"{origin}/files/quick.txt"})
        until(lambda: "size" in papers_of(send)[1])
        slow = papers_of(send)[0]
        assert slow == {"id": slow["id"], "url": url, "filename": "slow.txt"}
        first.stop()
    # Nobody listens there any more, so what was still awaited is dropped now; what had come is there.
    again = plain_http(airtable_emulator(data=tmp_path, attachment_fetch="async"))
    [quick] = until(lambda: found if len(found := papers_of(again)) == 1 else None)
    assert (quick["filename"], httpx.get(quick["url"]).content) == ("quick.txt", b"the file quick.txt")
