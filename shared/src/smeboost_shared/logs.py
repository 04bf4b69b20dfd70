"""Logs go to stderr, because on stdio transports stdout belongs to the protocol."""

import logging
import sys
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor


def configure_logs(*, level: str = "INFO", as_json: bool | None = None) -> None:
    """Send structlog and the standard library's logging to stderr; JSON unless a person is watching."""
    as_json = not sys.stderr.isatty() if as_json is None else as_json
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # As text, made here: a console would show the variables of each frame, and among them are secrets.
    traceback: Processor = structlog.processors.format_exc_info
    renderer: Processor = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, traceback, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, traceback, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # FastMCP brings a handler of its own that draws boxes; its records go our way instead.
    fastmcp = logging.getLogger("fastmcp")
    fastmcp.handlers.clear()
    fastmcp.propagate = True
    # Below INFO it writes down the arguments of every call.
    fastmcp.setLevel(max(logging.getLevelNamesMapping()[level], logging.INFO))
    # One line a request is the gateway's business; client libraries' chatter is nobody's.
    for chatty in ("httpx", "httpx2", "httpcore", "uvicorn.access", "mcp", "docket"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def get_logger(name: str) -> FilteringBoundLogger:
    """A structured logger that says which part of the house is speaking."""
    return cast(FilteringBoundLogger, structlog.get_logger(part=name))
