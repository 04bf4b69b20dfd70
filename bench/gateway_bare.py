"""The baselines of `bench_gateway.py`: `python bench/gateway_bare.py starlette|fastmcp PORT FILE`.

Both give the page in FILE (a list of records as JSON), served with the same loop and parser as the gateway. `fastmcp`
offers it as one typed tool, with nothing around it: no identity, no limit, no cache.
"""

import sys
from pathlib import Path

import uvicorn
from fastmcp import FastMCP
from smeboost_airtable.models import RecordPage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def starlette_app(body: bytes) -> Starlette:
    async def page(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/page", page)])


def fastmcp_app(body: bytes) -> Starlette:
    page, server = RecordPage.model_validate_json(body), FastMCP("bare")

    @server.tool
    async def airtable_list_records(base_id: str, table_id: str, page_size: int = 100) -> RecordPage:
        assert base_id
        assert table_id
        assert page_size
        return page

    return server.http_app(path="/mcp")


if __name__ == "__main__":
    kind, port, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    app = {"starlette": starlette_app, "fastmcp": fastmcp_app}[kind](file.read_bytes())
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
