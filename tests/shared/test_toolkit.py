"""How every tool of ours fails, is annotated and is hidden; and that the hook into FastMCP still is where we use it."""

from typing import Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.utilities.tests import asgi_client
from smeboost_shared.errors import HTTP_STATUS, ErrorBody, FieldProblem, RateLimited, SmeBoostError, TokenExpired
from smeboost_shared.toolkit import DELETE, READ, error_of, keep_read_only_tools, tool_server


@pytest.fixture
def server() -> FastMCP:
    mcp = tool_server("shared", instructions="A server of the tests.")

    @mcp.tool(annotations=READ)
    async def get_page(page_size: int, cursor: str | None = None) -> dict[str, int]:
        """A page."""
        if page_size == 1:
            raise RateLimited(retry_after_seconds=30)
        if page_size == 2:
            raise ValueError("a secret detail")
        return {"page_size": page_size}

    @mcp.tool(annotations=DELETE)
    async def delete_page() -> dict[str, int]:
        """No page."""
        return {}

    return mcp


async def error_from(server: FastMCP, mode: str, **arguments: object) -> ErrorBody:
    async with Client(server, mode=mode) as client:
        result = await client.call_tool("get_page", arguments, raise_on_error=False)
    assert result.is_error
    assert result.structured_content is not None
    return ErrorBody.model_validate(result.structured_content["error"])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_error_keeps_its_code_over_the_protocol(server: FastMCP, mode: str) -> None:
    error = await error_from(server, mode, page_size=1)
    assert (error.code, error.retryable, error.retry_after_seconds) == ("rate_limited", True, 30)


async def test_an_error_is_itself_again_on_the_other_side(server: FastMCP) -> None:
    error = error_of(await server.call_tool("get_page", {"page_size": 1}))
    assert isinstance(error, RateLimited)
    assert error_of(await server.call_tool("get_page", {"page_size": 3})) is None


async def test_a_bug_is_masked(server: FastMCP) -> None:
    error = await error_from(server, "auto", page_size=2)
    assert error.code == "internal_error"
    assert "secret" not in error.message


async def test_wrong_arguments_are_named_with_the_nearest_known_one(server: FastMCP) -> None:
    error = await error_from(server, "auto", page_size="many", cursr="x")
    assert error.code == "invalid_input"
    messages = {problem.field: problem.message for problem in error.errors}
    assert "integer" in messages["page_size"]
    assert messages["cursr"] == "is unknown; did you mean 'cursor'?"


async def test_unknown_tool_is_a_failed_result(server: FastMCP) -> None:
    async with Client(server) as client:
        result = await client.call_tool("get_pgae", {}, raise_on_error=False)
    assert result.structured_content is not None
    assert result.structured_content["error"]["code"] == "not_found"


async def test_read_only_mode_keeps_the_tools_that_change_nothing(server: FastMCP) -> None:
    await keep_read_only_tools(server)
    assert [tool.name for tool in await server.list_tools()] == ["get_page"]
    error = error_of(await server.call_tool("delete_page", {}))
    assert error is not None
    assert error.code == "not_found"


class ListingsSeen(Middleware):
    def __init__(self) -> None:
        self.count = 0

    async def on_list_tools(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        self.count += 1
        return await call_next(context)


async def test_a_call_over_http_does_not_list_all_tools_first(server: FastMCP) -> None:
    server.add_middleware(seen := ListingsSeen())
    async with asgi_client(server) as client:
        await client.call_tool_mcp("get_page", {"page_size": 3})
        listed_by_the_client = seen.count
        for page_size in (4, 5, 6):
            result = await client.call_tool_mcp("get_page", {"page_size": page_size})
            assert result.structured_content == {"page_size": page_size}
    assert seen.count == listed_by_the_client


def subclasses(kind: type[SmeBoostError]) -> list[type[SmeBoostError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in subclasses(child))]


def test_every_error_of_the_tree_has_a_status_and_comes_back_from_its_body() -> None:
    kinds = [kind for kind in subclasses(SmeBoostError) if kind.__module__ == "smeboost_shared.errors"]
    assert {kind.code for kind in kinds} == set(HTTP_STATUS)
    for kind in kinds:
        error = kind("What happened.", hint="What to do.", errors=[FieldProblem(field="a", message="b")])
        assert SmeBoostError.from_body(error.body()).body() == error.body()


def test_the_docstring_is_the_default_message() -> None:
    assert TokenExpired().message == "The token has expired."


def test_unknown_code_becomes_the_plain_error() -> None:
    assert type(SmeBoostError.from_body(ErrorBody(code="from_the_future", message="x"))) is SmeBoostError
