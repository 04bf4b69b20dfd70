"""The emulated Bedrock: runtime and control plane on one port, as an ASGI app.

Rules of this room:

- Routes are matched on the *raw* path, because a model id holds `%3A` and an ARN `%2F`, which frameworks decode.
- A path that no operation has gets the real service's odd answer: HTTP 200 with an `UnknownOperationException` inside.
- An operation that the real service has and this emulator has not answers 501, by name.
- Every request needs an `Authorization` header (SigV4 or bearer); its signature is *not* verified.
"""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from smeboost_emulators.bedrock import control, runtime
from smeboost_emulators.bedrock.faults import (
    ServiceFault,
    body_too_large,
    missing_authentication,
    operation_not_emulated,
    unreadable,
)
from smeboost_emulators.intake import BodyRefused, read_body

BODY_BYTES_MAX = 25_000_000
"""The service's limit on a request's body."""
DEFAULT_REGION = "us-east-1"
_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 .*Credential=[^/,\s]{1,128}/\d{8}/(?P<region>[a-z0-9-]+)/|Bearer \S")

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Call:
    """One request, as the operations see it."""

    names: tuple[str, ...]
    query: dict[str, str]
    body: dict[str, object]
    region: str
    now: datetime


Operation = Callable[[Call], Response]


def _not_built(operation: str) -> Operation:
    def refuse(_call: Call) -> Response:
        raise operation_not_emulated(operation)

    return refuse


# The method and the path's segments; `*` stands for a percent-encoded name.
ROUTES: dict[tuple[str, str], Operation] = {
    ("POST", "model/*/converse"): lambda call: runtime.converse(call.names[0], call.body, call.region, call.now),
    ("POST", "model/*/converse-stream"): lambda call: runtime.converse_stream(
        call.names[0], call.body, call.region, call.now
    ),
    ("POST", "model/*/count-tokens"): lambda call: runtime.count_tokens(
        call.names[0], call.body, call.region, call.now
    ),
    ("GET", "foundation-models"): lambda call: control.list_foundation_models(call.query, call.region),
    ("GET", "foundation-models/*"): lambda call: control.get_foundation_model(call.names[0], call.region),
    ("GET", "inference-profiles"): lambda call: control.list_inference_profiles(call.query, call.region),
    ("GET", "inference-profiles/*"): lambda call: control.get_inference_profile(call.names[0], call.region),
    ("POST", "model/*/invoke"): _not_built("InvokeModel"),
    ("POST", "model/*/invoke-with-response-stream"): _not_built("InvokeModelWithResponseStream"),
    ("POST", "model/*/invoke-with-bidirectional-stream"): _not_built("InvokeModelWithBidirectionalStream"),
    ("POST", "guardrail/*/version/*/apply"): _not_built("ApplyGuardrail"),
    ("POST", "guardrail-checks/invoke"): _not_built("InvokeGuardrailChecks"),
    ("POST", "async-invoke"): _not_built("StartAsyncInvoke"),
    ("GET", "async-invoke"): _not_built("ListAsyncInvokes"),
    ("GET", "async-invoke/*"): _not_built("GetAsyncInvoke"),
    ("POST", "model-invocation-job"): _not_built("CreateModelInvocationJob"),
    ("GET", "model-invocation-jobs"): _not_built("ListModelInvocationJobs"),
    ("GET", "model-invocation-job/*"): _not_built("GetModelInvocationJob"),
    ("POST", "model-invocation-job/*/stop"): _not_built("StopModelInvocationJob"),
    ("GET", "foundation-model-availability/*"): _not_built("GetFoundationModelAvailability"),
    ("POST", "inference-profiles"): _not_built("CreateInferenceProfile"),
    ("DELETE", "inference-profiles/*"): _not_built("DeleteInferenceProfile"),
    ("GET", "guardrails"): _not_built("ListGuardrails"),
    ("POST", "guardrails"): _not_built("CreateGuardrail"),
}


def create_app(*, clock: Clock = lambda: datetime.now(UTC)) -> ASGIApp:
    """The emulator; `clock` decides which models have reached the end of their life."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope, receive)
            response = await _respond(request, clock)
            response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
            await response(scope, receive, send)

    return app


async def _respond(request: Request, clock: Clock) -> Response:
    if request.url.path == "/healthz":
        return PlainTextResponse("ok")
    try:
        body = await _read(request)
        region = _region(request.headers.get("authorization", ""))
        operation, names = _match(request.method, _raw_path(request))
        if operation is None:
            return _unknown_operation()
        parsed = _parse(body) if request.method == "POST" else {}
        return operation(Call(names, dict(request.query_params), parsed, region, clock()))
    except ServiceFault as fault:
        return _fault_response(fault)


def _raw_path(request: Request) -> str:
    raw = cast(bytes, request.scope.get("raw_path") or request.scope["path"].encode())
    return raw.split(b"?", 1)[0].decode("latin-1")


def _match(method: str, path: str) -> tuple[Operation | None, tuple[str, ...]]:
    segments = path.strip("/").split("/")
    for (route_method, route), operation in ROUTES.items():
        pattern = route.split("/")
        if method == route_method and len(pattern) == len(segments):
            pairs = list(zip(pattern, segments, strict=True))
            if all(want in ("*", got) for want, got in pairs):
                return operation, tuple(unquote(got, errors="replace") for want, got in pairs if want == "*")
    return None, ()


def _region(authorization: str) -> str:
    match = _AUTHORIZATION.match(authorization)
    if match is None:
        raise missing_authentication()
    return match["region"] or DEFAULT_REGION


async def _read(request: Request) -> bytes:
    try:
        return await read_body(request, limit_bytes=BODY_BYTES_MAX)
    except BodyRefused as exc:
        raise (body_too_large(BODY_BYTES_MAX) if exc.status == 413 else unreadable(str(exc))) from None


def _parse(body: bytes) -> dict[str, object]:
    try:
        parsed: object = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise unreadable("The body is not JSON that can be read.") from None
    if not isinstance(parsed, dict):
        raise unreadable("The body is not a JSON object.")
    return cast(dict[str, object], parsed)


def _fault_response(fault: ServiceFault) -> Response:
    kind = f"{fault.kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    return JSONResponse({"message": fault.message}, fault.status, headers={"x-amzn-ErrorType": kind})


def _unknown_operation() -> Response:
    return JSONResponse({"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"}, "Version": "1.0"})
