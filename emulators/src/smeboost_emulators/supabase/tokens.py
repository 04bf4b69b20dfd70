"""Sign and verify JSON Web Tokens.

Rules of this room:

- A token's `alg` and `kid` only choose among our keys; a key is used with its own algorithm and no other.
- Symmetric keys never appear in the public key set (RFC 7517; GoTrue does the same).
- The expiry leeway belongs to the verifier: none in auth, 30 s in REST.
- A signature is checked once: a keyring remembers the tokens that its keys signed, and never one that it refused. What
  the clock decides is asked at every use.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

Claims = dict[str, Any]
SigningKey = OctKey | ECKey | RSAKey | OKPKey
TOKEN_MAX_LENGTH = 16_384
# At a usual length of a token that is about a megabyte, and never more than 16.
TOKENS_REMEMBERED_MAX = 1024
SECRET_MIN_BYTES = 32
RSA_MIN_BITS = 2048

_KINDS: Mapping[str, type[SigningKey]] = {"oct": OctKey, "EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
_ALGORITHMS: Mapping[str, str] = {"oct": "HS256", "EC": "ES256", "RSA": "RS256", "OKP": "EdDSA"}


class TokenRejected(Exception):
    """The token is not valid."""

    def __init__(self, message: str, reason: Literal["malformed", "claims"] = "malformed") -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True)
class Key:
    """One key, with the only algorithm it is used for."""

    value: SigningKey
    algorithm: str
    kid: str | None

    def may_verify(self, header: Mapping[str, object]) -> bool:
        """Whether a token with this header can be one of ours; without a `kid` the algorithm alone decides."""
        kid = header.get("kid")
        return header.get("alg") == self.algorithm and (kid is None or self.kid is None or kid == self.kid)


@dataclass(frozen=True)
class Keyring:
    """The keys that tokens may be signed with; `signing` is the one that new user tokens get."""

    signing: Key
    secret: Key
    others: tuple[Key, ...] = ()
    _genuine: dict[bytes, str] = field(default_factory=dict[bytes, str], init=False, repr=False, compare=False)

    def sign(self, claims: Claims) -> str:
        """A compact JWS with the key of user tokens."""
        return _encode(self.signing, claims)

    def sign_with_secret(self, claims: Claims) -> str:
        """A compact JWS with HS256: the form of the anon and service_role keys."""
        return _encode(self.secret, claims)

    def verify(self, token: str, *, leeway_seconds: int = 0) -> Claims:
        """The claims of a token that one of our keys signed and that is valid now.

        Raises:
            TokenRejected: it is malformed, signed by somebody else, expired or not yet valid.
        """
        claims = self._verified_claims(token)
        check_times(claims, now=time.time(), leeway_seconds=leeway_seconds)
        return claims

    def public_jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public halves of the asymmetric keys."""
        keys = [key for key in self._all() if key.algorithm != "HS256"]
        return {"keys": [_public(key) for key in keys]}

    def _all(self) -> tuple[Key, ...]:
        return (self.signing, *self.others, self.secret)

    def _verified_claims(self, token: str) -> Claims:
        """The claims of a token that one of our keys signed; every caller gets a dictionary of its own."""
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        known = self._genuine.pop(digest, None)
        if known is None:
            known = json.dumps(self._decoded_claims(token))
        # Put at the end: the first one is then the one that was used longest ago.
        self._genuine[digest] = known
        if len(self._genuine) > TOKENS_REMEMBERED_MAX:
            del self._genuine[next(iter(self._genuine))]
        return json.loads(known)

    def _decoded_claims(self, token: str) -> Claims:
        header = _header(token)
        candidates = [key for key in self._all() if key.may_verify(header)]
        if not candidates:
            raise TokenRejected("No suitable key or wrong key type")
        for key in candidates:
            try:
                return dict(jwt.decode(token, key.value, algorithms=[key.algorithm]).claims)
            except (JoseError, ValueError, TypeError, RecursionError):
                continue
        raise TokenRejected("JWT cryptographic operation failed")


def check_times(claims: Mapping[str, object], *, now: float, leeway_seconds: int) -> None:
    """Check `exp`, `nbf` and `iat` (RFC 7519 section 4.1).

    Raises:
        TokenRejected: with reason `claims`.
    """
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise TokenRejected(f"The JWT '{name}' claim must be a number", "claims")
    expires, starts, issued = (claims.get(name) for name in ("exp", "nbf", "iat"))
    if isinstance(expires, int | float) and now > expires + leeway_seconds:
        raise TokenRejected("JWT expired", "claims")
    if isinstance(starts, int | float) and now < starts - leeway_seconds:
        raise TokenRejected("JWT not yet valid", "claims")
    if isinstance(issued, int | float) and now < issued - leeway_seconds:
        raise TokenRejected("JWT issued at future", "claims")


def key_from_jwk(jwk: Mapping[str, Any]) -> Key:
    """A key from its JWK.

    Raises:
        ValueError: the JWK is not one we can use.
    """
    kind = str(jwk.get("kty", ""))
    if kind not in _KINDS:
        raise ValueError("kty must be one of oct, EC, RSA, OKP")
    if jwk.get("alg", _ALGORITHMS[kind]) != _ALGORITHMS[kind]:
        raise ValueError(f"alg must be {_ALGORITHMS[kind]} for kty {kind}")
    # What a key may be used for is ours to say: the one that signs has to verify, too.
    material = {name: value for name, value in jwk.items() if name not in {"key_ops", "use", "ext"}}
    try:
        value = _KINDS[kind].import_key(material)
    except (JoseError, KeyError, TypeError, ValueError) as exc:
        raise ValueError(f"not a usable JWK: {exc}") from None
    _require_strength(value)
    kid = jwk.get("kid")
    return Key(value=value, algorithm=_ALGORITHMS[kind], kid=str(kid) if kid else None)


def _require_strength(value: SigningKey) -> None:
    if isinstance(value, OctKey) and len(value.raw_value) < SECRET_MIN_BYTES:
        raise ValueError(f"an oct key must have at least {SECRET_MIN_BYTES} bytes")
    if isinstance(value, RSAKey) and value.raw_value.key_size < RSA_MIN_BITS:
        raise ValueError(f"an RSA key must have at least {RSA_MIN_BITS} bits")
    if isinstance(value, ECKey) and value.curve_name != "P-256":
        raise ValueError("crv must be P-256 for kty EC")
    if isinstance(value, OKPKey) and value.curve_name != "Ed25519":
        raise ValueError("crv must be Ed25519 for kty OKP")


def key_from_secret(secret: str) -> Key:
    """The HS256 key of a shared secret."""
    return Key(value=OctKey.import_key(secret), algorithm="HS256", kid=None)


def keys_from_setting(text: str) -> tuple[Key, tuple[Key, ...]]:
    """The signing key and the other keys of `GOTRUE_JWT_KEYS`.

    Raises:
        ValueError: it is not a JSON array of JWKs of which exactly one has `sign` among its `key_ops`.
    """
    try:
        jwks: object = json.loads(text)
    except ValueError as exc:
        raise ValueError("must be a JSON array of JWKs") from exc
    items = cast(list[object], jwks) if isinstance(jwks, list) else []
    entries = [cast(dict[str, Any], item) for item in items if isinstance(item, dict)]
    if not entries or len(entries) != len(items):
        raise ValueError("must be a JSON array of JWKs")
    signing = [jwk for jwk in entries if "sign" in jwk.get("key_ops", [])]
    if len(signing) != 1:
        raise ValueError('exactly one key must have "sign" in its key_ops')
    chosen = key_from_jwk(signing[0])
    if not chosen.value.is_private:
        raise ValueError("the key with sign in its key_ops has no private part")
    others = tuple(key_from_jwk(jwk) for jwk in entries if jwk is not signing[0])
    kids = [key.kid for key in (chosen, *others) if key.kid]
    if len(set(kids)) != len(kids):
        raise ValueError("no two keys may have the same kid")
    return chosen, others


def new_es256_jwk() -> dict[str, Any]:
    """A fresh private P-256 key as a JWK with a `kid`."""
    key = ECKey.generate_key("P-256", parameters={"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
    return dict(key.as_dict(private=True))


def _header(token: str) -> Mapping[str, object]:
    if len(token) > TOKEN_MAX_LENGTH:
        raise TokenRejected("JWT is too long")
    parts = token.count(".") + 1
    if parts != 3:
        raise TokenRejected(f"Expected 3 parts in JWT; got {parts}")
    try:
        return jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenRejected("JWT could not be decoded") from None


def _encode(key: Key, claims: Claims) -> str:
    header = {"alg": key.algorithm, "typ": "JWT"}
    if key.kid:
        header["kid"] = key.kid
    return jwt.encode(header, claims, key.value, algorithms=[key.algorithm])


def _public(key: Key) -> dict[str, Any]:
    public = dict(key.value.as_dict(private=False))
    return {**public, "alg": key.algorithm, "use": "sig", "key_ops": ["verify"], "ext": True}
