"""Whom a statement runs as, so that row level security can be tried out."""

from uuid import UUID

from pydantic import JsonValue
from smeboost_shared.errors import FieldProblem, InvalidInput, NotFound

from smeboost_supabase.database import Actor, Database
from smeboost_supabase.logins import ACTED_ROLES

_USER = """
select id::text, email, phone, role, raw_app_meta_data as app_metadata, raw_user_meta_data as user_metadata,
  coalesce(is_anonymous, false) as is_anonymous
from auth.users
where deleted_at is null and (id = %(id)s::uuid or lower(email) = lower(%(email)s))
limit 1
"""


async def find_actor(database: Database, run_as: str) -> Actor:
    """The actor that `run_as` names: a role, or a user by id or e-mail address with the claims of their token.

    Raises:
        InvalidInput: it is neither.
        NotFound: there is no such user.
    """
    if run_as in ACTED_ROLES:
        return Actor(run_as, {})
    wanted = user_wanted(run_as)
    rows = await database.ask(_USER, {"id": None, "email": None, **wanted})
    if not rows:
        raise NotFound(f"There is no user {run_as!r}.")
    return Actor(rows[0]["role"] or "authenticated", claims_of(rows[0]))


def user_wanted(run_as: str) -> dict[str, str]:
    """`{"id"}` or `{"email"}` of the user that `run_as` names.

    Raises:
        InvalidInput: it is neither.
    """
    try:
        return {"id": str(UUID(run_as))}
    except ValueError:
        if "@" in run_as:
            return {"email": run_as}
    said = f"must be {', '.join(ACTED_ROLES)}, or the id or e-mail address of a user"
    raise InvalidInput("run_as names nobody.", errors=[FieldProblem(field="run_as", message=said)])


def claims_of(user: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The claims that Auth puts into this user's token, as far as policies look at them."""
    return {
        "sub": user["id"],
        "aud": "authenticated",
        "role": user.get("role") or "authenticated",
        "email": user.get("email") or "",
        "phone": user.get("phone") or "",
        "app_metadata": user.get("app_metadata") or {},
        "user_metadata": user.get("user_metadata") or {},
        "is_anonymous": user.get("is_anonymous") or False,
        "aal": "aal1",
    }
