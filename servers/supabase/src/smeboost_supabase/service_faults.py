"""What a failure of Auth, of a gateway before the project, or of HTTP itself means to a caller.

Pure, as `database_faults` is. Source for the codes: Supabase docs, "Auth error codes".
"""

import httpx
from smeboost_shared.errors import (
    Conflict,
    InvalidInput,
    Misconfigured,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    SmeBoostError,
    TokenExpired,
    TooLarge,
    VendorBadAnswer,
    VendorCredentials,
    VendorRejected,
    VendorTimeout,
    VendorUnavailable,
)

from smeboost_supabase.wire import AnswerTooLarge, Refused

LOOK_FIRST = "Read the rows to see what happened before you repeat it."
CUT = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)
"""The connection ended before the answer was complete."""
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
"""The request did not leave, so nothing can have happened."""

# --- Auth ---------------------------------------------------------------------------------------------------------

_SESSION_GONE = frozenset(
    {
        "session_not_found",
        "session_expired",
        "refresh_token_not_found",
        "refresh_token_already_used",
        "bad_jwt",
        "user_not_found",
    }
)
_SIGN_IN_REFUSED = {
    "user_banned": "This account is banned.",
    "email_not_confirmed": "The email address is not confirmed yet.",
    "phone_not_confirmed": "The phone number is not confirmed yet.",
    "email_provider_disabled": "The project does not allow sign-in with email and password.",
    "provider_disabled": "The project does not allow this way to sign in.",
    "captcha_failed": "The project wants a CAPTCHA at sign-in, which this server cannot solve.",
    "insufficient_aal": "The project wants a second factor for this.",
    "user_sso_managed": "This account signs in through its organisation.",
}


def auth_error(code: str | None, status: int, *, retry_after_seconds: float | None = None) -> SmeBoostError:
    """The error that Auth's `code` (or, without one, its HTTP status) stands for."""
    if code == "invalid_credentials":
        return NotAuthenticated("The email or the password is wrong.")
    if code in _SIGN_IN_REFUSED:
        return NotPermitted(_SIGN_IN_REFUSED[code])
    if code in _SESSION_GONE:
        return TokenExpired("The session has ended.", hint="Call sign_in again.")
    if status == 429 or (code and code.startswith("over_")):
        return RateLimited("Too many sign-ins; the project asks to wait.", retry_after_seconds=retry_after_seconds)
    if code == "validation_failed":
        return InvalidInput("The project does not accept this email or password as one.")
    if code == "no_authorization" or status in (401, 403):
        return credentials_refused()
    if code in ("request_timeout", "hook_timeout", "hook_timeout_after_retry") or status == 504:
        return VendorTimeout()
    if code == "conflict" or status >= 500:
        return VendorUnavailable("Supabase Auth cannot answer at the moment.")
    return VendorRejected(f"Supabase Auth refused the request ({code or status}).")


def admin_error(code: str | None, status: int, message: str) -> SmeBoostError | None:
    """The error of an administrator's call; None when it means the same as for everybody."""
    if code in ("user_not_found", "mfa_factor_not_found") or status == 404:
        return NotFound("There is no such factor." if code == "mfa_factor_not_found" else "There is no such user.")
    if code in ("email_exists", "phone_exists", "user_already_exists", "conflict"):
        return Conflict("There is a user with this address already.")
    if code in ("not_admin", "no_authorization", "bad_jwt") or status in (401, 403):
        return NotPermitted(
            "The configured key may not administer users.", hint="Set SUPABASE_KEY to a secret (service_role) key."
        )
    if code in ("validation_failed", "bad_json") or status in (400, 422):
        return InvalidInput(f"The project does not accept this: {' '.join(message.split())[:300]}")
    return None


# --- answers that are not the service's own ---------------------------------------------------------------------------


def refused_error(status: int, *, writes: bool, retry_after_seconds: float | None = None) -> SmeBoostError:
    """The error for an answer by something before the service: a gateway, a proxy, another server altogether."""
    if status == 429:
        return RateLimited("The project asks to wait.", retry_after_seconds=retry_after_seconds)
    if status in (401, 403):
        return credentials_refused()
    if status == 413:
        return TooLarge("The project does not accept a request of this size.", hint="Send fewer rows at once.")
    if status == 404 or 300 <= status < 400:
        what = "redirects" if status != 404 else "does not answer as a Supabase project"
        return Misconfigured(f"SUPABASE_URL {what} (HTTP {status}).", hint="Set SUPABASE_URL to the project's own URL.")
    # 503 and 521 to 523 say that the request was not delivered; any other failure may have come after the write.
    if writes and status >= 500 and status not in (503, 521, 522, 523):
        return OutcomeUnknown(hint=LOOK_FIRST)
    if status in (408, 504, 524):
        return VendorTimeout()
    if status >= 500:
        return VendorUnavailable(
            f"Supabase cannot answer at the moment (HTTP {status}).", retry_after_seconds=retry_after_seconds
        )
    return VendorBadAnswer(f"Supabase gave an answer that we do not understand (HTTP {status}).")


def http_error(exc: Exception, *, writes: bool) -> SmeBoostError:
    """The error for what HTTP itself raised: `Refused`, `AnswerTooLarge` or one of httpx's."""
    if isinstance(exc, Refused):
        return refused_error(exc.status, writes=writes, retry_after_seconds=exc.retry_after_seconds)
    if isinstance(exc, AnswerTooLarge):
        return _too_large(exc, writes=writes)
    if isinstance(exc, NOT_SENT):
        return VendorUnavailable("Supabase cannot be reached at SUPABASE_URL.")
    if writes and isinstance(exc, httpx.RequestError):
        return OutcomeUnknown(hint=LOOK_FIRST)
    if isinstance(exc, httpx.TimeoutException):
        return VendorTimeout("Supabase did not answer in time.")
    if isinstance(exc, CUT):
        return VendorUnavailable("The connection to Supabase was cut.")
    return VendorBadAnswer("Supabase gave an answer that we do not understand.")


def _too_large(exc: AnswerTooLarge, *, writes: bool) -> TooLarge:
    if writes and exc.succeeded:
        return TooLarge(
            f"The rows were written, but showing them takes more than {exc.limit_bytes} bytes.",
            hint="Do not repeat the call. Read the rows in smaller pages; pass returning=false next time.",
        )
    return TooLarge(f"The answer is larger than {exc.limit_bytes} bytes.", hint="Ask for fewer rows or columns.")


def credentials_refused() -> VendorCredentials:
    """The error for a key that the project does not take."""
    return VendorCredentials(
        "Supabase refused the configured key.", hint="Set SUPABASE_KEY to a key of the project that SUPABASE_URL names."
    )
