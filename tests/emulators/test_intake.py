"""A caller who goes away in the middle of a body is nobody's fault: no traceback, and the next one is served."""

import logging
import socket
from urllib.parse import urlsplit

import httpx
import pytest

SEED = {
    "bases": [
        {
            "id": "appAAAAAAAAAAAAAA",
            "name": "B",
            "tables": [{"name": "T", "fields": [{"name": "N", "type": "singleLineText"}]}],
        }
    ]
}


@pytest.fixture(params=["airtable", "bedrock", "supabase"])
def served(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """The URL of an emulator, a path that reads a body, and the headers it asks for."""
    if request.param == "airtable":
        return (
            request.getfixturevalue("airtable_emulator")(seed=SEED).url,
            "/v0/appAAAAAAAAAAAAAA/T",
            "authorization: Bearer x",
        )
    if request.param == "bedrock":
        return request.getfixturevalue("bedrock_emulator").url, "/model/x/converse", "authorization: Bearer x"
    backend = request.getfixturevalue("supabase_backend")
    return backend.url, "/auth/v1/token?grant_type=password", f"apikey: {backend.anon_key}"


@pytest.mark.parametrize("framing", ["content-length: 100\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n5\r\nab"])
def test_a_body_that_is_cut_off_leaves_no_trace(
    served: tuple[str, str, str], framing: str, caplog: pytest.LogCaptureFixture
) -> None:
    url, path, header = served
    caplog.set_level(logging.ERROR)
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\n{header}\r\n{framing}".encode())
    assert httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    assert [record.message for record in caplog.records] == []
