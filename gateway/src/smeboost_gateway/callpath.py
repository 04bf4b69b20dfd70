"""The way of every tool call, over REST and over MCP: one list of named steps.

    identity -> rate limit        `gate.py`, once for each HTTP request, because an MCP message need not be a call
    permission -> cache -> call   the steps here, once for each call

A step gets the call and what comes after it. A step that is added to the list (a field mask, the audit) holds for
every transport at once. The answer is the tool's structured result as JSON bytes, made once and passed on as they are.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import msgspec
from fastmcp.tools.base import ToolResult
from smeboost_redis.cache import Cache
from smeboost_redis.client import RedisClient
from smeboost_shared.errors import OutcomeUnknown, SmeBoostError, StoreUnavailable, VendorTimeout
from smeboost_shared.logs import get_logger
from smeboost_shared.toolkit import error_of

from smeboost_gateway.cache_rules import invalidated_tags, rule_for
from smeboost_gateway.identity import Identity
from smeboost_gateway.metrics import Metrics
from smeboost_gateway.policy import ServerName, check_role
from smeboost_gateway.settings import GatewaySettings
from smeboost_gateway.tools import ConnectionLost, Tools

ETAG_BYTES = 16
CACHE_NAMESPACE = "gateway-cache"

log = get_logger("gateway")


class Call(msgspec.Struct, frozen=True):
    """One call of one tool by one person."""

    identity: Identity
    server: ServerName
    tool: str
    arguments: dict[str, Any]


class Answer(msgspec.Struct, frozen=True):
    """What the tool returned: `body` is its structured result as JSON."""

    body: bytes
    etag: str | None = None
    """Present when the answer may be cached."""
    cached: bool = False
    result: ToolResult | None = None
    """The tool's own result; absent when the answer came out of the cache."""


Proceed = Callable[[Call], Awaitable[Answer]]


class Step(Protocol):
    """One thing that happens to every call."""

    name: str

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """Answer, refuse, or proceed."""
        ...


class CallPath:
    """The steps in their order, as one function."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)
        run: Proceed = _nothing_left
        for step in reversed(self.steps):
            run = _before(step, run)
        self._run = run

    async def __call__(self, call: Call) -> Answer:
        """Take the call through all steps.

        Raises:
            SmeBoostError: a step refused, or the tool failed.
        """
        return await self._run(call)


def _before(step: Step, proceed: Proceed) -> Proceed:
    async def run(call: Call) -> Answer:
        return await step(call, proceed)

    return run


async def _nothing_left(call: Call) -> Answer:
    raise AssertionError(f"no step answered {call.server}.{call.tool}")


class Permission:
    """Only the roles that `policy.RULES` names may call a tool."""

    name = "permission"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """Refuse with `ToolForbidden`, or proceed."""
        read_only = await self._tools.is_read_only(call.server, call.tool)
        check_role(call.identity.role, call.server, call.tool, read_only=read_only)
        return await proceed(call)


class ResponseCache:
    """Keeps answers of reading tools for a short time; a write through this gateway drops those it may have changed.

    An entry is shared by all who see the same: its key is the policy view (workspace and role) and the call.
    """

    name = "cache"

    def __init__(self, cache: Cache, settings: GatewaySettings, metrics: Metrics) -> None:
        self._cache, self._settings, self._metrics = cache, settings, metrics
        self._writing: set[asyncio.Task[Answer]] = set()

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        """Answer from the cache, or proceed and keep the answer."""
        rule = rule_for(call.server, call.tool, self._settings)
        if rule is None:
            return await self._changing(call, proceed)
        if rule.ttl_seconds == 0:
            return await proceed(call)
        fresh: list[Answer] = []

        async def compute() -> bytes:
            answer = await proceed(call)
            fresh.append(answer)
            return _etag(answer.body) + answer.body

        stored = await self._cache.get_or_compute(
            _key(call), compute, ttl_seconds=rule.ttl_seconds, tags=rule.tags(call.arguments)
        )
        self._metrics.cache(call.server, hit=not fresh)
        return Answer(
            body=stored[ETAG_BYTES:],
            etag=stored[:ETAG_BYTES].decode(),
            cached=not fresh,
            result=fresh[0].result if fresh else None,
        )

    async def _changing(self, call: Call, proceed: Proceed) -> Answer:
        tags = invalidated_tags(call.server, call.tool, call.arguments)
        if not tags:
            return await proceed(call)
        # When its caller leaves, a write that was sent happens all the same: what it makes stale must still go.
        writing = asyncio.create_task(self._write(call, proceed, tags))
        self._writing.add(writing)
        writing.add_done_callback(self._written)
        return await asyncio.shield(writing)

    async def _write(self, call: Call, proceed: Proceed, tags: tuple[str, ...]) -> Answer:
        try:
            return await proceed(call)
        finally:
            # Also after a failure: of a write that timed out nobody knows whether it happened.
            await self._invalidate(tags)

    def _written(self, writing: asyncio.Task[Answer]) -> None:
        self._writing.discard(writing)
        if not writing.cancelled():
            writing.exception()  # raised to the caller, unless nobody waits any more

    async def _invalidate(self, tags: tuple[str, ...]) -> None:
        try:
            await self._cache.invalidate(*tags)
        except StoreUnavailable:
            # The write itself has happened and must be answered; the entries end by themselves within seconds.
            self._metrics.degraded("cache_invalidation")
            log.warning("cache_not_invalidated", tags=tags)


class ToolCall:
    """Calls the tool, with an end to the waiting."""

    name = "call"

    def __init__(self, tools: Tools, settings: GatewaySettings, metrics: Metrics) -> None:
        self._tools, self._metrics = tools, metrics
        self._timeout_seconds = settings.call_timeout_seconds

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:  # the last step
        """Answer with the tool's result, or raise the error that it carries."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                result = await self._tools.call(call.server, call.tool, call.arguments)
        except TimeoutError:
            self._metrics.tool_call(call.server, call.tool, "timeout")
            raise await self._unanswered(call, VendorTimeout()) from None
        except ConnectionLost as exc:
            self._metrics.tool_call(call.server, call.tool, exc.code)
            raise await self._unanswered(call, exc) from exc
        error = error_of(result)
        self._metrics.tool_call(call.server, call.tool, error.code if error else "ok")
        if error is not None:
            raise error
        return Answer(body=msgspec.json.encode(result.structured_content), result=result)

    async def _unanswered(self, call: Call, error: SmeBoostError) -> SmeBoostError:
        """A read may simply be repeated; of a write nobody knows whether it happened."""
        read_only = await self._tools.is_read_only(call.server, call.tool)
        return error if read_only else OutcomeUnknown()


def call_path(tools: Tools, store: RedisClient, settings: GatewaySettings, metrics: Metrics) -> CallPath:
    """The way of every call, for the gateway's doors and for its worker alike."""
    cache = Cache(store, CACHE_NAMESPACE)
    return CallPath([Permission(tools), ResponseCache(cache, settings, metrics), ToolCall(tools, settings, metrics)])


def _key(call: Call) -> str:
    """What everybody who sees the same, and asks the same, has in common."""
    view = (call.identity.workspace_id, call.identity.role, call.server, call.tool, call.arguments)
    return hashlib.sha256(msgspec.json.encode(view, order="sorted")).hexdigest()


def _etag(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:ETAG_BYTES].encode()
