"""What is wrong when Airtable lets a request not through: the token, its scopes, its bases, its owner's role, the host.

Pure; secrets are looked at and never shown. Airtable says "not permitted" of three things at once: a scope that the
token lacks, a base that it was not granted, a role that its owner does not have (https://airtable.com/developers/web/api/scopes).
"""

from collections.abc import Sequence

from smeboost_airtable.models import Base

TOKENS_PAGE = "https://airtable.com/create/tokens"
TOKEN_CHARACTERS, TOKEN_ID_CHARACTERS = 82, 17
"""`pat` and 14 characters, a dot, 64 characters; not promised by Airtable, so only said of a token that was refused."""
LEVELS = ("none", "read", "comment", "edit", "create")
"""Roles in a base, from the least to the most."""
NEEDED_LEVEL = {
    "data.records:write": "edit",
    "data.recordComments:write": "comment",
    "schema.bases:write": "create",
    "webhook:manage": "create",
}
PERMISSION_HINT = (
    "Check three things: the token has the scope {scope}, the token was granted this base, "
    f"and its owner's role in the base allows it. Tokens are edited at {TOKENS_PAGE}"
)
WRONG_HOST_HINT = (
    "What answers there is not Airtable's API. Check AIRTABLE_ENDPOINT_URL; Airtable's is https://api.airtable.com"
)


def token_diagnosis(token: str) -> str:
    """What looks wrong with a token that was refused."""
    if token[:1] in "\"'" or token[-1:] in "\"'":
        return "AIRTABLE_API_KEY has quotes around it; take them away."
    if token.startswith(("app", "tbl", "rec", "wsp", "usr")) and len(token) == TOKEN_ID_CHARACTERS:
        return f"AIRTABLE_API_KEY holds an id ({token[:3]}...), no token. Make a personal access token at {TOKENS_PAGE}"
    if token.startswith("key"):
        return "AIRTABLE_API_KEY holds an old API key; they ended in February 2024. Make a personal access token."
    if token.startswith("oaa"):
        return "AIRTABLE_API_KEY holds an OAuth token; these expire after an hour. Use a personal access token."
    length, dots = len(token), token.count(".")
    seen = f"it has {length} characters and {dots} dots, a personal access token has about {TOKEN_CHARACTERS} and 1"
    if token.startswith("pat") and dots == 0 and length <= TOKEN_ID_CHARACTERS:
        return f"AIRTABLE_API_KEY is cut off: it ends before the dot ({seen}). Copy it again; the secret is shown once."
    if dots != 1 or length < TOKEN_CHARACTERS - 2:
        return f"AIRTABLE_API_KEY is probably cut off or not a token: {seen}. Copy it again."
    if not token.startswith("pat"):
        return "AIRTABLE_API_KEY does not begin with pat: its beginning is probably cut off. Copy it again."
    return f"AIRTABLE_API_KEY has the form of a token, so it was probably revoked. Make a new one at {TOKENS_PAGE}"


def permission_hint(scope: str, base_id: str, bases: Sequence[Base] | None) -> str:
    """Why a request that needs `scope` is not permitted, as far as the list of bases tells; None: it is unreadable."""
    if not base_id:
        return f"The token lacks the scope {scope}, or its owner may not do this. Tokens are edited at {TOKENS_PAGE}"
    base = next((each for each in bases or () if each.id == base_id), None)
    if base is None:
        more = "" if bases is not None else " The token also lacks schema.bases:read, so its bases cannot be listed."
        return PERMISSION_HINT.format(scope=scope) + more
    needed = NEEDED_LEVEL.get(scope, "read")
    if base.permission_level in LEVELS and LEVELS.index(base.permission_level) < LEVELS.index(needed):
        return (
            f"The token's owner has the role {base.permission_level!r} in this base, and this needs {needed!r}. "
            "An owner of the base can change that; another token of the same person does not help."
        )
    return (
        f"The token was granted this base, and its owner's role {base.permission_level!r} allows it, so the token "
        f"probably lacks the scope {scope}. Add it at {TOKENS_PAGE}"
    )


def not_granted_hint(bases: Sequence[Base]) -> str:
    """What to do about a base that is not among those that the token sees."""
    if not bases:
        return f"The token works, but was granted no base at all. Add bases to it at {TOKENS_PAGE}"
    seen = "one base" if len(bases) == 1 else f"{len(bases)} bases"
    return (
        f"The token works and sees {seen}, not this one: check the id with list_bases, "
        f"or grant the token this base at {TOKENS_PAGE}"
    )
