"""What an error of the Storage API means to a caller; pure. Source: Supabase docs, "Storage error codes"."""

from smeboost_shared.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    SmeBoostError,
    TokenExpired,
    TooLarge,
    VendorRejected,
    VendorTimeout,
    VendorUnavailable,
)

from smeboost_supabase.service_faults import credentials_refused

VENDOR_TEXT_MAX_LENGTH = 300
LOOK_FIRST = "List the files before you repeat it."


def storage_error(code: str, status: int | str, message: str, *, as_user: bool, writes: bool) -> SmeBoostError:
    """The error for `code` and the status that the body names, which is not the one of HTTP."""
    said = " ".join(message.split())[:VENDOR_TEXT_MAX_LENGTH]
    number = int(status) if str(status).isdigit() else 400
    if "jwt" in said.lower() or (number == 401 and code != "AccessDenied"):
        ended = TokenExpired("The session has ended.", hint="Call sign_in again.")
        return ended if as_user else credentials_refused()
    if number >= 500:
        return OutcomeUnknown(hint=LOOK_FIRST) if writes else VendorUnavailable(f"Supabase Storage failed: {said}")
    kinds: dict[int, type[SmeBoostError]] = {
        403: NotPermitted,
        404: NotFound,
        409: Conflict,
        413: TooLarge,
        429: RateLimited,
        544: VendorTimeout,
        400: InvalidInput,
        415: InvalidInput,
        416: InvalidInput,
        422: InvalidInput,
    }
    return kinds.get(number, VendorRejected)(f"Supabase Storage: {said}")
