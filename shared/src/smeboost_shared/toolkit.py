"""How every tool of ours is offered: annotations, read-only mode, one form of error.

A tool is declared with one of the annotation constants below; read-only mode and the gateway's permissions are
derived from them and from nothing else.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from difflib import get_close_matches
from importlib.metadata import version

from fastmcp import FastMCP
from fastmcp.exceptions import NotFoundError, ToolError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import Tool
from fastmcp.tools.base import ToolResult
from mcp.types import CallToolRequestParams, TextContent, ToolAnnotations
from pydantic import ValidationError as PydanticValidationError

from smeboost_shared.errors import ErrorBody, FieldProblem, InvalidInput, NotFound, SmeBoostError
from smeboost_shared.listing import LeanListing
from smeboost_shared.logs import get_logger

# What is not said has MCP's default: not idempotent, and dealing with a world outside.
READ = ToolAnnotations(read_only_hint=True, destructive_hint=False)
"""Changes nothing."""
CREATE = ToolAnnotations(read_only_hint=False, destructive_hint=False)
"""Adds something; calling twice adds twice."""
UPDATE = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)
"""Overwrites something; calling twice changes no more than once."""
DELETE = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)
"""Removes something."""

WRITES = "writes"
"""The tag of a prompt for a job that changes something."""
NAME_CHARACTERS_MAX = 100

log = get_logger("tools")


def tool_server(
    name: str,
    *,
    instructions: str,
    client: AbstractAsyncContextManager[object] | None = None,
    outermost: Sequence[Middleware] = (),
) -> FastMCP:
    """An empty server with the house's manners; `tools/<family>.register` fills it.

    `client` is opened when the server starts and closed when it stops; `outermost` sees errors as results, too.
    """

    @asynccontextmanager
    async def lifespan(_server: FastMCP) -> AsyncGenerator[None]:
        async with client or nullcontext():
            yield

    mcp: FastMCP = FastMCP(
        name,
        version=version(f"smeboost-{name}"),
        instructions=instructions,
        lifespan=lifespan,
        mask_error_details=True,
        strict_input_validation=False,
        on_duplicate="error",
        middleware=[*outermost, ToolErrors()],
    )
    mcp.add_transform(LeanListing())
    skip_hidden_listing(mcp)
    return mcp


def skip_hidden_listing(mcp: FastMCP) -> None:
    """Spare each `tools/call` the whole `tools/list` that the SDK otherwise runs before it.

    The SDK looks for `x-mcp-header` parameters in a tool's schema (python-sdk issue 3565). None of our tools
    has any, so the honest answer is: no schema to check. The attribute is private to FastMCP; a test guards it.
    """
    mcp._mcp_server.get_tool_input_schema = _no_header_parameters  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001


def _no_header_parameters(_tool_name: str) -> None:
    return None


async def keep_read_only_tools(mcp: FastMCP) -> None:
    """Remove every tool that is not annotated read-only, and the prompts for jobs that write."""
    for tool in await mcp.list_tools(run_middleware=False):
        if not is_read_only(tool):
            mcp.local_provider.remove_tool(tool.name)
    for prompt in await mcp.list_prompts(run_middleware=False):
        if WRITES in prompt.tags:
            mcp.local_provider.remove_prompt(prompt.name)


def is_read_only(tool: Tool) -> bool:
    """Whether the tool's annotation promises that it changes nothing."""
    return bool(tool.annotations and tool.annotations.read_only_hint)


class ToolErrors(Middleware):
    """Turns what a tool raises into a failed tool result that carries an `ErrorBody`.

    A caller's mistake and a vendor's failure keep their code; a bug is logged once and masked.
    """

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the tool; never raise for what it did."""
        name = context.message.name
        try:
            return await call_next(context)
        except SmeBoostError as exc:
            return failed(exc.body())
        except ValidationError as exc:
            return failed(_invalid_arguments(name, exc, await _argument_names(context)).body())
        except NotFoundError:
            return failed(NotFound(f"There is no tool {name!r}.", hint="List the tools first.").body())
        except ToolError as exc:
            log.error("tool_failed", tool=name, cause=repr(exc.__cause__))  # noqa: TRY400  # FastMCP logged the traceback
            return failed(SmeBoostError("The tool failed on our side; the log has the details.").body())


def failed(body: ErrorBody) -> ToolResult:
    """A failed tool result; `structured_content["error"]` is the `ErrorBody`, the text is for the model."""
    text = body.message
    for problem in body.errors:
        text += f"\n- {problem.field}: {problem.message}"
    if body.hint:
        text += f"\n{body.hint}"
    if body.retryable:
        wait = f" after {body.retry_after_seconds:g} s" if body.retry_after_seconds else ""
        text += f"\nTrying again{wait} may help."
    return ToolResult(
        content=[TextContent(type="text", text=f"[{body.code}] {text}")],
        structured_content={"error": body.model_dump(mode="json", exclude_none=True)},
        is_error=True,
    )


def error_of(result: ToolResult) -> SmeBoostError | None:
    """The error that a failed tool result carries, or None when the tool succeeded."""
    if not result.is_error:
        return None
    carried = (result.structured_content or {}).get("error")
    if isinstance(carried, dict):
        return SmeBoostError.from_body(ErrorBody.model_validate(carried))
    text = " ".join(block.text for block in result.content if isinstance(block, TextContent))
    return SmeBoostError(text or None)


async def _argument_names(context: MiddlewareContext[CallToolRequestParams]) -> list[str]:
    server = context.fastmcp_context and context.fastmcp_context.fastmcp
    tool = await server.get_tool(context.message.name) if server else None
    return list(tool.parameters.get("properties", {})) if tool else []


def _invalid_arguments(tool: str, exc: ValidationError, known: list[str]) -> InvalidInput:
    cause = exc.__cause__
    if not isinstance(cause, PydanticValidationError):
        return InvalidInput(f"The arguments of {tool} are not valid.")
    unknown = {str(error["loc"][0]) for error in cause.errors() if error["type"] == "unexpected_keyword_argument"}
    problems = [
        problem.model_copy(update={"message": unknown_name(problem.field, known)})
        if problem.field in unknown
        else problem
        for problem in field_problems(cause)
    ]
    return InvalidInput(f"The arguments of {tool} are not valid.", errors=problems)


def unknown_name(name: str, known: Sequence[str]) -> str:
    """What to say of a name that is not among the known ones: the nearest of them, or all."""
    near = get_close_matches(name[:NAME_CHARACTERS_MAX], known, n=1, cutoff=0.5)
    if near:
        return f"is unknown; did you mean {near[0]!r}?"
    return f"is unknown; there is {', '.join(known)}" if known else "is unknown; nothing is expected here"


def field_problems(exc: PydanticValidationError) -> list[FieldProblem]:
    """Pydantic's findings by field, in words a caller can act on, never echoing the value."""
    return [
        FieldProblem(field=_dotted(error["loc"]), message=error["msg"])
        for error in exc.errors(include_url=False, include_context=False, include_input=False)
    ]


def _dotted(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location) or "body"
