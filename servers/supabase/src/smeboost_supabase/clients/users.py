"""Users of the project, through Auth's admin API; the configured key must be a secret one."""

from typing import cast
from uuid import UUID

from smeboost_shared.errors import FieldProblem, InvalidInput, NotFound, VendorBadAnswer
from supabase_auth import AsyncGoTrueAdminAPI
from supabase_auth import User as AuthUser
from supabase_auth.types import AdminUserAttributes, AuthMFAAdminDeleteFactorParams, InviteUserByEmailOptions

from smeboost_supabase.actors import user_wanted
from smeboost_supabase.clients.auth_answers import ask_auth_admin
from smeboost_supabase.clients.project import Project
from smeboost_supabase.database import Database
from smeboost_supabase.models import Account, Factor, NewValues, UserSession

PAGE_SEARCHED = 1000
PAGES_SEARCHED_MAX = 20
"""Auth cannot look for an address, so pages are read; with a database the address is looked up there."""
FOREVER = "876000h"
SESSIONS_MAX = 100
_ID = "select id::text from auth.users where deleted_at is null and lower(email) = lower(%s) limit 1"
_SESSIONS = """
select id::text, created_at, refreshed_at at time zone 'utc' as refreshed_at, not_after, aal::text, user_agent,
  host(ip) as ip
from auth.sessions where user_id = %s::uuid order by created_at desc limit %s
"""
_END = "delete from auth.sessions where user_id = %s::uuid"


class Users:
    """Reads and changes users. Every method raises as `ask_auth_admin` says."""

    def __init__(self, project: Project, database: Database | None) -> None:
        self._project = project
        self._database = database

    async def list_users(self, *, page: int, per_page: int) -> list[Account]:
        """One page of users; pages count from 1."""
        found = await ask_auth_admin(lambda: self._admin.list_users(page, per_page), writes=False)
        return [account(user) for user in found]

    async def find(self, who: str) -> Account:
        """The user with this id or e-mail address."""
        wanted = user_wanted(who)
        user_id = wanted.get("id") or await self._id_of(wanted["email"])
        answer = await ask_auth_admin(lambda: self._admin.get_user_by_id(user_id), writes=False)
        return account(answer.user)

    async def factors(self, user_id: str) -> list[Factor]:
        """The second factors of a user."""
        answer = await ask_auth_admin(lambda: self._admin.mfa.list_factors({"user_id": user_id}), writes=False)
        return [
            Factor(
                id=factor.id,
                name=factor.friendly_name,
                type=factor.factor_type,
                status=factor.status,
                created_at=factor.created_at,
            )
            for factor in answer
        ]

    async def sessions(self, user_id: str) -> list[UserSession]:
        """The sign-ins of a user that have not ended, at most `SESSIONS_MAX`; from the database.

        Raises:
            Misconfigured: SUPABASE_DB_URL is not set.
        """
        rows = await self._sql.ask(_SESSIONS, [user_id, SESSIONS_MAX])
        return [UserSession.model_validate(row) for row in rows]

    async def create(self, values: NewValues) -> Account:
        """Make a user."""
        attributes = _attributes(values)
        answer = await ask_auth_admin(lambda: self._admin.create_user(attributes), writes=True)
        return account(answer.user)

    async def invite(self, values: NewValues) -> Account:
        """Make a user and send them an invitation."""
        email = values.email
        if email is None:
            problem = FieldProblem(field="values.email", message="is needed")
            raise InvalidInput("An address is needed.", errors=[problem])
        data: InviteUserByEmailOptions = {"data": values.user_metadata or {}}
        answer = await ask_auth_admin(lambda: self._admin.invite_user_by_email(email, data), writes=True)
        return account(answer.user)

    async def update(self, user_id: str, values: NewValues) -> Account:
        """Change what is given."""
        attributes = _attributes(values)
        answer = await ask_auth_admin(lambda: self._admin.update_user_by_id(user_id, attributes), writes=True)
        return account(answer.user)

    async def delete(self, user_id: str) -> None:
        """Remove a user for good, with what refers to them."""
        await ask_auth_admin(lambda: self._admin.delete_user(user_id), writes=True)

    async def delete_factor(self, user_id: str, factor_id: str) -> None:
        """Remove a second factor."""
        try:
            params: AuthMFAAdminDeleteFactorParams = {"user_id": user_id, "id": str(UUID(factor_id))}
        except ValueError:
            raise NotFound("There is no such factor.") from None
        await ask_auth_admin(lambda: self._admin.mfa.delete_factor(params), writes=True)

    async def end_sessions(self, user_id: str) -> int:
        """End every sign-in of a user, in the database; how many there were.

        Raises:
            Misconfigured: SUPABASE_DB_URL is not set.
        """
        async with self._sql.changing() as connection:
            return (await connection.execute(_END, [user_id])).rowcount

    async def _id_of(self, email: str) -> str:
        if self._database is not None:
            rows = await self._database.ask(_ID, [email])
            if rows:
                return rows[0]["id"]
            raise NotFound(f"There is no user {email!r}.")
        for page in range(1, PAGES_SEARCHED_MAX + 1):
            users = await self.list_users(page=page, per_page=PAGE_SEARCHED)
            if found := next((user.id for user in users if (user.email or "").lower() == email.lower()), None):
                return found
            if len(users) < PAGE_SEARCHED:
                break
        raise NotFound(f"There is no user {email!r}.", hint="Very many users are found by their id only.")

    @property
    def _admin(self) -> AsyncGoTrueAdminAPI:
        return self._project.supabase.auth.admin

    @property
    def _sql(self) -> Database:
        return self._database or Database(self._project.settings)


def account(user: AuthUser | None) -> Account:
    """The user as an administrator sees them."""
    if user is None:
        raise VendorBadAnswer("Supabase Auth answered without the user.")
    return Account(
        id=user.id,
        email=user.email or None,
        phone=user.phone or None,
        role=user.role,
        created_at=user.created_at,
        last_sign_in_at=user.last_sign_in_at,
        confirmed_at=user.confirmed_at or user.email_confirmed_at,
        banned_until=user.banned_until,
        is_anonymous=user.is_anonymous,
        providers=list(dict.fromkeys(identity.provider for identity in user.identities or [])),
        app_metadata=user.app_metadata,
        user_metadata=user.user_metadata,
    )


def _attributes(values: NewValues) -> AdminUserAttributes:
    given = values.model_dump(exclude_none=True)
    if values.password is not None:
        given["password"] = values.password.get_secret_value()
    return cast(AdminUserAttributes, given)
