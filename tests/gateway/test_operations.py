"""Running it: health, numbers, pages, the document, remote servers, a store that goes away."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_pydantic import OpenAPI
from prometheus_client.parser import text_string_to_metric_families
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.stores.valkey import running_valkey
from smeboost_gateway.health import FRESH_SECONDS
from smeboost_redis.settings import RedisSettings
from smeboost_shared.settings import load

PRODUCTS = "/api/airtable/records/appSmallShop00001/tblProducts000001"
PUBLIC = {"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/api/auth/login", "/api/auth/refresh"}


async def test_the_process_is_alive_and_ready(gateway):
    assert (await gateway.http.get("/healthz")).json() == {"status": "ok"}
    ready = await gateway.http.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"valkey": "ok", "supabase": "ok", "airtable": "ok"})


async def test_what_cannot_be_reached_is_named(start_gateway, gateway):
    nowhere = "http://127.0.0.1:9"
    lost = await start_gateway(
        airtable=gateway.settings.airtable.model_copy(update={"endpoint_url": nowhere}),
        supabase=gateway.settings.supabase.model_copy(update={"url": nowhere}),
    )
    ready = await lost.http.get("/readyz")
    assert ready.status_code == 503
    checks = {"valkey": "ok", "supabase": "vendor_unavailable", "airtable": "vendor_unavailable"}
    assert ready.json() == {"status": "not_ready", "checks": checks}


async def test_many_who_ask_whether_it_is_ready_wait_for_one_answer(start_gateway, gateway):
    asked: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _reader, writer: asked.append(writer), "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    slow = await start_gateway(
        airtable=gateway.settings.airtable.model_copy(update={"endpoint_url": endpoint}),
        ready_timeout_seconds=FRESH_SECONDS + 0.1,
    )
    answers = await asyncio.gather(*(slow.http.get("/readyz") for _ in range(3)))
    assert [answer.json()["checks"]["airtable"] for answer in answers] == ["vendor_timeout"] * 3
    assert len(asked) == 1
    for writer in asked:
        writer.close()
    silent.close()


async def test_requests_calls_and_lookups_are_counted(own_gateway):
    for _ in range(3):
        await own_gateway.ask("GET", PRODUCTS)
    await own_gateway.http.get("/nothing/at/all")
    text = (await own_gateway.http.get("/metrics")).text
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    route = ("route", "/api/airtable/records/{baseId}/{tableId}")
    assert samples["smeboost_requests_total", ("method", "GET"), route, ("status", "200")] == 3
    assert samples["smeboost_requests_total", ("method", "GET"), ("route", "unmatched"), ("status", "404")] == 1
    assert samples["smeboost_cache_lookups_total", ("outcome", "hit"), ("server", "airtable")] == 2
    assert samples["smeboost_request_seconds_count", route] == 3
    assert "nothing" not in text


async def test_the_document_is_valid_and_every_operation_in_it_answers(gateway):
    document = (await gateway.http.get("/openapi.json")).json()
    parsed = OpenAPI.model_validate(document)
    assert parsed.openapi.startswith("3.1")
    references = set(
        re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', (await gateway.http.get("/openapi.json")).text)
    )
    assert references <= set(document["components"]["schemas"])
    for path, methods in document["paths"].items():
        for method in methods:
            answer = await gateway.ask(method.upper(), re.sub(r"\{\w+\}", "x", path), who="viewer")
            if path == "/api/auth/logout":
                gateway._tokens.pop("viewer")
            assert answer.status_code not in (405, 500), (method, path, answer.text)
            if answer.status_code == 404:
                assert "There is nothing at" not in answer.text


async def test_all_but_the_public_operations_want_a_token(gateway):
    document = (await gateway.http.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answer = await gateway.http.request(method.upper(), re.sub(r"\{\w+\}", "x", path))
            assert (answer.status_code == 401) == (path not in PUBLIC), (method, path)
            assert (operation.get("security") == []) == (path in PUBLIC)


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_need_nothing_from_elsewhere(gateway, path):
    page = await gateway.http.get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert not re.search(r'(src|href)="(https?:)?//', page.text)


async def test_the_start_page_tells_how_to_begin(gateway):
    text = (await gateway.http.get("/")).text
    for word in ("/docs", "/openapi.json", "/healthz", "/api/auth/login", f"{gateway.url}/mcp"):
        assert word in text


async def test_a_store_that_is_gone_is_said_so_and_found_again(start_gateway, tmp_path: Path):
    port = free_port()
    async with running_valkey(tmp_path, port=port) as valkey:
        redis = load(RedisSettings, url=valkey.url, connect_timeout_seconds=0.5)
        gateway = await start_gateway(redis=redis)
        assert (await gateway.ask("GET", PRODUCTS)).status_code == 200
    for path in (PRODUCTS, "/api/auth/me"):
        lost = await gateway.ask("GET", path)
        assert (lost.status_code, lost.json()["code"], lost.json()["retryable"]) == (503, "store_unavailable", True)
        assert int(lost.headers["retry-after"]) >= 1
    assert (await gateway.http.get("/healthz")).status_code == 200
    assert (await gateway.http.get("/readyz")).json()["checks"]["valkey"] == "store_unavailable"
    async with running_valkey(tmp_path, port=port):
        assert (await gateway.ask("GET", PRODUCTS)).status_code == 200


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smeboost_gateway"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_missing_setting_is_one_line_and_status_2():
    ended = start()
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "REDIS_URL" in ended.stderr


def test_a_short_secret_is_refused_with_the_way_to_make_one():
    ended = start(
        SMEBOOST_JWT_SECRET="too-little",
        REDIS_URL="redis://127.0.0.1:1",
        AIRTABLE_API_KEY="pat",
        SUPABASE_URL="http://127.0.0.1:1",
        SUPABASE_KEY="key",
        AWS_REGION="us-east-1",
    )
    assert ended.returncode == 2
    assert "SMEBOOST_JWT_SECRET" in ended.stderr
    assert "openssl rand" in ended.stderr
    assert "too-little" not in ended.stderr
