"""Time-based one-time codes (RFC 6238) as authenticator apps make them: SHA-1, six digits, 30 seconds."""

import base64
import hmac
import io
import secrets

import segno
from pyotp.totp import TOTP
from segno.encoder import DataOverflowError

PERIOD_SECONDS = 30
# A clock that is up to one period off still makes a code that is good.
TOLERATED_STEPS = (0, -1, 1)
SECRET_BYTES = 20


def new_secret() -> str:
    """A random secret of 160 bits in base32."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def enrolment_uri(secret: str, *, account: str, issuer: str) -> str:
    """The otpauth address that an app reads."""
    return TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def qr_code(text: str) -> str:
    """`text` as an SVG document.

    Raises:
        ValueError: it is longer than a QR code holds.
    """
    drawing = io.BytesIO()
    try:
        code = segno.make_qr(text)
    except DataOverflowError:
        raise ValueError("too long for a QR code") from None
    # Clients put this into a data URL as it is, where the `#` of a colour would end it.
    code.save(drawing, kind="svg", scale=4, dark="black", light="white", xmldecl=False, nl=False)
    return drawing.getvalue().decode().replace("#000", "black").replace("#fff", "white")


def matching_step(secret: str, code: str, *, now: float) -> int | None:
    """The number of the period that `code` belongs to, or None when it is not good now."""
    step = int(now) // PERIOD_SECONDS
    totp = TOTP(secret)
    for offset in TOLERATED_STEPS:
        right = totp.generate_otp(step + offset)
        if hmac.compare_digest(right.encode(), code.encode(errors="replace")):
            return step + offset
    return None
