"""Users as an administrator sees and changes them."""

from typing import Any
from uuid import uuid4

import pytest

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def one(as_administrator) -> dict[str, Any]:
    """A user who can sign in."""
    values = {"email": f"{uuid4().hex}@example.com", "password": "correct horse", "email_confirm": True}
    made = await as_administrator("change_user", operation="create", values=values)
    return {**made["user"], "password": values["password"]}


async def change(tools: Any, operation: str, user: str, **more: Any) -> dict[str, Any]:
    return await tools("change_user", operation=operation, user=user, **more)


async def test_a_user_is_found_by_id_and_by_address(as_administrator, as_service, one):
    for tools in (as_administrator, as_service):
        by_id = await tools("read_users", operation="get", user=one["id"])
        by_address = await tools("read_users", operation="get", user=one["email"].upper())
        assert by_id["users"][0] == by_address["users"][0]
        assert (by_id["users"][0]["email"], by_id["users"][0]["providers"]) == (one["email"], ["email"])


async def test_users_are_listed_in_pages(as_service, new_person):
    for _ in range(3):
        new_person()
    first = await as_service("read_users", per_page=2)
    second = await as_service("read_users", per_page=2, page=first["next_page"])
    ids = [user["id"] for user in first["users"] + second["users"]]
    assert len(set(ids)) == 4 or len(second["users"]) < 2
    assert "encrypted" not in repr(first)


async def test_values_are_changed_one_by_one(as_administrator, as_anyone, one):
    changed = await change(
        as_administrator,
        "update",
        one["id"],
        values={"user_metadata": {"team": "blue"}, "app_metadata": {"plan": "pro"}},
    )
    assert changed["user"]["user_metadata"]["team"] == "blue"
    assert changed["user"]["app_metadata"]["plan"] == "pro"
    await change(as_administrator, "update", one["email"], values={"password": "another horse"})
    assert await as_anyone.signed_in(one["email"], "another horse")


async def test_who_is_banned_cannot_sign_in_until_it_is_lifted(as_administrator, as_anyone, one):
    banned = await change(as_administrator, "ban", one["id"])
    assert banned["user"]["banned_until"]
    assert (await as_anyone.fails("sign_in", email=one["email"], password=one["password"]))["code"] == "not_permitted"
    await change(as_administrator, "unban", one["id"])
    assert await as_anyone.signed_in(one["email"], one["password"])


async def test_sessions_are_listed_and_ended(as_administrator, as_anyone, one):
    session = await as_anyone.signed_in(one["email"], one["password"])
    told = await as_administrator("read_users", operation="sessions", user=one["id"])
    assert [found["aal"] for found in told["sessions"]] == ["aal1"]
    ended = await change(as_administrator, "end_sessions", one["id"])
    assert ended["ended_sessions"] == 1
    assert (await as_anyone.fails("get_user", session=session))["code"] == "token_expired"
    assert (await as_administrator("read_users", operation="sessions", user=one["id"]))["sessions"] == []


async def test_sessions_need_the_database_and_say_so(as_service, one):
    for tool, operation in (("read_users", "sessions"), ("change_user", "end_sessions")):
        error = await as_service.fails(tool, operation=operation, user=one["id"])
        assert (error["code"], "SUPABASE_DB_URL" in error["message"]) == ("misconfigured", True)


async def test_a_deleted_user_is_gone(as_administrator, one):
    assert (await change(as_administrator, "delete", one["email"]))["user"] is None
    assert (await as_administrator.fails("read_users", operation="get", user=one["id"]))["code"] == "not_found"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"operation": "ban", "user": NOBODY}, "not_found"),
        ({"operation": "ban", "user": "nobody@example.com"}, "not_found"),
        ({"operation": "ban", "user": "somebody"}, "invalid_input"),
        ({"operation": "ban"}, "invalid_input"),
        ({"operation": "create", "values": {"email": "no address", "password": "x" * 20}}, "invalid_input"),
        ({"operation": "create", "values": {"emial": "a@example.com"}}, "invalid_input"),
        ({"operation": "invite", "values": {}}, "invalid_input"),
    ],
)
async def test_what_cannot_be_done_is_told(as_service, arguments, code):
    assert (await as_service.fails("change_user", **arguments))["code"] == code


async def test_an_address_that_is_taken_is_a_conflict(as_service, one):
    values = {"email": one["email"], "password": "x" * 20}
    assert (await as_service.fails("change_user", operation="create", values=values))["code"] == "conflict"


async def test_factors_are_listed_and_a_missing_one_is_told(as_service, one):
    assert (await as_service("read_users", operation="factors", user=one["id"]))["factors"] == []
    for factor in (NOBODY, "x/../y"):
        error = await as_service.fails("change_user", operation="delete_factor", user=one["id"], factor_id=factor)
        assert error["code"] == "not_found"


async def test_a_public_key_cannot_administer_and_is_told_which_can(as_anyone, one):
    error = await as_anyone.fails("read_users", operation="get", user=one["id"])
    assert error["code"] == "not_permitted"
    assert "SUPABASE_KEY" in error["hint"]


async def test_a_change_that_was_cut_off_has_an_unknown_outcome(scripted_project, tools_of):
    project = await scripted_project(lambda _asked: {"status": 0})
    tools = await tools_of(project.url)
    error = await tools.fails("change_user", operation="create", values={"email": "a@b.c", "password": "leaked secret"})
    assert error["code"] == "outcome_unknown"
    assert "leaked secret" not in repr(error)
