"""Sign-in against a local Supabase: who gets in, who does not, and what the way in and out looks like."""

from uuid import uuid4

import psycopg
import pytest


async def test_a_person_signs_in_is_known_renews_and_signs_out(as_anyone, backend):
    email, password = f"{uuid4().hex}@example.com", uuid4().hex
    made = backend.create_user(email, password, user_metadata={"name": "Ada"})
    signed_in = await as_anyone("sign_in", email=email, password=password)
    assert signed_in["user"]["id"] == made["id"]
    assert (signed_in["user"]["email"], signed_in["user"]["role"]) == (email, "authenticated")
    assert signed_in["user"]["user_metadata"]["name"] == "Ada"
    session = signed_in["session"]
    assert (await as_anyone("get_user", session=session))["id"] == made["id"]
    renewed = await as_anyone("refresh_session", session=session)
    assert renewed["session"] == session
    assert (await as_anyone("get_user", session=session))["id"] == made["id"]
    assert await as_anyone("sign_out", session=session) == {"revoked": True}
    for tool in ("get_user", "refresh_session", "sign_out"):
        assert (await as_anyone.fails(tool, session=session))["code"] == "not_authenticated"


async def test_a_wrong_password_and_an_unknown_person_look_the_same(as_anyone, new_person):
    person = new_person()
    wrong = await as_anyone.fails("sign_in", email=person["email"], password="not it")
    unknown = await as_anyone.fails("sign_in", email="nobody@example.com", password="not it")
    assert wrong == unknown
    assert wrong["code"] == "not_authenticated"


@pytest.mark.parametrize("attributes", [{"ban_duration": "24h"}, {"email_confirm": False}])
async def test_a_person_who_may_not_sign_in_is_told_so(as_anyone, new_person, attributes):
    assert (await as_anyone.fails("sign_in", **new_person(**attributes)))["code"] == "not_permitted"


async def test_a_key_of_another_project_is_named_as_the_wrong_setting(backend, tools_of):
    tools = await tools_of(backend.url, key="sb_publishable_of-another")
    for tool, arguments in (
        ("sign_in", {"email": "ada@example.com", "password": "correct horse"}),
        ("select_rows", {"table": "things"}),
        ("insert_rows", {"table": "things", "rows": [{"name": "x"}]}),
    ):
        error = await tools.fails(tool, **arguments)
        assert error["code"] == "vendor_credentials"
        assert "SUPABASE_KEY" in error["hint"]


async def test_a_session_ended_elsewhere_has_to_sign_in_again(as_anyone, tools_of, backend, new_person):
    person = new_person()
    here = await as_anyone.signed_in(**person)
    await end_all_sessions(backend, person["email"])
    assert (await as_anyone.fails("refresh_session", session=here))["code"] == "token_expired"
    assert (await as_anyone.fails("get_user", session=here))["code"] == "not_authenticated"


async def end_all_sessions(backend, email: str) -> None:
    async with await psycopg.AsyncConnection.connect(backend.database_url) as connection:
        await connection.execute(
            "delete from auth.sessions where user_id = (select id from auth.users where email = %s)", [email]
        )
