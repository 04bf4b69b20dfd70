"""What the service role may do with people's second factors: list, rename, delete."""

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import sessions
from smeboost_emulators.supabase.auth.admin import named_user
from smeboost_emulators.supabase.auth.errors import AuthFailure
from smeboost_emulators.supabase.auth.factors import factors
from smeboost_emulators.supabase.auth.factors.factors import factor_json
from smeboost_emulators.supabase.auth.factors.mfa import acceptable_name, named_factor
from smeboost_emulators.supabase.auth.requests import FactorChange, parse
from smeboost_emulators.supabase.auth.service import AuthService


class AdminFactors:
    """/admin/users/{id}/factors; every method asks for the service role first."""

    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def list(self, request: Request) -> Response:
        """GET: a person's factors, as a bare array."""
        self._service.require_admin(request)
        async with self._service.pool.connection() as connection:
            user = await named_user(connection, request)
            present = await factors.of_user(connection, user.id)
        return JSONResponse([factor_json(factor) for factor in present])

    async def change(self, request: Request) -> Response:
        """PUT: give a factor another name."""
        role = self._service.require_admin(request)
        name = acceptable_name(parse(await self._service.body(request), FactorChange).friendly_name)
        try:
            async with self._service.pool.connection() as connection:
                user = await named_user(connection, request)
                factor = await named_factor(connection, request, user.id, lock=True)
                if name:
                    await factors.rename(connection, factor.id, name)
                traits = {"user_id": str(user.id), "factor_id": str(factor.id)}
                await self._service.note(connection, request, role, "factor_updated", **traits)
                changed = await named_factor(connection, request, user.id)
        except UniqueViolation:
            message = f'A factor with the friendly name "{name}" for this user already exists'
            raise AuthFailure(422, "mfa_factor_name_conflict", message) from None
        return JSONResponse(factor_json(changed))

    async def remove(self, request: Request) -> Response:
        """DELETE: remove a factor, also a verified one; sessions that it raised fall back to aal1."""
        role = self._service.require_admin(request)
        async with self._service.pool.connection() as connection:
            user = await named_user(connection, request)
            factor = await named_factor(connection, request, user.id, lock=True)
            await factors.remove(connection, factor.id)
            await sessions.lower_level(connection, user.id, factor.id)
            traits = {"user_id": str(user.id), "factor_id": str(factor.id)}
            await self._service.note(connection, request, role, "factor_deleted", **traits)
        return JSONResponse(factor_json(factor))
