"""The routes of /auth/v1, and what becomes of an error on the way.

A path that GoTrue has and this backend has not answers 501 `not_supported`; a path that GoTrue has not answers 404.
"""

from collections.abc import Awaitable, Callable

import psycopg
from smeboost_shared.logs import get_logger
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smeboost_emulators.intake import BodyRefused
from smeboost_emulators.supabase.auth.admin import Admin
from smeboost_emulators.supabase.auth.admin_audit import AdminAudit
from smeboost_emulators.supabase.auth.discovery import Discovery
from smeboost_emulators.supabase.auth.errors import (
    AuthFailure,
    OAuthFailure,
    failure_response,
    invalid,
    not_supported,
    oauth_response,
)
from smeboost_emulators.supabase.auth.factors.admin_factors import AdminFactors
from smeboost_emulators.supabase.auth.factors.mfa import Mfa
from smeboost_emulators.supabase.auth.identities import Identities
from smeboost_emulators.supabase.auth.mail.by_mail import ByMail
from smeboost_emulators.supabase.auth.mail.invitations import Invitations
from smeboost_emulators.supabase.auth.mail.mailing import Mailing
from smeboost_emulators.supabase.auth.mail.verifying import Verifying
from smeboost_emulators.supabase.auth.own_account import Profile
from smeboost_emulators.supabase.auth.service import AuthService
from smeboost_emulators.supabase.auth.signin import SignIn
from smeboost_emulators.supabase.passwords import TooManyWaiting
from smeboost_emulators.supabase.pools import DatabaseDown, PoolBusy, lost

Endpoint = Callable[[Request], Awaitable[Response]]
VERSION = "smeboost"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
# What GoTrue answers and this backend does not (yet).
NOT_BUILT = frozenset(
    [
        "admin",
        "authorize",
        "callback",
        "oauth",
        "passkeys",
        "saml",
        "sso",
    ]
)
# Every GoTrue deployment lists these; of them only anonymous_users can be on here.
EXTERNAL_PROVIDERS = [
    "anonymous_users",
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "phone",
    "slack",
    "slack_oidc",
    "snapchat",
    "spotify",
    "twitch",
    "twitter",
    "workos",
    "x",
    "zoom",
]

log = get_logger("supabase-auth")


def auth_routes(service: AuthService) -> list[Route]:
    """The routes, relative to /auth/v1."""
    mailing = Mailing(service)
    sign_in, profile, admin = SignIn(service, mailing), Profile(service, mailing), Admin(service)
    by_mail, verifying = ByMail(service, mailing), Verifying(service, mailing)
    invitations, discovery = Invitations(service, mailing), Discovery(service)
    mfa, admin_factors, identities = Mfa(service), AdminFactors(service), Identities(service)
    endpoints: dict[str, dict[str, Endpoint]] = {
        "/signup": {"POST": sign_in.sign_up},
        "/token": {"POST": sign_in.token},
        "/logout": {"POST": sign_in.sign_out},
        "/user": {"GET": profile.show, "PUT": profile.change},
        "/user/identities/authorize": {"GET": identities.link},
        "/user/identities/{identity_id}": {"DELETE": identities.unlink},
        "/admin/audit": {"GET": AdminAudit(service).list},
        "/otp": {"POST": by_mail.one_time_password},
        "/magiclink": {"POST": by_mail.one_time_password},
        "/recover": {"POST": by_mail.recover},
        "/resend": {"POST": by_mail.resend},
        "/reauthenticate": {"GET": by_mail.reauthenticate},
        "/verify": {"GET": verifying.follow, "POST": verifying.verify},
        "/invite": {"POST": invitations.invite},
        "/admin/generate_link": {"POST": invitations.generate_link},
        "/admin/users": {"GET": admin.list, "POST": admin.create},
        "/admin/users/{user_id}": {"GET": admin.show, "PUT": admin.change, "DELETE": admin.remove},
        "/admin/users/{user_id}/factors": {"GET": admin_factors.list},
        "/admin/users/{user_id}/factors/{factor_id}": {"PUT": admin_factors.change, "DELETE": admin_factors.remove},
        "/factors": {"POST": mfa.enroll},
        "/factors/{factor_id}": {"DELETE": mfa.unenroll},
        "/factors/{factor_id}/challenge": {"POST": mfa.challenge},
        "/factors/{factor_id}/verify": {"POST": mfa.verify},
        "/.well-known/jwks.json": {"GET": discovery.jwks},
        "/.well-known/openid-configuration": {"GET": discovery.openid_configuration},
        "/settings": {"GET": _settings(service)},
        "/health": {"GET": _health},
    }
    routes = [Route(path, _guarded(_by_method(methods)), methods=METHODS) for path, methods in endpoints.items()]
    return [*routes, Route("/{path:path}", _guarded(_anything_else), methods=METHODS)]


def _by_method(methods: dict[str, Endpoint]) -> Endpoint:
    async def choose(request: Request) -> Response:
        endpoint = methods.get("GET" if request.method == "HEAD" else request.method)
        if endpoint is None:
            failure = AuthFailure(405, "method_not_allowed", f"{request.method} is not allowed here")
            response = failure_response(request, failure)
            response.headers["Allow"] = ", ".join(methods)
            return response
        return await endpoint(request)

    return choose


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except OAuthFailure as exc:
            return oauth_response(exc)
        except (AuthFailure, BodyRefused, TooManyWaiting, DatabaseDown, PoolBusy, psycopg.Error) as exc:
            return failure_response(request, _failure(exc))

    return answer


def _failure(exc: Exception) -> AuthFailure:
    match exc:
        case AuthFailure():
            return exc
        case BodyRefused():
            return invalid(str(exc), status=exc.status)
        case TooManyWaiting():
            return AuthFailure(429, "over_request_rate_limit", "Too many sign-ins are waiting; try again shortly")
        case PoolBusy():
            return AuthFailure(
                504, "request_timeout", "Processing this request timed out, please retry after a moment."
            )
        case psycopg.Error() if not (lost(exc) or isinstance(exc, psycopg.OperationalError)):
            return _refused_by_database(exc)
        case _:
            return AuthFailure(503, "database_unavailable", "The database cannot be reached; try again shortly")


def _refused_by_database(exc: psycopg.Error) -> AuthFailure:
    if isinstance(exc, psycopg.DataError):
        return invalid("A value in the request cannot be stored (a NUL character, or out of range)")
    if isinstance(exc, psycopg.errors.ForeignKeyViolation):
        return AuthFailure(409, "conflict", "What this belongs to was deleted in the meantime")
    log.error("database_error", sqlstate=exc.sqlstate, message=exc.diag.message_primary)
    return AuthFailure(500, "unexpected_failure", "Database error")


async def _anything_else(request: Request) -> Response:
    path = request.path_params["path"]
    first = path.split("/")[0]
    if first in NOT_BUILT or path.startswith(("user/", "admin/", ".well-known/")):
        raise not_supported(f"/auth/v1/{path[:100]}")
    raise AuthFailure(404, "not_found", "There is no such path")


def _settings(service: AuthService) -> Endpoint:
    async def show(_request: Request) -> Response:
        settings = service.settings
        return JSONResponse(
            {
                "external": {
                    **dict.fromkeys(EXTERNAL_PROVIDERS, False),
                    "anonymous_users": settings.anonymous_users_enabled,
                    "email": settings.external_email_enabled,
                },
                "disable_signup": settings.disable_signup,
                "mailer_autoconfirm": settings.mailer_autoconfirm,
                "phone_autoconfirm": False,
                "sms_provider": "",
                "saml_enabled": False,
                "saml_private_key_next_configured": False,
                "passkeys_enabled": False,
            }
        )

    return show


async def _health(_request: Request) -> Response:
    return JSONResponse(
        {"version": VERSION, "name": "GoTrue", "description": "A local stand-in for GoTrue, part of SME Boost"}
    )
