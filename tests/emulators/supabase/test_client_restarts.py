"""The backend is started again on the same database and folder: what was there is there, what was taken away is not."""

import httpx
import psycopg
import pytest
from pyotp.totp import TOTP

PASSWORD = "correct horse"
# Everything that says who may do what, as pairs of a thing and what holds for it.
RIGHTS = """
with acls(thing, owner, acl) as (
  select 'relation ' || oid::regclass, relowner, coalesce(relacl, acldefault('r', relowner)) from pg_class
   where relkind in ('r', 'p', 'v', 'm', 'f')
  union all select 'sequence ' || oid::regclass, relowner, coalesce(relacl, acldefault('s', relowner)) from pg_class
   where relkind = 'S'
  union all select format('column %s.%I', attrelid::regclass, attname), 0, attacl from pg_attribute
   where attacl is not null
  union all select 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)) from pg_namespace
   where nspname !~ '^pg_(toast_)?temp'
  union all select 'function ' || oid::regprocedure, proowner, coalesce(proacl, acldefault('f', proowner)) from pg_proc
  union all select 'type ' || oid::regtype, typowner, coalesce(typacl, acldefault('T', typowner)) from pg_type
  union all select 'database ' || datname, datdba, coalesce(datacl, acldefault('d', datdba)) from pg_database
  union all select format('default %s %s %s', defaclrole::regrole, defaclnamespace, defaclobjtype), 0, defaclacl
   from pg_default_acl
)
select thing, format('%s to %s by %s %s', privilege_type, grantee::regrole, grantor::regrole, is_grantable)
  from acls, aclexplode(acl)
union all select thing, 'owned by ' || owner::regrole from acls
union all select 'member ' || member::regrole, row(roleid::regrole, admin_option, inherit_option, set_option)::text
  from pg_auth_members
union all select 'role ' || rolname,
  row(rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls)::text from pg_roles
union all select 'setting ' || setrole::regrole || setdatabase, setconfig::text from pg_db_role_setting
union all select format('policy %I.%I %I', schemaname, tablename, policyname),
  row(permissive, roles, cmd, qual, with_check)::text from pg_policies
union all select 'security ' || oid::regclass, row(relrowsecurity, relforcerowsecurity)::text from pg_class
  where relkind in ('r', 'p')
union all select 'published ' || pubname, row(schemaname, tablename, attnames, rowfilter)::text
  from pg_publication_tables
union all select 'trigger ' || tgrelid::regclass, row(tgname, tgenabled)::text from pg_trigger where not tgisinternal
"""
TAKEN_AWAY = """
revoke all on all tables in schema public from anon;
revoke insert (body) on public.things from authenticated;
revoke usage on schema storage from anon;
revoke select, insert on storage.objects from authenticated;
revoke execute on function auth.uid() from anon, public;
revoke execute on all functions in schema public from public, anon;
alter default privileges in schema public revoke all on tables from anon, authenticated;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon;
revoke usage on schema realtime from anon;
revoke select on realtime.messages from authenticated;
alter role service_role nobypassrls;
alter role anon set statement_timeout = '1s';
drop policy everybody on public.things;
alter publication supabase_realtime drop table public.things;
"""


@pytest.fixture
def start(stoppable_postgres, start_supabase_backend, tmp_path):
    """Start a backend, always on the same server and folder; the roles of this server are no other test's."""
    database = stoppable_postgres()

    def run(**settings):
        return start_supabase_backend(database.url, file_storage_path=str(tmp_path / "files"), **settings)

    return run


def rights_in(database_url):
    with psycopg.connect(database_url) as connection:
        return set(connection.execute(RIGHTS).fetchall())


def use(backend):
    """Ask every part for something, so that whatever is done at the first request is done."""
    with httpx.Client(base_url=backend.url, headers={"apikey": backend.service_role_key}, timeout=10) as http:
        paths = ["/auth/v1/admin/users", "/rest/v1/", "/storage/v1/bucket", "/_emulator/inbox/messages"]
        answers = [http.get(path) for path in paths]
        message = {"topic": "t", "event": "e", "payload": {}, "private": True}
        answers.append(http.post("/realtime/v1/api/broadcast", json={"messages": [message]}))
        return [answer.status_code for answer in answers]


def test_users_sessions_factors_files_and_keys_outlive_a_restart(start, client_for):
    content = bytes(range(256)) * 1000
    with start() as backend:
        user = backend.create_user("ada@example.com", PASSWORD, user_metadata={"name": "Ada"})
        client = client_for(backend=backend)
        client.auth.sign_in_with_password({"email": "ada@example.com", "password": PASSWORD})
        factor = client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"})
        code = TOTP(factor.totp.secret)
        client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code.now()})
        session = client.auth.get_session()
        storage = client_for(backend.service_role_key, backend=backend).storage
        storage.create_bucket("b", options={"file_size_limit": 1_000_000, "allowed_mime_types": ["image/*"]})
        storage.from_("b").upload("a/b.png", content, {"content-type": "image/png"})
        link = storage.from_("b").create_signed_url("a/b.png", 600)["signedURL"].removeprefix(backend.url)
        public_keys = httpx.get(f"{backend.url}/auth/v1/.well-known/jwks.json").json()

    with start() as again:
        client = client_for(backend=again)
        storage = client_for(again.service_role_key, backend=again).storage
        asked = client.auth.get_user(session.access_token).user
        refreshed = client.auth.refresh_session(session.refresh_token)
        bucket = storage.get_bucket("b")

        assert (again.anon_key, again.service_role_key) == (backend.anon_key, backend.service_role_key)
        assert httpx.get(f"{again.url}/auth/v1/.well-known/jwks.json").json() == public_keys
        assert (asked.id, asked.user_metadata["name"]) == (user["id"], "Ada")
        assert client.auth.mfa.get_authenticator_assurance_level().current_level == "aal2"
        assert [one.friendly_name for one in client.auth.mfa.list_factors().totp] == ["phone"]
        challenge = client.auth.mfa.challenge({"factor_id": factor.id})
        assert challenge.id
        assert refreshed.user.email == "ada@example.com"
        assert (bucket.file_size_limit, bucket.allowed_mime_types) == (1_000_000, ["image/*"])
        assert storage.from_("b").download("a/b.png") == content
        assert httpx.get(again.url + link).content == content


def test_a_restart_gives_back_nothing_that_was_taken_away(start, execute_on):
    with start() as backend:
        execute_on(backend, "create table public.things (id int primary key, body text)")
        execute_on(backend, "create policy everybody on public.things using (true)")
        execute_on(backend, "create function public.f() returns int language sql as 'select 1'")
        execute_on(backend, "alter publication supabase_realtime add table public.things")
        fresh = rights_in(backend.database_url)
        assert set(use(backend)) <= {200, 202}
        execute_on(backend, TAKEN_AWAY)
    taken = rights_in(backend.database_url)

    with start() as again:
        headers = {"apikey": again.anon_key}
        read = httpx.get(f"{again.url}/rest/v1/things", headers=headers)
        use(again)
    after = rights_in(backend.database_url)

    assert len(fresh - taken) > 20
    assert after == taken
    assert (read.status_code, read.json()["code"]) == (401, "42501")
