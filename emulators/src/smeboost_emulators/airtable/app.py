"""The routes of the emulator: https://airtable.com/developers/web/api, built or known to be missing."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from smeboost_emulators.airtable.admin.endpoints import admin_routes
from smeboost_emulators.airtable.admin.failing import FaultyRequests
from smeboost_emulators.airtable.attachments import endpoints as attachments
from smeboost_emulators.airtable.attachments.addresses import PATH as ADDRESS_PATH
from smeboost_emulators.airtable.comments import endpoints as comments
from smeboost_emulators.airtable.csvsync import endpoints as csvsync
from smeboost_emulators.airtable.emulator import Emulator
from smeboost_emulators.airtable.errors import ApiError
from smeboost_emulators.airtable.meta.routes import META_ROUTES
from smeboost_emulators.airtable.missing import missing_routes
from smeboost_emulators.airtable.needs import need_of
from smeboost_emulators.airtable.records import endpoints as records
from smeboost_emulators.airtable.webhooks import endpoints as webhooks
from smeboost_emulators.airtable.wire import (
    EncodedPath,
    Handler,
    answer,
    answer_api_error,
    answer_bug,
    answer_missing_route,
    endpoint,
)

_COMMENTS = "/v0/{base}/{table}/{record}/comments"
_WEBHOOKS = "/v0/bases/{base}/webhooks"
_WEBHOOK = f"{_WEBHOOKS}/{{webhook}}"
_Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(emulator: Emulator) -> Starlette:
    """The ASGI app of one emulator; its lifespan runs pings and fetches and closes what the emulator holds."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with emulator.pinger.running(), emulator.arrivals.running():
            yield
        emulator.keeper.files.close()
        if emulator.store is not None:
            emulator.store.close()

    return Starlette(
        routes=[*admin_routes(emulator), *_routes(emulator)],
        middleware=[Middleware(EncodedPath), Middleware(FaultyRequests, faults=emulator.faults)],
        exception_handlers={
            ApiError: answer_api_error,
            HTTPException: answer_missing_route,
            Exception: answer_bug,
        },
        lifespan=lifespan,
    )


def _routes(emulator: Emulator) -> list[BaseRoute]:
    def routes(method: str, path: str, handler: Handler) -> list[BaseRoute]:
        run: _Endpoint = endpoint(emulator, handler, need_of(method, path))
        return [Route(path, run, methods=[method])]

    return [
        Route("/healthz", _healthy),
        Route(f"{ADDRESS_PATH}/{{ends}}/{{signature}}/{{file:path}}", attachments.file_endpoint(emulator)),
        *(route for known in META_ROUTES for route in routes(*known)),
        *routes("GET", _WEBHOOKS, webhooks.list_all),
        *routes("POST", _WEBHOOKS, webhooks.create),
        *routes("DELETE", _WEBHOOK, webhooks.delete),
        *routes("POST", f"{_WEBHOOK}/refresh", webhooks.refresh),
        *routes("POST", f"{_WEBHOOK}/enableNotifications", webhooks.toggle_notifications),
        *routes("GET", f"{_WEBHOOK}/payloads", webhooks.list_payloads),
        *routes("POST", "/v0/{base}/{record}/{field}/uploadAttachment", attachments.upload),
        *routes("POST", "/v0/{base}/{table}/sync/{sync}", csvsync.push),
        *routes("GET", _COMMENTS, comments.list_all),
        *routes("POST", _COMMENTS, comments.create),
        *routes("PATCH", f"{_COMMENTS}/{{comment}}", comments.update),
        *routes("DELETE", f"{_COMMENTS}/{{comment}}", comments.delete),
        *(route for missing in missing_routes() for route in routes(*missing)),
        *routes("GET", "/v0/{base}/{table}", records.list_by_query),
        *routes("POST", "/v0/{base}/{table}", records.create),
        *routes("PATCH", "/v0/{base}/{table}", records.update_batch),
        *routes("PUT", "/v0/{base}/{table}", records.replace_batch),
        *routes("DELETE", "/v0/{base}/{table}", records.delete_batch),
        *routes("POST", "/v0/{base}/{table}/listRecords", records.list_by_body),
        *routes("GET", "/v0/{base}/{table}/{record}", records.get),
        *routes("PATCH", "/v0/{base}/{table}/{record}", records.update_one),
        *routes("PUT", "/v0/{base}/{table}/{record}", records.replace_one),
        *routes("DELETE", "/v0/{base}/{table}/{record}", records.delete_one),
    ]


async def _healthy(_request: Request) -> Response:
    return answer(200, {"status": "ok"})
