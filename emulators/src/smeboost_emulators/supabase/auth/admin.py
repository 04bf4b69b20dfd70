"""What the service role may do with people: list, create, get, update, delete."""

import secrets
from datetime import UTC, datetime
from uuid import UUID

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.intake import whole_number
from smeboost_emulators.supabase.auth import users
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid, not_supported
from smeboost_emulators.supabase.auth.requests import AdminDelete, AdminUser, parse
from smeboost_emulators.supabase.auth.service import (
    AuthService,
    ban_end,
    merged,
    normal_email,
    refuse_phone,
    uuid_or_none,
)
from smeboost_emulators.supabase.auth.users import NewUser, User
from smeboost_emulators.supabase.passwords import is_known_hash
from smeboost_emulators.supabase.pools import Connection

PAGE_SIZE = 50
PAGE_SIZE_MAX = 1000
PAGE_MAX = 1_000_000
ROLE_MAX_LENGTH = 63
EMAIL_TAKEN = "A user with this email address has already been registered"


class Admin:
    """/admin/users; every method asks for the service role first."""

    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def list(self, request: Request) -> Response:
        """GET /admin/users: one page, newest people first; `X-Total-Count` and `Link` say how many there are."""
        self._service.require_admin(request)
        page = _number(request, "page", default=1, largest=PAGE_MAX)
        per_page = _number(request, "per_page", default=PAGE_SIZE, largest=PAGE_SIZE_MAX)
        async with self._service.pool.connection() as connection:
            people, total = await users.list_page(connection, limit=per_page, offset=(page - 1) * per_page)
            listing = await users.as_json(connection, *people)
        headers = {"X-Total-Count": str(total), "Link": _links(page, per_page, total)}
        return JSONResponse({"users": listing, "aud": users.AUDIENCE}, headers=headers)

    async def create(self, request: Request) -> Response:
        """POST /admin/users: add a person, confirmed only if `email_confirm` says so."""
        self._service.require_admin(request)
        asked = parse(await self._service.body(request), AdminUser)
        refuse_phone(asked.phone)
        if not asked.email:
            raise invalid("Cannot create a user without either an email or phone")
        new = NewUser(
            email=normal_email(asked.email),
            password_hash=await self._password_hash(asked) or await self._unguessable(),
            confirmed=bool(asked.email_confirm),
            user_metadata=merged({"email_verified": bool(asked.email_confirm)}, asked.user_metadata or {}),
            app_metadata=asked.app_metadata or {},
            role=_role(asked.role) or users.AUDIENCE,
            id=_wanted_id(asked.id),
        )
        ban = {"banned_until": ban_end(asked.ban_duration)} if asked.ban_duration else {}
        try:
            async with self._service.pool.connection() as connection:
                if await users.find_by_email(connection, new.email) is not None:
                    raise AuthFailure(422, "email_exists", EMAIL_TAKEN)
                user = await users.add(connection, new)
                if ban:
                    user = await users.change(connection, user.id, **ban)
                [person] = await users.as_json(connection, user)
        except UniqueViolation:
            raise AuthFailure(422, "email_exists", EMAIL_TAKEN) from None
        return JSONResponse(person)

    async def show(self, request: Request) -> Response:
        """GET /admin/users/{id}."""
        self._service.require_admin(request)
        async with self._service.pool.connection() as connection:
            [person] = await users.as_json(connection, await named_user(connection, request))
        return JSONResponse(person)

    async def change(self, request: Request) -> Response:
        """PUT /admin/users/{id}: metadata is merged, everything else replaced."""
        self._service.require_admin(request)
        asked = parse(await self._service.body(request), AdminUser)
        refuse_phone(asked.phone)
        async with self._service.pool.connection() as connection:
            user = await named_user(connection, request)
        columns = await self._columns(user, asked)
        try:
            async with self._service.pool.connection() as connection:
                changed = await users.change(connection, user.id, **columns)
                [person] = await users.as_json(connection, changed)
        except UniqueViolation:
            raise AuthFailure(422, "email_exists", EMAIL_TAKEN) from None
        return JSONResponse(person)

    async def remove(self, request: Request) -> Response:
        """DELETE /admin/users/{id}."""
        self._service.require_admin(request)
        if parse(await self._service.body(request), AdminDelete).should_soft_delete:
            raise not_supported("Deleting a user softly")
        async with self._service.pool.connection() as connection:
            user = await named_user(connection, request)
            await users.remove(connection, user.id)
        return JSONResponse({})

    async def _columns(self, user: User, asked: AdminUser) -> dict[str, object]:
        columns: dict[str, object] = {}
        if password_hash := await self._password_hash(asked):
            columns["encrypted_password"] = password_hash
        if asked.email:
            columns["email"] = normal_email(asked.email)
        if asked.email_confirm and user.email_confirmed_at is None:
            columns["email_confirmed_at"] = datetime.now(UTC)
        if role := _role(asked.role):
            columns["role"] = role
        if asked.ban_duration:
            columns["banned_until"] = ban_end(asked.ban_duration)
        if asked.user_metadata is not None:
            columns["raw_user_meta_data"] = merged(user.raw_user_meta_data, asked.user_metadata)
        if asked.app_metadata is not None:
            columns["raw_app_meta_data"] = merged(user.raw_app_meta_data, asked.app_metadata)
        return columns

    async def _password_hash(self, asked: AdminUser) -> str | None:
        if asked.password and asked.password_hash:
            raise invalid("Only a password or a password hash should be provided")
        if asked.password_hash:
            if not is_known_hash(asked.password_hash) or len(asked.password_hash) > 255 or "\0" in asked.password_hash:
                raise invalid("Unsupported password hash: give a bcrypt or an argon2 hash")
            return asked.password_hash
        return await self._service.hash_password(asked.password) if asked.password else None

    async def _unguessable(self) -> str:
        return await self._service.hash_password(secrets.token_urlsafe(48))


async def named_user(connection: Connection, request: Request) -> User:
    """The person whom the path of an admin request names.

    Raises:
        AuthFailure: validation_failed, user_not_found.
    """
    user_id = uuid_or_none(request.path_params["user_id"])
    if user_id is None:
        raise invalid("user_id must be an UUID", status=404)
    user = await users.find_by_id(connection, user_id)
    if user is None:
        raise AuthFailure(404, "user_not_found", "User not found")
    return user


def _wanted_id(value: str | None) -> UUID | None:
    if value is None:
        return None
    user_id = uuid_or_none(value)
    if user_id is None or user_id.int == 0:
        raise invalid("ID must conform to the uuid v4 format")
    return user_id


def _role(value: str | None) -> str | None:
    if value is not None and (len(value) > ROLE_MAX_LENGTH or "\0" in value):
        raise invalid(f"role is longer than {ROLE_MAX_LENGTH} characters or has a NUL character")
    return value


def _number(request: Request, name: str, *, default: int, largest: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    number = whole_number(text)
    if number is None or not 1 <= number <= largest:
        raise invalid(f"Bad Pagination Parameters: {name} must be a number from 1 to {largest}")
    return number


def _links(page: int, per_page: int, total: int) -> str:
    last = max(1, -(-total // per_page))
    pages = {"next": page + 1} if page < last else {}
    targets = {**pages, "last": last}
    return ", ".join(
        f'</admin/users?page={number}&per_page={per_page}>; rel="{name}"' for name, number in targets.items()
    )
