"""Is it alive, and is it of use: `/healthz` asks nobody, `/readyz` asks the store and the servers' vendors."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from pydantic import BaseModel, Field
from smeboost_redis.client import RedisClient
from smeboost_shared.errors import NotPermitted, SmeBoostError, VendorTimeout
from smeboost_shared.logs import get_logger
from smeboost_shared.toolkit import error_of
from starlette.responses import Response

from smeboost_gateway.metrics import Metrics
from smeboost_gateway.operations import AnyOperation, Ask, Nothing, Operation
from smeboost_gateway.policy import ServerName
from smeboost_gateway.settings import GatewaySettings
from smeboost_gateway.tools import Arguments, Tools

FRESH_SECONDS = 2.0
"""An answer of /readyz is kept so long, because each costs a request of the Airtable account's allowance."""

log = get_logger("gateway")


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Each thing that requests depend on: `ok`, or the code of its error."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str] = Field(examples=[{"valkey": "ok", "supabase": "ok", "airtable": "vendor_unavailable"}])


class HealthRoutes:
    """What an orchestrator and an operator ask."""

    def __init__(self, settings: GatewaySettings, store: RedisClient, tools: Tools, metrics: Metrics) -> None:
        self._store, self._tools, self._metrics = store, tools, metrics
        self._timeout_seconds = settings.ready_timeout_seconds
        self._asking = asyncio.Lock()
        self._last: tuple[float, dict[str, str]] | None = None

    def operations(self) -> list[AnyOperation]:
        """All public: they say nothing about anybody's data."""
        return [
            Operation("GET", "/healthz", "The process", self.alive, Nothing, Nothing, {200: Health}, public=True),
            Operation(
                "GET",
                "/readyz",
                "Its stores and servers",
                self.ready,
                Nothing,
                Nothing,
                {200: Readiness, 503: Readiness},
                public=True,
            ),
            Operation("GET", "/metrics", "For Prometheus", self.numbers, Nothing, Nothing, {200: None}, public=True),
        ]

    async def alive(self, _ask: Ask[Nothing, Nothing]) -> Response:
        """Answers while the process can."""
        return Response(b'{"status":"ok"}', media_type="application/json", headers={"Cache-Control": "no-store"})

    async def ready(self, _ask: Ask[Nothing, Nothing]) -> Response:
        """503 names what cannot be reached."""
        async with self._asking:
            if self._last is None or time.monotonic() - self._last[0] > FRESH_SECONDS:
                checks = await self._ask_all()
                # As old as its end: those who waited for it must not ask one after the other.
                self._last = (time.monotonic(), checks)
        checks = self._last[1]
        ready = all(outcome == "ok" for outcome in checks.values())
        body = Readiness(status="ready" if ready else "not_ready", checks=checks)
        return Response(
            msgspec.json.encode(body.model_dump()),
            200 if ready else 503,
            {"Cache-Control": "no-store"},
            "application/json",
        )

    async def numbers(self, _ask: Ask[Nothing, Nothing]) -> Response:
        """Prometheus' text format."""
        return self._metrics.response()

    async def _ask_all(self) -> dict[str, str]:
        checks: dict[str, Callable[[], Awaitable[None]]] = {
            "valkey": self._store.ping,
            # Reads one row of a table that the migrations make: sign-in depends on both.
            "supabase": lambda: self._call("supabase", "select_rows", {"table": "workspaces", "limit": 1}),
            "airtable": lambda: self._call("airtable", "list_bases", {}),
        }
        outcomes = await asyncio.gather(*(self._outcome(name, check) for name, check in checks.items()))
        return dict(zip(checks, outcomes, strict=True))

    async def _outcome(self, name: str, check: Callable[[], Awaitable[None]]) -> str:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await check()
        except SmeBoostError as exc:
            log.warning("not_ready", what=name, code=exc.code)
            return exc.code
        except TimeoutError:
            log.warning("not_ready", what=name, code=VendorTimeout.code)
            return VendorTimeout.code
        return "ok"

    async def _call(self, server: ServerName, tool: str, arguments: Arguments) -> None:
        error = error_of(await self._tools.call(server, tool, arguments))
        if error is not None:
            # It answered, and the right to look is not what is asked here.
            if isinstance(error, NotPermitted):
                return
            raise error
