"""The tokens file: one token a line, or JSON that says whose each token is and what it may do.

`{"tokens": [{"token", "id"?, "email"?, "name"?, "scopes"?, "bases"?, "oauth"?}]}`; a seed may bring the same list. Left
out, a token has all scopes and all bases, and its owner's id and address follow from the token.
"""

import msgspec

from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.ids import is_id
from smeboost_emulators.airtable.needs import SCOPES
from smeboost_emulators.airtable.state.access import TokenOwner


class _TokensFile(msgspec.Struct, forbid_unknown_fields=True):
    tokens: list[TokenOwner]


def read_tokens(text: bytes) -> list[TokenOwner]:
    """The tokens of a file.

    Raises:
        SeedError: it is JSON and not as it should be; the message says where.
    """
    if not text.lstrip().startswith(b"{"):
        return [TokenOwner(token) for token in text.decode("utf-8", "replace").split()]
    try:
        owners = msgspec.json.decode(text, type=_TokensFile).tokens
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise SeedError(f"the tokens are not valid JSON of the expected shape: {exc}") from None
    return [checked_owner(owner) for owner in owners]


def checked_owner(owner: TokenOwner) -> TokenOwner:
    """The owner, when its ids and scopes can be.

    Raises:
        SeedError: see there; a token is shown by its beginning only.
    """
    where = f"token {owner.token[:6]!r}…"
    if not owner.token or owner.token.split() != [owner.token]:
        raise SeedError(f"{where}: a token is not empty and has no spaces")
    if owner.id is not None and not is_id("usr", owner.id):
        raise SeedError(f"{where}: id {owner.id!r} is not an id; use 'usr' and 14 letters or digits, or leave it out")
    for base_id in owner.bases or ():
        if not is_id("app", base_id):
            raise SeedError(f"{where}: bases has {base_id!r}, which is not the id of a base")
    unknown = sorted((owner.scopes or frozenset()) - SCOPES)
    if unknown:
        raise SeedError(f"{where}: there is no scope {unknown[0]!r}. There are: {', '.join(sorted(SCOPES))}")
    return owner
