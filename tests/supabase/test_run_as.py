"""Row tools as any user or role, to try out row level security."""

import json
from typing import Any

import pytest

USER = {
    "id": "7f1d9a1c-4a0e-4f0e-9a53-0c4f6e0f3a11",
    "aud": "authenticated",
    "role": "authenticated",
    "email": "ada@example.com",
    "app_metadata": {},
    "user_metadata": {},
    "created_at": "2026-11-23T02:15:43.1Z",
}


async def bodies(tools: Any, **who: str) -> list[str]:
    page = await tools("select_rows", table="notes", columns="body,owner", **who)
    return [row["body"] for row in page["rows"] if row["body"].startswith("run_as")]


@pytest.fixture
async def note(as_anyone, new_person) -> dict[str, str]:
    """A note of a person, with their id and address."""
    person = new_person(user_metadata={"team": "blue"})
    session = await as_anyone.signed_in(**person)
    made = await as_anyone("insert_rows", table="notes", rows=[{"body": f"run_as {person['email']}"}], session=session)
    return {**made["rows"][0], "email": person["email"]}


async def test_each_sees_what_row_level_security_lets_them_see(as_administrator, note, new_person):
    other = new_person()["email"]
    for who in (note["owner"], note["email"]):
        assert await bodies(as_administrator, run_as=who) == [note["body"]]
    assert note["body"] in await bodies(as_administrator, run_as="service_role")
    for who in (other, "anon", "authenticated"):
        assert await bodies(as_administrator, run_as=who) == []


async def test_a_write_is_made_as_somebody_too(as_administrator, note):
    mine = await as_administrator("insert_rows", table="notes", rows=[{"body": "by hand"}], run_as=note["email"])
    assert mine["rows"][0]["owner"] == note["owner"]
    where = [{"column": "id", "operator": "eq", "value": mine["rows"][0]["id"]}]
    nothing = await as_administrator("delete_rows", table="notes", filters=where, run_as="authenticated")
    gone = await as_administrator("delete_rows", table="notes", filters=where, run_as=note["owner"])
    assert (nothing["count"], gone["count"]) == (0, 1)


async def test_the_jwt_secret_and_the_secret_key_are_enough(backend, tools_of, note):
    tools = await tools_of(
        backend.url, key=backend.service_role_key, jwt_secret="of the tests, and longer than 32 characters"
    )
    assert await bodies(tools, run_as=note["email"]) == [note["body"]]


async def test_a_secret_key_alone_is_enough_and_leaves_no_session(as_service, as_administrator, note):
    assert await bodies(as_service, run_as=note["email"]) == [note["body"]]
    told = await as_administrator("read_users", operation="sessions", user=note["owner"])
    assert len(told["sessions"]) == 1  # the one that the note was written with


async def test_without_the_means_the_setting_is_named(as_anyone, as_service, note):
    assert await bodies(as_anyone, run_as="anon") == []
    for tools, who in ((as_anyone, "service_role"), (as_service, "anon")):
        error = await tools.fails("select_rows", table="notes", run_as=who)
        assert (error["code"], "SUPABASE_JWT_SECRET" in error["hint"]) == ("misconfigured", True)
    assert (await as_anyone.fails("select_rows", table="notes", run_as=note["email"]))["code"] == "not_permitted"


async def test_nobody_is_two_people_at_once(as_administrator, as_anyone, new_person):
    session = await as_anyone.signed_in(**new_person())
    error = await as_administrator.fails("select_rows", table="notes", run_as="anon", session=session)
    assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", "run_as")


async def test_a_secret_key_signs_the_user_in_for_one_call_and_out_again(scripted_project, tools_of, grant):
    link = {
        **USER,
        "action_link": "https://example.com/",
        "email_otp": "123456",
        "hashed_token": "hashed",
        "redirect_to": "",
        "verification_type": "magiclink",
    }
    answers = {
        f"/auth/v1/admin/users/{USER['id']}": USER,
        "/auth/v1/admin/generate_link": link,
        "/auth/v1/verify": grant(),
        "/rest/v1/notes": [{"id": 1}],
    }

    def answer(asked):
        return {"status": 204} if asked.path == "/auth/v1/logout" else {"body": answers[asked.path]}

    project = await scripted_project(answer)
    tools = await tools_of(project.url, key="sb_secret_of-the-tests")
    page = await tools("select_rows", table="notes", run_as=USER["id"])
    assert page["rows"] == [{"id": 1}]
    asked = {one.path: one for one in project.asked}
    assert json.loads(asked["/auth/v1/verify"].body)["token_hash"] == "hashed"
    assert asked["/rest/v1/notes"].headers["authorization"] == "Bearer access-token-1"
    assert asked["/auth/v1/logout"].headers["authorization"] == "Bearer access-token-1"
    assert "access-token-1" not in repr(page)
