"""The gateway as a process."""

import argparse
import os
import sys

import uvicorn
from smeboost_shared.errors import Misconfigured
from smeboost_shared.logs import configure_logs
from smeboost_shared.settings import load
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from smeboost_gateway.app import create_app
from smeboost_gateway.settings import GatewaySettings

GRACE_SECONDS = 5
KEEP_ALIVE_SECONDS = 30
CONNECTIONS_MAX = 2000
HEAD_SLACK_BYTES = 65_536
"""A head that is whole and only this much too large gets the clear answer of `edge.SizeLimits`."""


def uvicorn_config(settings: GatewaySettings, *, host: str, port: int) -> uvicorn.Config:
    """How the gateway is served: fast loop and parser, no access log, a bounded number of connections."""
    return uvicorn.Config(
        create_app(settings),
        host=host,
        port=port,
        loop="uvloop",
        http=bounded_heads(settings.url_bytes_max + settings.header_bytes_max + HEAD_SLACK_BYTES),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=list(settings.forwarded_allow_ips),
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def bounded_heads(bytes_max: int) -> type[HttpToolsProtocol]:
    """The server's parser on httptools, which gives up on a head that does not end.

    By itself it keeps what a client sends until the head is whole, however much that is, and only then asks us.
    """

    class BoundedHeads(HttpToolsProtocol):
        _in_head = True
        _head_bytes = 0

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > bytes_max and not self.transport.is_closing():
                    self.send_400_response("The request head is too large.")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_head, self._head_bytes = True, 0

        def on_headers_complete(self) -> None:
            super().on_headers_complete()
            self._in_head = False

    return BoundedHeads


def run(argv: list[str] | None = None) -> int:
    """Serve until a signal ends it; the exit status is returned."""
    parser = argparse.ArgumentParser(prog="python -m smeboost_gateway", description=GatewaySettings.__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
    options = parser.parse_args(argv)
    configure_logs(level=os.environ.get("SMEBOOST_LOG_LEVEL", "WARNING"))
    try:
        config = uvicorn_config(load(GatewaySettings), host=options.host, port=options.port)
    except Misconfigured as exc:
        sys.stderr.write(f"smeboost gateway: {exc.message}\n")
        return 2
    try:
        uvicorn.Server(config).run()
    except KeyboardInterrupt:
        return 130
    return 0
