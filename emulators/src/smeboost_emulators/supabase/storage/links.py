"""Signed links: a token that says which object, until when, and for an upload in whose name.

Rules of this room:

- A link to read is no link to upload: only the latter has `upsert` in its token.
- Tokens are signed with the project's secret, as in the original; they name no role, so they open nothing else.
"""

import time
from dataclasses import dataclass
from urllib.parse import quote

from smeboost_emulators.supabase.storage.errors import StorageFailure
from smeboost_emulators.supabase.tokens import Claims, Keyring, TokenRejected

# Of the characters that names may have, `?` and the space would end a path.
_PLAIN = "/!*'()&$@=;:+,"


@dataclass(frozen=True)
class UploadRight:
    """What the bearer of an upload link may do."""

    owner: str | None
    upsert: bool


class Links:
    """Makes and reads signed links."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def to_read(self, bucket: str, key: str, seconds: int) -> str:
        """A link, relative to /storage/v1, that shows the object for so long."""
        token = self._sign({"url": f"{bucket}/{key}"}, seconds)
        return f"/object/sign/{_encoded(bucket, key)}?token={token}"

    def to_upload(self, bucket: str, key: str, right: UploadRight, seconds: int) -> tuple[str, str]:
        """A link, relative to /storage/v1, and its token."""
        token = self._sign({"url": f"{bucket}/{key}", "owner": right.owner, "upsert": right.upsert}, seconds)
        return f"/object/upload/sign/{_encoded(bucket, key)}?token={token}", token

    def check_read(self, token: str, bucket: str, key: str) -> float:
        """Until when (seconds of the clock) the token shows this object.

        Raises:
            StorageFailure: InvalidJWT, InvalidSignature.
        """
        claims = self._claims(token, bucket, key)
        if "upsert" in claims:
            raise _wrong()
        return float(claims["exp"])

    def check_upload(self, token: str, bucket: str, key: str) -> UploadRight:
        """What the token allows for this object.

        Raises:
            StorageFailure: InvalidJWT, InvalidSignature.
        """
        claims = self._claims(token, bucket, key)
        upsert, owner = claims.get("upsert"), claims.get("owner")
        if not isinstance(upsert, bool):
            raise _wrong()
        return UploadRight(owner if isinstance(owner, str) else None, upsert)

    def _sign(self, claims: Claims, seconds: int) -> str:
        now = int(time.time())
        return self._keyring.sign_with_secret({**claims, "iat": now, "exp": now + seconds})

    def _claims(self, token: str, bucket: str, key: str) -> Claims:
        if not token:
            raise StorageFailure(400, "InvalidRequest", "querystring must have required property 'token'")
        try:
            claims = self._keyring.verify(token)
        except TokenRejected as exc:
            if str(exc) == "JWT expired":
                raise StorageFailure(400, "InvalidJWT", '"exp" claim timestamp check failed') from None
            raise StorageFailure(400, "InvalidJWT", str(exc)) from None
        if claims.get("url") != f"{bucket}/{key}" or "exp" not in claims:
            raise _wrong()
        return claims


def _encoded(bucket: str, key: str) -> str:
    return quote(f"{bucket}/{key}", safe=_PLAIN)


def _wrong() -> StorageFailure:
    return StorageFailure(400, "InvalidSignature", "Invalid signature")
