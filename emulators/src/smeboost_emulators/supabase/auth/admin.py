"""What the service role may do with people: list, create, get, update, delete."""

import secrets
from datetime import UTC, datetime
from uuid import UUID

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import sessions, users
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid
from smeboost_emulators.supabase.auth.mail import one_time_tokens
from smeboost_emulators.supabase.auth.paging import page_of
from smeboost_emulators.supabase.auth.removal import remove_softly
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

FILTER_MAX_LENGTH = 255
ROLE_MAX_LENGTH = 63
EMAIL_TAKEN = "A user with this email address has already been registered"


class Admin:
    """/admin/users; every method asks for the service role first."""

    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def list(self, request: Request) -> Response:
        """GET /admin/users: one page, newest people first; `X-Total-Count` and `Link` say how many there are."""
        self._service.require_admin(request)
        page = page_of(request)
        containing = request.query_params.get("filter", "").replace("\0", "")[:FILTER_MAX_LENGTH]
        aud = self._service.settings.jwt_aud
        async with self._service.pool.connection() as connection:
            people, total = await users.list_page(
                connection,
                aud=aud,
                limit=page.size,
                offset=page.offset,
                containing=containing,
                oldest_first=_oldest_first(request),
            )
            listing = await users.as_json(connection, *people)
        return JSONResponse({"users": listing, "aud": aud}, headers=page.headers(request, total))

    async def create(self, request: Request) -> Response:
        """POST /admin/users: add a person, confirmed only if `email_confirm` says so."""
        admin = self._service.require_admin(request)
        asked = parse(await self._service.body(request), AdminUser)
        refuse_phone(asked.phone)
        if not asked.email:
            raise invalid("Cannot create a user without either an email or phone")
        email = normal_email(asked.email)
        new = NewUser(
            email=email,
            password_hash=await self._password_hash(asked) or await self._unguessable(),
            confirmed=bool(asked.email_confirm),
            user_metadata=merged({"email_verified": bool(asked.email_confirm)}, asked.user_metadata or {}),
            app_metadata=asked.app_metadata or {},
            role=_role(asked.role) or self._service.settings.jwt_default_group_name,
            aud=self._service.settings.jwt_aud,
            id=_wanted_id(asked.id),
        )
        ban = {"banned_until": ban_end(asked.ban_duration)} if asked.ban_duration else {}
        try:
            async with self._service.pool.connection() as connection:
                if await users.find_by_email(connection, email) is not None:
                    raise AuthFailure(422, "email_exists", EMAIL_TAKEN)
                user = await users.add(connection, new)
                if ban:
                    user = await users.change(connection, user.id, **ban)
                await self._service.note(connection, request, admin, "user_signedup", **_about(user))
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
        """PUT /admin/users/{id}: metadata is merged, all else replaced; a new password ends every session."""
        admin = self._service.require_admin(request)
        asked = parse(await self._service.body(request), AdminUser)
        refuse_phone(asked.phone)
        async with self._service.pool.connection() as connection:
            user = await named_user(connection, request)
        columns = await self._columns(user, asked)
        try:
            async with self._service.pool.connection() as connection:
                changed = await users.change(connection, user.id, **columns)
                if {"email", "encrypted_password"} & columns.keys():
                    # Links that were mailed before this are about the account as it was.
                    await one_time_tokens.remove_all(connection, user.id)
                if "encrypted_password" in columns:
                    await sessions.end(connection, user.id, scope="global", current=None)
                await self._service.note(connection, request, admin, "user_modified", **_about(changed))
                [person] = await users.as_json(connection, changed)
        except UniqueViolation:
            raise AuthFailure(422, "email_exists", EMAIL_TAKEN) from None
        return JSONResponse(person)

    async def remove(self, request: Request) -> Response:
        """DELETE /admin/users/{id}; softly if asked: the row stays and tells nothing any more."""
        admin = self._service.require_admin(request)
        softly = parse(await self._service.body(request), AdminDelete).should_soft_delete
        async with self._service.pool.connection() as connection:
            user = await named_user(connection, request)
            await self._service.note(connection, request, admin, "user_deleted", **_about(user))
            await (remove_softly(connection, user) if softly else users.remove(connection, user.id))
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
                raise invalid("Unsupported password hash: give a bcrypt, an argon2 or a Firebase scrypt hash")
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


def _about(user: User) -> dict[str, object]:
    return {"user_id": str(user.id), "user_email": user.email or "", "user_phone": user.phone or ""}


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


def _oldest_first(request: Request) -> bool:
    field, _, direction = request.query_params.get("sort", "created_at desc").strip().partition(" ")
    if field != "created_at" or direction.strip() not in {"", "asc", "desc"}:
        raise invalid("Bad Sort Parameters: only created_at asc and created_at desc are possible")
    return direction.strip() == "asc"
