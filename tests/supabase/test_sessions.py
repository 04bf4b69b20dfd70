"""Sign-ins that the server holds: who may use a handle, when its tokens are renewed, and that they stay inside."""

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.server.auth import AccessToken
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser

ADA = {"email": "ada@example.com", "password": "correct horse"}
VERSION = {"x-supabase-api-version": "2024-01-01"}
Answer = dict[str, Any]


@pytest.fixture
def project_with_auth(grant) -> Callable[..., Callable[[Any], Answer]]:
    """A factory of projects that sign anybody in; keywords replace single answers by what the request is about."""

    def make(*, expires_in: int = 3600, **answers: Answer | Callable[[Any], Answer]) -> Callable[[Any], Answer]:
        numbers = iter(range(1, 1000))

        def answer(asked: Any) -> Answer:
            kind = (
                asked.query.removeprefix("grant_type=") if asked.path == "/auth/v1/token" else asked.path.split("/")[-1]
            )
            if kind in answers:
                given = answers[kind]
                return given(asked) if callable(given) else given
            if kind == "password":
                return {"body": grant(next(numbers), expires_in=expires_in)}
            if kind == "refresh_token":
                return {"body": grant(next(numbers) + 100)}
            return {"status": 204} if kind == "logout" else {"body": [{"bearer": asked.headers["authorization"][-3:]}]}

        return answer

    return make


@contextmanager
def calling_as(subject: str) -> Generator[None]:
    token = AccessToken(token="t", client_id="c", scopes=[], subject=subject)
    reset = auth_context_var.set(AuthenticatedUser(token))
    try:
        yield
    finally:
        auth_context_var.reset(reset)


async def test_a_call_with_a_session_carries_that_persons_token_and_one_without_the_key(
    scripted_project, tools_of, project_with_auth
):
    project = await scripted_project(project_with_auth())
    tools = await tools_of(project.url)
    session = await tools.signed_in(**ADA)
    await tools("select_rows", table="orders", session=session)
    await tools("select_rows", table="orders")
    as_person, as_key = project.asked[-2:]
    assert as_person.headers["authorization"] == "Bearer access-token-1"
    assert as_key.headers["authorization"] == f"Bearer {as_key.headers['apikey']}"
    assert as_person.headers["apikey"] == as_key.headers["apikey"]


async def test_people_who_sign_in_at_once_get_rows_as_themselves(scripted_project, tools_of, project_with_auth):
    project = await scripted_project(
        project_with_auth(orders=lambda asked: {"body": [{"bearer": asked.headers["authorization"]}]})
    )
    tools = await tools_of(project.url)
    sessions = await asyncio.gather(*(tools.signed_in(**ADA) for _ in range(20)))
    pages = await asyncio.gather(*(tools("select_rows", table="orders", session=session) for session in sessions))
    assert len({page["rows"][0]["bearer"] for page in pages}) == 20


async def test_a_sign_in_shows_the_person_and_no_token(scripted_project, tools_of, project_with_auth):
    tools = await tools_of((await scripted_project(project_with_auth())).url)
    signed_in = await tools("sign_in", **ADA)
    assert set(signed_in) == {"session", "user", "expires_at"}
    assert set(signed_in["user"]) == {"id", "email", "role", "app_metadata", "user_metadata"}
    assert len(signed_in["session"]) == 43
    assert "token" not in repr({**signed_in, "session": ""})


async def test_a_token_about_to_end_is_renewed_once_for_all_who_wait(scripted_project, tools_of, project_with_auth):
    project = await scripted_project(project_with_auth(expires_in=0))
    tools = await tools_of(project.url)
    session = await tools.signed_in(**ADA)
    await asyncio.gather(*(tools("select_rows", table="orders", session=session) for _ in range(10)))
    assert [asked.query for asked in project.asked].count("grant_type=refresh_token") == 1
    read = [asked.headers["authorization"] for asked in project.asked if asked.path.endswith("/orders")]
    assert read == ["Bearer access-token-102"] * 10


@pytest.mark.parametrize("code", ["PGRST301", "PGRST303"])
async def test_a_token_that_the_project_calls_expired_is_renewed_and_the_call_made_again(
    scripted_project, tools_of, project_with_auth, code
):
    def orders(asked: Any) -> Answer:
        stale = asked.headers["authorization"].endswith("-1")
        return {"status": 401, "body": {"code": code, "message": "JWT expired"}} if stale else {"body": []}

    project = await scripted_project(project_with_auth(orders=orders))
    tools = await tools_of(project.url)
    session = await tools.signed_in(**ADA)
    assert (await tools("select_rows", table="orders", session=session))["rows"] == []


@pytest.mark.parametrize(
    "code", ["refresh_token_not_found", "refresh_token_already_used", "session_expired", "validation_failed"]
)
async def test_a_session_that_the_project_has_ended_is_gone(scripted_project, tools_of, project_with_auth, code):
    refused = {"status": 400, "body": {"code": code, "message": "no"}, "headers": VERSION}
    project = await scripted_project(project_with_auth(expires_in=0, refresh_token=refused))
    tools = await tools_of(project.url)
    session = await tools.signed_in(**ADA)
    assert (await tools.fails("select_rows", table="orders", session=session))["code"] == "token_expired"
    assert (await tools.fails("select_rows", table="orders", session=session))["code"] == "not_authenticated"


async def test_a_session_survives_a_renewal_that_could_not_be_made(
    scripted_project, tools_of, project_with_auth, grant
):
    answers = iter([{"status": 503}, {"body": grant(7)}])
    project = await scripted_project(project_with_auth(expires_in=0, refresh_token=lambda _asked: next(answers)))
    tools = await tools_of(project.url)
    session = await tools.signed_in(**ADA)
    assert (await tools.fails("select_rows", table="orders", session=session))["code"] == "vendor_unavailable"
    assert (await tools("select_rows", table="orders", session=session))["rows"] == [{"bearer": "n-7"}]


async def test_refresh_session_renews_now(scripted_project, tools_of, project_with_auth):
    project = await scripted_project(project_with_auth())
    tools = await tools_of(project.url)
    session = await tools.signed_in(**ADA)
    assert (await tools("refresh_session", session=session))["session"] == session
    await tools("select_rows", table="orders", session=session)
    assert project.asked[-1].headers["authorization"] == "Bearer access-token-102"


@pytest.mark.parametrize("tool", ["refresh_session", "get_user", "sign_out", "select_rows"])
async def test_a_handle_that_was_never_given_out_opens_nothing(scripted_project, tools_of, project_with_auth, tool):
    project = await scripted_project(project_with_auth())
    arguments = {"table": "orders"} if tool == "select_rows" else {}
    error = await (await tools_of(project.url)).fails(tool, session="x" * 43, **arguments)
    assert error["code"] == "not_authenticated"
    assert project.asked == []


async def test_a_session_left_idle_has_to_sign_in_again(scripted_project, tools_of, project_with_auth):
    tools = await tools_of((await scripted_project(project_with_auth())).url, session_idle_seconds=1e-9)
    session = await tools.signed_in(**ADA)
    assert (await tools.fails("get_user", session=session))["code"] == "token_expired"


async def test_the_session_unused_for_longest_makes_room(scripted_project, tools_of, project_with_auth):
    tools = await tools_of((await scripted_project(project_with_auth())).url, sessions_max=2)
    first, second = await tools.signed_in(**ADA), await tools.signed_in(**ADA)
    await tools("select_rows", table="orders", session=first)
    third = await tools.signed_in(**ADA)
    assert (await tools.fails("select_rows", table="orders", session=second))["code"] == "not_authenticated"
    for session in (first, third):
        await tools("select_rows", table="orders", session=session)


async def test_a_session_of_an_authenticated_caller_is_of_no_use_to_another(
    scripted_project, server_for, project_with_auth
):
    server = server_for((await scripted_project(project_with_auth())).url)
    async with Client(server):
        with calling_as("alice"):
            session = (await server.call_tool("sign_in", ADA)).structured_content["session"]
            own = await server.call_tool("select_rows", {"table": "orders", "session": session})
        with calling_as("bob"):
            foreign = await server.call_tool("select_rows", {"table": "orders", "session": session})
        nobody = await server.call_tool("select_rows", {"table": "orders", "session": session})
    assert not own.is_error
    for refused in (foreign, nobody):
        assert refused.structured_content["error"]["code"] == "not_authenticated"


async def test_signing_out_ends_this_session_in_the_project_too(scripted_project, tools_of, project_with_auth):
    project = await scripted_project(project_with_auth())
    tools = await tools_of(project.url)
    session, other = await tools.signed_in(**ADA), await tools.signed_in(**ADA)
    assert await tools("sign_out", session=session) == {"revoked": True}
    told = project.asked[-1]
    assert (told.path, told.query, told.headers["authorization"]) == (
        "/auth/v1/logout",
        "scope=local",
        "Bearer access-token-1",
    )
    assert (await tools.fails("select_rows", table="orders", session=session))["code"] == "not_authenticated"
    await tools("select_rows", table="orders", session=other)


@pytest.mark.parametrize(
    ("answer", "revoked"),
    [
        ({"status": 503}, False),
        ({"status": 403, "body": {"code": "session_not_found", "message": "no"}, "headers": VERSION}, True),
    ],
)
async def test_signing_out_forgets_the_session_whatever_the_project_says(
    scripted_project, tools_of, project_with_auth, answer, revoked
):
    tools = await tools_of((await scripted_project(project_with_auth(logout=answer))).url)
    session = await tools.signed_in(**ADA)
    assert await tools("sign_out", session=session) == {"revoked": revoked}
    assert (await tools.fails("get_user", session=session))["code"] == "not_authenticated"


async def test_signing_out_with_an_aged_token_ends_the_session_all_the_same(
    scripted_project, tools_of, project_with_auth
):
    def logout(asked: Any) -> Answer:
        aged = asked.headers["authorization"].endswith("-1")
        return {"status": 403, "body": {"code": "bad_jwt", "message": "expired"}, "headers": VERSION} if aged else {}

    project = await scripted_project(project_with_auth(logout=logout))
    tools = await tools_of(project.url)
    assert await tools("sign_out", session=await tools.signed_in(**ADA)) == {"revoked": True}
    assert (project.asked[-1].path, project.asked[-1].headers["authorization"][-3:]) == ("/auth/v1/logout", "102")


async def test_a_server_started_again_works_and_knows_no_earlier_session(
    scripted_project, server_for, tools_with, project_with_auth
):
    server = server_for((await scripted_project(project_with_auth())).url)
    async with Client(server) as client:
        session = await tools_with(client).signed_in(**ADA)
    async with Client(server) as client:
        tools = tools_with(client)
        assert (await tools.fails("select_rows", table="orders", session=session))["code"] == "not_authenticated"
        assert await tools.signed_in(**ADA) != session


@pytest.mark.parametrize(
    "arguments",
    [
        {"email": "ada@example.com", "password": "pass-word-leaked\0"},
        {"email": "ada@example.com", "password": ["pass-word-leaked"]},
        {"email": "ada@example.com", "password": "pass-word-leaked" * 100},
        {"email": "", "password": "pass-word-leaked"},
        {"email": "ada@example.com", "password": "pass-word-leaked", "extra": 1},
        {"email": "ada@example.com", "password": "pass-word-leaked"},
    ],
)
async def test_a_password_or_token_is_in_no_error_and_no_log(scripted_project, tools_of, caplog, arguments):
    caplog.set_level(logging.INFO)
    project = await scripted_project(lambda _asked: {"body": {"access_token": "access-token-leaked"}})
    tools = await tools_of(project.url)
    error = await tools.fails("sign_in", **arguments)
    assert "leaked" not in repr(error) + caplog.text
