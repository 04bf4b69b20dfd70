"""The gateway: a list of routes, a list of middleware, a table of exceptions, and one call path."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from smeboost_redis.admission import Admission
from smeboost_redis.batching import BatchingClient
from smeboost_redis.limits import RateLimiter
from smeboost_redis.sessions import Sessions
from smeboost_sync.jobs import Jobs
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from smeboost_gateway.airtable_routes import AirtableRoutes
from smeboost_gateway.callpath import call_path
from smeboost_gateway.edge import Edge, SizeLimits
from smeboost_gateway.gate import PERIOD_SECONDS, SESSION_FIELDS, Gate
from smeboost_gateway.health import HealthRoutes
from smeboost_gateway.identity import AccessTokens
from smeboost_gateway.job_routes import JobRoutes
from smeboost_gateway.login_routes import LoginRoutes
from smeboost_gateway.mcp_endpoint import McpEndpoint, aggregate
from smeboost_gateway.metrics import Metrics
from smeboost_gateway.operations import AnyOperation, PathAsSent, routes
from smeboost_gateway.pages import Pages
from smeboost_gateway.problems import EXCEPTION_HANDLERS
from smeboost_gateway.settings import GatewaySettings
from smeboost_gateway.tools import Tools

SESSIONS_NAMESPACE = "gateway-sessions"
EXPOSED_HEADERS = ["ETag", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Cache", "X-Request-Id"]


def create_app(settings: GatewaySettings) -> Starlette:
    """The whole gateway; its lifespan opens the store and the servers, and closes them."""
    metrics = Metrics()
    store = BatchingClient(settings.redis)
    sessions = Sessions(store, SESSIONS_NAMESPACE, grace_seconds=settings.refresh_grace_seconds)
    tokens = AccessTokens(settings)
    admission = Admission(
        store,
        sessions,
        limit=settings.requests_per_minute,
        period_seconds=PERIOD_SECONDS,
        fields=SESSION_FIELDS,
    )
    gate = Gate(settings, tokens, admission, RateLimiter(store, "gateway-limits"))
    tools = Tools(settings)
    path = call_path(tools, store, settings, metrics)
    jobs = Jobs(settings.jobs) if settings.jobs else None
    mcp = aggregate(tools, path).http_app(
        path="/mcp",
        stateless_http=True,
        host_origin_protection=True,
        allowed_hosts=settings.mcp_hosts,
        allowed_origins=list(settings.allowed_origins),
    )
    operations: list[AnyOperation] = [
        *AirtableRoutes(path, settings, jobs).operations(),
        *(JobRoutes(jobs).operations() if jobs else []),
        *LoginRoutes(settings, tokens, sessions, gate, tools).operations(),
        *HealthRoutes(settings, store, tools, metrics).operations(),
    ]
    operations += Pages(operations).operations()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(store)
            await stack.enter_async_context(tools.connections())
            await stack.enter_async_context(mcp.lifespan(mcp))
            if jobs is not None:
                await stack.enter_async_context(jobs)
            yield

    app = Starlette(
        routes=[*routes(operations, gate, settings), Route("/mcp", endpoint=McpEndpoint(mcp, gate))],
        middleware=[
            Middleware(Edge, metrics=metrics),
            *_cors(settings),
            Middleware(SizeLimits, settings=settings),
            Middleware(PathAsSent),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    # A path with a slash too many is another path: a redirect would lose the body of a write.
    app.router.redirect_slashes = False
    return app


def _cors(settings: GatewaySettings) -> list[Middleware]:
    """Off unless origins are named; credentials travel in a header, so none are allowed as cookies."""
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match", "X-Request-Id"],
            expose_headers=EXPOSED_HEADERS,
        )
    ]
