"""What verifiers of tokens read: the public keys, and where they are (OpenID Connect Discovery 1.0, section 3).

Only what exists here is named: there is no OAuth server, so no authorization endpoint.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth.service import AuthService

CACHED = {"Cache-Control": "public, max-age=600"}
CLAIMS = ["sub", "iss", "aud", "exp", "iat", "email", "phone", "role", "aal", "amr", "session_id", "is_anonymous"]


class Discovery:
    """/.well-known."""

    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def jwks(self, _request: Request) -> Response:
        """GET /.well-known/jwks.json: the public halves of all keys that a token may be signed with."""
        return JSONResponse(self._service.keyring.public_jwks(), headers=CACHED)

    async def openid_configuration(self, request: Request) -> Response:
        """GET /.well-known/openid-configuration."""
        issuer = self._service.issuer(request)
        configuration = {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/user",
            "grant_types_supported": ["password", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self._service.keyring.signing.algorithm],
            "claims_supported": CLAIMS,
        }
        return JSONResponse(configuration, headers=CACHED)
