"""The routes of /storage/v1."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smeboost_emulators.supabase.callers import Caller
from smeboost_emulators.supabase.pools import DatabaseDown, PoolBusy
from smeboost_emulators.supabase.storage.buckets import Buckets
from smeboost_emulators.supabase.storage.downloads import Downloads
from smeboost_emulators.supabase.storage.errors import (
    StorageFailure,
    database_down,
    from_database,
    not_supported,
    pool_busy,
)
from smeboost_emulators.supabase.storage.listing import Listing
from smeboost_emulators.supabase.storage.objects import Objects
from smeboost_emulators.supabase.storage.sessions import Sessions
from smeboost_emulators.supabase.storage.uploads import Uploads

Handler = Callable[[Request], Awaitable[Response]]
CallersHandler = Callable[[Request, Caller], Awaitable[Response]]
ANY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
READ = ["GET", "HEAD"]
UNBUILT = {
    "render": "Image transformation is",
    "upload": "Resumable uploads (TUS) are",
    "s3": "The S3 protocol is",
    "vector": "Vector buckets are",
    "iceberg": "Iceberg catalogues are",
    "cdn": "Purging a cache is",
}


@dataclass(frozen=True)
class Endpoints:
    """The parts that answer."""

    sessions: Sessions
    buckets: Buckets
    uploads: Uploads
    downloads: Downloads
    objects: Objects
    listing: Listing


def storage_routes(endpoints: Endpoints) -> list[Route]:
    """The routes, relative to /storage/v1. Fixed words come before names, as in the original."""
    buckets, uploads, downloads = endpoints.buckets, endpoints.uploads, endpoints.downloads
    objects, listing = endpoints.objects, endpoints.listing

    def known(path: str, method: str, handler: CallersHandler) -> Route:
        async def answer(request: Request) -> Response:
            return await handler(request, endpoints.sessions.caller(request))

        return Route(path, _answering(answer), methods=[method])

    def open_to_all(path: str, methods: list[str], handler: Handler) -> Route:
        return Route(path, _answering(handler), methods=methods)

    named = "{bucket}/{key:path}"
    return [
        Route("/status", _healthy, methods=READ),
        Route("/health", _healthy, methods=READ),
        known("/bucket", "GET", buckets.list),
        known("/bucket", "POST", buckets.create),
        known("/bucket/{bucket}", "GET", buckets.get),
        known("/bucket/{bucket}", "PUT", buckets.update),
        known("/bucket/{bucket}", "DELETE", buckets.delete),
        known("/bucket/{bucket}/empty", "POST", buckets.empty),
        known("/object/move", "POST", objects.move),
        known("/object/copy", "POST", objects.copy),
        known("/object/list/{bucket}", "POST", listing.by_offset),
        known("/object/list-v2/{bucket}", "POST", listing.by_cursor),
        known(f"/object/upload/sign/{named}", "POST", uploads.sign),
        open_to_all(f"/object/upload/sign/{named}", ["PUT"], uploads.create_signed),
        known("/object/sign/{bucket}", "POST", objects.sign_many),
        known(f"/object/sign/{named}", "POST", objects.sign),
        open_to_all(f"/object/sign/{named}", READ, downloads.get_signed),
        open_to_all(f"/object/info/public/{named}", READ, downloads.info_public),
        known(f"/object/info/authenticated/{named}", "GET", downloads.info),
        known(f"/object/info/{named}", "GET", downloads.info),
        open_to_all(f"/object/public/{named}", READ, downloads.get_public),
        known(f"/object/authenticated/{named}", "GET", downloads.get),
        known(f"/object/{named}", "GET", downloads.get),
        known(f"/object/{named}", "POST", uploads.create),
        known(f"/object/{named}", "PUT", uploads.replace),
        known(f"/object/{named}", "DELETE", objects.remove),
        known("/object/{bucket}", "DELETE", objects.remove_many),
        Route("/{path:path}", _elsewhere, methods=ANY),
    ]


def _answering(handler: Handler) -> Handler:
    """Every refusal in the original's form."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except StorageFailure as exc:
            return exc.response()
        except DatabaseDown:
            return database_down().response()
        except PoolBusy:
            return pool_busy().response()
        except psycopg.Error as exc:
            return from_database(exc).response()

    return answer


async def _healthy(_request: Request) -> Response:
    return JSONResponse({"healthy": True})


async def _elsewhere(request: Request) -> Response:
    path = request.path_params["path"]
    first = path.partition("/")[0]
    if first in UNBUILT:
        return not_supported(UNBUILT[first]).response()
    message = f"Route {request.method}:/{path[:200]} not found"
    return JSONResponse({"statusCode": "404", "error": "Not Found", "message": message}, 404)
