"""How every server of ours is started: one set of options, stdio or streamable HTTP.

A server's `__main__` is three lines: it names its settings, its `create_server`, and calls `serve`.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import uvicorn
from fastmcp import FastMCP
from starlette.types import ASGIApp

from smeboost_shared.errors import Misconfigured
from smeboost_shared.logs import configure_logs
from smeboost_shared.settings import Settings, SomeSettings, load, variable_of
from smeboost_shared.toolkit import keep_read_only_tools

CreateServer = Callable[[SomeSettings], FastMCP]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    command: str,
    settings: type[SomeSettings],
    create: CreateServer[SomeSettings],
    argv: list[str] | None = None,
) -> int:
    """Run the server that `create` makes until its client or a signal ends it; the exit status is returned."""
    options = _parser(command, settings).parse_args(argv)
    configure_logs(level=options.log_level)
    try:
        server = create(load(settings, **_overrides(options)))
    except Misconfigured as exc:
        sys.stderr.write(f"{command}: {exc.message}\n")
        return 2
    try:
        asyncio.run(_serve(server, options))
    except KeyboardInterrupt:
        return 130
    return 0


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    """What the command line says about settings."""
    toolsets: str | None = getattr(options, "toolsets", None)
    return {} if toolsets is None else {"toolsets": toolsets}


async def _serve(server: FastMCP, options: argparse.Namespace) -> None:
    if options.read_only:
        await keep_read_only_tools(server)
    if options.http:
        await _serve_http(server, options.host, options.port, options.allowed_host)
    else:
        await server.run_stdio_async(show_banner=False)


def http_app(server: FastMCP, *, allowed_hosts: list[str] | None = None) -> ASGIApp:
    """The streamable HTTP app at `/mcp`, with the Host and Origin guard on (MCP 2026-07-28, transports)."""
    return server.http_app(path="/mcp", host_origin_protection=True, allowed_hosts=allowed_hosts)


def _serve_http(server: FastMCP, host: str, port: int, allowed_hosts: list[str]) -> Awaitable[None]:
    app = http_app(server, allowed_hosts=[*LOOPBACK, *(f"{name}:*" for name in LOOPBACK), *allowed_hosts])
    config = uvicorn.Config(app, host=host, port=port, log_config=None, timeout_graceful_shutdown=5)
    return uvicorn.Server(config).serve()


def _parser(command: str, settings: type[Settings]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=command, description=_variables(settings))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--http", action="store_true", help="serve streamable HTTP at /mcp instead of stdio")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="HOST",
        help="a Host header to accept beside loopback; repeatable",
    )
    parser.add_argument("--read-only", action="store_true", help="offer only the tools that change nothing")
    if "toolsets" in settings.model_fields:
        text = f"families of tools to offer, with commas between them: {settings.model_fields['toolsets'].description}"
        parser.add_argument("--toolsets", metavar="NAMES", help=text)
    levels = ["DEBUG", "INFO", "WARNING", "ERROR"]
    parser.add_argument("--log-level", choices=levels, default=os.environ.get("SMEBOOST_LOG_LEVEL", "WARNING"))
    return parser


def _variables(settings: type[Settings]) -> str:
    lines = [(settings.__doc__ or "").strip().splitlines()[0], "", "Environment variables:"]
    for name, field in settings.model_fields.items():
        lines.append(f"  {variable_of(settings, name, field)}: {field.description or ''}")
    return "\n".join(lines)
