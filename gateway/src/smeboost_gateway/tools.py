"""The four servers' tools, wherever they run.

A server runs in this process unless its URL is set; then one client is connected to it, by its first call, and kept
(a session for each call costs a hundred times more, and a proxy would forward the caller's token).
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, Protocol

import httpx2
from fastmcp import Client, FastMCP
from fastmcp.server.providers.proxy import ProxyProvider
from fastmcp.tools.base import ToolResult
from mcp.shared.exceptions import MCPError
from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT
from smeboost_airtable.server import create_server as create_airtable
from smeboost_airtable.settings import AirtableSettings
from smeboost_bedrock.server import create_server as create_bedrock
from smeboost_bedrock.settings import BedrockSettings
from smeboost_redis.server import create_server as create_redis
from smeboost_shared.errors import VendorBadAnswer, VendorUnavailable
from smeboost_shared.settings import load
from smeboost_shared.toolkit import is_read_only
from smeboost_supabase.server import create_server as create_supabase
from smeboost_supabase.settings import SupabaseSettings

from smeboost_gateway.policy import ServerName, UnknownTool
from smeboost_gateway.settings import GatewaySettings

Arguments = Mapping[str, Any]


class ConnectionLost(VendorUnavailable):
    """The server was lost; a call that was under way may or may not have happened."""


class ToolServer(Protocol):
    """A server whose tools can be called."""

    async def call(self, tool: str, arguments: Arguments) -> ToolResult:
        """Call one of its tools; what the tool raises is a failed result."""
        ...

    async def read_only_tools(self) -> Mapping[str, bool]:
        """Its tools by name: whether each changes nothing."""
        ...

    def mount_on(self, aggregate: FastMCP, namespace: str) -> None:
        """Show its tools on `aggregate` as `namespace_tool`."""
        ...


class LocalServer:
    """A server in this process; it runs while the aggregate that it is mounted on runs."""

    def __init__(self, server: FastMCP) -> None:
        self._server = server

    async def call(self, tool: str, arguments: Arguments) -> ToolResult:
        """Call the tool directly: no protocol, no client."""
        return await self._server.call_tool(tool, dict(arguments))

    async def read_only_tools(self) -> Mapping[str, bool]:
        """Its tools by name."""
        return {tool.name: is_read_only(tool) for tool in await self._server.list_tools(run_middleware=False)}

    def mount_on(self, aggregate: FastMCP, namespace: str) -> None:
        """Mount it; the aggregate runs its lifespan."""
        aggregate.mount(self._server, namespace=namespace)


class RemoteServer:
    """A server at a URL, behind one connected client that is made again when its connection broke."""

    def __init__(self, name: str, url: str, timeout_seconds: float) -> None:
        self._name, self._url, self._timeout_seconds = name, url, timeout_seconds
        self._client: Client[Any] | None = None
        self._connecting = asyncio.Lock()

    async def call(self, tool: str, arguments: Arguments) -> ToolResult:
        """Call the tool over the kept connection.

        Raises:
            VendorUnavailable: the server cannot be reached.
            ConnectionLost: it was lost before it answered.
            VendorBadAnswer: it does not speak MCP as we do.
        """
        client = await self._connected()
        with self._translated():
            result = await client.call_tool_mcp(tool, dict(arguments))
        return ToolResult(
            content=result.content, structured_content=result.structured_content, is_error=bool(result.is_error)
        )

    async def read_only_tools(self) -> Mapping[str, bool]:
        """Its tools by name."""
        client = await self._connected()
        with self._translated():
            tools = await client.list_tools()
        return {tool.name: bool(tool.annotations and tool.annotations.read_only_hint) for tool in tools}

    def mount_on(self, aggregate: FastMCP, namespace: str) -> None:
        """Show what it lists; calls go through `call`."""
        aggregate.add_provider(ProxyProvider(self._connected), namespace=namespace)

    async def close(self) -> None:
        """End the connection, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            # What had ended before says so once more, and nobody is left to hear it.
            with suppress(MCPError, httpx2.HTTPError, RuntimeError):
                await client.close()

    async def _connected(self) -> Client[Any]:
        async with self._connecting:
            if self._client is not None and self._client.is_connected():
                return self._client
            await self.close()
            client: Client[Any] = Client(self._url, timeout=self._timeout_seconds)
            try:
                with self._translated():
                    await client.__aenter__()
            except ConnectionLost as exc:
                # Nothing was asked yet, so nothing can have happened.
                raise VendorUnavailable(exc.message, retry_after_seconds=exc.retry_after_seconds) from exc
            self._client = client
            return client

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except MCPError as exc:
            if exc.error.code not in (CONNECTION_CLOSED, REQUEST_TIMEOUT):
                raise VendorBadAnswer(f"The {self._name} server answered in a way we do not understand.") from exc
            raise self._lost() from exc
        except (httpx2.HTTPError, RuntimeError, TimeoutError) as exc:
            # FastMCP says "the connection is gone" with a RuntimeError.
            raise self._lost() from exc

    def _lost(self) -> ConnectionLost:
        return ConnectionLost(f"The {self._name} server cannot be reached.", retry_after_seconds=1)


class Tools:
    """All servers under their names."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._servers = _servers(settings)
        self._read_only: dict[ServerName, Mapping[str, bool]] = {}

    async def call(self, server: ServerName, tool: str, arguments: Arguments) -> ToolResult:
        """Call a tool; an error of the tool is a failed result."""
        return await self._servers[server].call(tool, arguments)

    async def is_read_only(self, server: ServerName, tool: str) -> bool:
        """Whether the tool changes nothing.

        Raises:
            UnknownTool: there is no such tool.
        """
        tools = self._read_only.get(server)
        if tools is None or tool not in tools:
            tools = self._read_only[server] = await self._servers[server].read_only_tools()
        if tool not in tools:
            raise UnknownTool(f"There is no tool {tool!r} at {server!r}.", hint="List the tools first.")
        return tools[tool]

    def mount_on(self, aggregate: FastMCP) -> None:
        """Show every server's tools on `aggregate`."""
        for name, server in self._servers.items():
            server.mount_on(aggregate, name)

    @asynccontextmanager
    async def connections(self) -> AsyncGenerator[None]:
        """Closes at the end what the calls opened."""
        async with AsyncExitStack() as stack:
            for server in self._servers.values():
                if isinstance(server, RemoteServer):
                    stack.push_async_callback(server.close)
            yield


def _servers(settings: GatewaySettings) -> dict[ServerName, ToolServer]:
    """Each server in this process, or where its URL says."""
    found: dict[ServerName, ToolServer] = {}

    def place(name: ServerName, url: str | None, create: Callable[[], FastMCP]) -> None:
        found[name] = RemoteServer(name, url, settings.call_timeout_seconds) if url else LocalServer(create())

    place("airtable", settings.airtable_mcp_url, lambda: create_airtable(settings.airtable or load(AirtableSettings)))
    place("supabase", settings.supabase_mcp_url, lambda: create_supabase(settings.supabase or load(SupabaseSettings)))
    place("redis", settings.redis_mcp_url, lambda: create_redis(settings.redis))
    place("bedrock", settings.bedrock_mcp_url, lambda: create_bedrock(settings.bedrock or load(BedrockSettings)))
    return found
