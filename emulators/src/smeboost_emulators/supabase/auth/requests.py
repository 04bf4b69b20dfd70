"""The bodies that auth endpoints read. Unknown members are ignored, as GoTrue does; null means absent."""

from typing import Any, TypeVar

import msgspec

from smeboost_emulators.supabase.auth.errors import bad_json

Metadata = dict[str, Any]


class SignUp(msgspec.Struct):
    email: str | None = None
    phone: str | None = None
    password: str | None = None
    data: Metadata | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


class PasswordGrant(msgspec.Struct):
    email: str | None = None
    phone: str | None = None
    password: str | None = None


class RefreshGrant(msgspec.Struct):
    refresh_token: str | None = None


class CodeGrant(msgspec.Struct):
    auth_code: str | None = None
    code_verifier: str | None = None


class MailedCode(msgspec.Struct):
    email: str | None = None
    phone: str | None = None
    create_user: bool | None = None
    data: Metadata | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


class Recovery(msgspec.Struct):
    email: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


class Resending(msgspec.Struct):
    type: str | None = None
    email: str | None = None
    phone: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


class Verification(msgspec.Struct):
    type: str | None = None
    email: str | None = None
    phone: str | None = None
    token: str | None = None
    token_hash: str | None = None


class Invitation(msgspec.Struct):
    email: str | None = None
    data: Metadata | None = None


class LinkWish(msgspec.Struct):
    type: str | None = None
    email: str | None = None
    password: str | None = None
    new_email: str | None = None
    data: Metadata | None = None
    redirect_to: str | None = None


class UserChange(msgspec.Struct):
    email: str | None = None
    phone: str | None = None
    password: str | None = None
    current_password: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    data: Metadata | None = None
    app_metadata: Metadata | None = None


class AdminUser(msgspec.Struct):
    id: str | None = None
    email: str | None = None
    phone: str | None = None
    password: str | None = None
    password_hash: str | None = None
    email_confirm: bool | None = None
    role: str | None = None
    user_metadata: Metadata | None = None
    app_metadata: Metadata | None = None
    ban_duration: str | None = None


class AdminDelete(msgspec.Struct):
    should_soft_delete: bool | None = None


class NewFactor(msgspec.Struct):
    factor_type: str | None = None
    friendly_name: str | None = None
    issuer: str | None = None


class FactorCode(msgspec.Struct):
    challenge_id: str | None = None
    code: str | None = None


class FactorChange(msgspec.Struct):
    friendly_name: str | None = None


Body = TypeVar("Body", bound=msgspec.Struct)


def parse(body: bytes, kind: type[Body]) -> Body:
    """The body as `kind`; an empty one counts as `{}`.

    Raises:
        AuthFailure: bad_json.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise bad_json(str(exc)) from None
    except RecursionError:
        raise bad_json("nested too deeply") from None
