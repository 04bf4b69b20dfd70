"""What the admin path answers.

It lies outside of all paths that the vendor has, so that no client of the API can meet it. Who may use it: with an
admin token (`--admin-token-file`) whoever has it. Without one, clients on the same machine (see `local_clients`).
Anybody else gets the 404 of a path that does not exist.
"""

import hmac
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from smeboost_emulators.airtable.admin.portrait import portrait
from smeboost_emulators.airtable.clock import MOVE_SECONDS_MAX, Clock
from smeboost_emulators.airtable.emulator import Emulator
from smeboost_emulators.airtable.errors import ApiError, SeedError, authentication_required, not_found, typed
from smeboost_emulators.airtable.faults import FAULTS_MAX, Fault
from smeboost_emulators.airtable.knobs import KnobError
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.wire import answer, read_object
from smeboost_emulators.local_clients import is_local

ADMIN_BODY_BYTES_MAX = 1_048_576
_YEARS = range(1971, 2200)
_Handler = Callable[[Emulator, Request], Awaitable[object]]
_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class _ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    now: str | UnsetType = UNSET
    advance_seconds: Annotated[float, Meta(ge=0, le=MOVE_SECONDS_MAX)] | UnsetType = UNSET
    stopped: bool | UnsetType = UNSET


class _NewFaults(msgspec.Struct, forbid_unknown_fields=True):
    faults: list[Fault]


def admin_routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the admin path."""
    table: tuple[tuple[str, str, _Handler], ...] = (
        ("GET", "knobs", _show_knobs),
        ("PATCH", "knobs", _turn_knobs),
        ("GET", "clock", _show_clock),
        ("PATCH", "clock", _move_clock),
        ("GET", "faults", _show_faults),
        ("POST", "faults", _add_faults),
        ("DELETE", "faults", _drop_faults),
        ("GET", "state", _show_state),
        ("POST", "checkpoint", _keep_checkpoint),
        ("DELETE", "checkpoint", _drop_checkpoint),
        ("POST", "reset", _reset),
    )
    return [Route(f"/_emulator/{name}", _endpoint(emulator, run), methods=[method]) for method, name, run in table]


def _endpoint(emulator: Emulator, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer_request(request: Request) -> Response:
        _check(request, emulator.options.admin_token)
        content = await handler(emulator, request)
        return content if isinstance(content, Response) else answer(200, content)

    return answer_request


def _check(request: Request, token: str | None) -> None:
    if token is None:
        if not is_local(request):
            raise not_found()
        return
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise authentication_required()


async def _show_knobs(emulator: Emulator, _request: Request) -> object:
    return emulator.knobs


async def _turn_knobs(emulator: Emulator, request: Request) -> object:
    values = await _body(request)
    try:
        emulator.knobs.turn(values)
    except KnobError as exc:
        raise _refused(str(exc)) from None
    emulator.pinger.wake()
    return emulator.knobs


async def _show_clock(emulator: Emulator, _request: Request) -> object:
    return {"now": timestamp(emulator.clock.now()), "stopped": emulator.clock.is_stopped}


async def _move_clock(emulator: Emulator, request: Request) -> object:
    change = await _read(request, _ClockChange)
    clock = emulator.clock
    moment = _target(clock, change)
    if change.stopped is True:
        clock.stop()
    if moment is not None:
        clock.set(moment)
    elif change.advance_seconds is not UNSET:
        clock.advance(change.advance_seconds)
    if change.stopped is False:
        clock.start()
    emulator.pinger.wake()
    return await _show_clock(emulator, request)


def _target(clock: Clock, change: _ClockChange) -> datetime | None:
    """The date to go to, when one is given; one that no calendar of records holds is refused, however it is said."""
    if change.now is not UNSET and change.advance_seconds is not UNSET:
        raise _refused("now and advance_seconds exclude each other.")
    if change.now is UNSET:
        ahead = 0.0 if change.advance_seconds is UNSET else change.advance_seconds
        year = datetime.fromtimestamp(clock.now().timestamp() + ahead, UTC).year
        moment = None
    else:
        moment = _moment(change.now)
        year = moment.year
    if year not in _YEARS:
        raise _refused(f"The time must stay within the years {_YEARS[0]} to {_YEARS[-1]}.")
    return moment


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _refused(f"now {text!r:.100} must be an ISO time with its offset, e.g. 2026-01-31T12:00:00Z.")


async def _show_faults(emulator: Emulator, _request: Request) -> object:
    return {"faults": emulator.faults.waiting}


async def _add_faults(emulator: Emulator, request: Request) -> object:
    added = (await _read(request, _NewFaults)).faults
    if len(emulator.faults.waiting) + len(added) > FAULTS_MAX:
        raise _refused(f"At most {FAULTS_MAX} faults can wait; DELETE takes all of them away.")
    emulator.faults.waiting.extend(added)
    return await _show_faults(emulator, request)


async def _drop_faults(emulator: Emulator, request: Request) -> object:
    emulator.faults.waiting.clear()
    return await _show_faults(emulator, request)


async def _show_state(emulator: Emulator, request: Request) -> object:
    """All bases in the form of a seed; addresses of attachments are shown as in any answer."""
    text = msgspec.json.encode(portrait(emulator.state))
    origin = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
    return Response(emulator.keeper.addresses.shown(text, origin), media_type="application/json; charset=utf-8")


async def _keep_checkpoint(emulator: Emulator, _request: Request) -> object:
    emulator.keep_checkpoint()
    return {"checkpoint": True}


async def _drop_checkpoint(emulator: Emulator, _request: Request) -> object:
    emulator.drop_checkpoint()
    return {"checkpoint": False}


async def _reset(emulator: Emulator, _request: Request) -> object:
    try:
        emulator.reset()
    except (SeedError, OSError) as exc:
        raise typed(409, "SEED_NOT_USABLE", f"{exc}. Nothing was changed.") from None
    return {"bases": list(emulator.state.bases)}


async def _read(request: Request, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.convert(await _body(request), shape)
    except msgspec.ValidationError as exc:
        raise _refused(f"{exc}.") from None


async def _body(request: Request) -> dict[str, Any]:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise _refused("Send the body as JSON, with the header Content-Type: application/json.")
    return await read_object(request, ADMIN_BODY_BYTES_MAX)


def _refused(message: str) -> ApiError:
    return typed(422, "INVALID_ADMIN_REQUEST", message)
