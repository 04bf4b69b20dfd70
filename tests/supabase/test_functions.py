"""Functions of the database, called through REST."""

import psycopg
import pytest

FUNCTIONS = """
create or replace function public.added(a int, b int default 1) returns int language sql as 'select a + b';
create or replace function public.who() returns text language sql as 'select auth.uid()::text';
create or replace function public.hidden() returns int language sql as 'select 1';
revoke execute on function public.hidden from public, anon, authenticated;
create or replace function public.failing() returns int language plpgsql as $$
begin raise exception 'no way' using errcode = 'P0001'; end $$;
"""


@pytest.fixture(scope="module", autouse=True)
def functions(backend):
    with psycopg.connect(backend.database_url, autocommit=True) as connection:
        connection.execute(FUNCTIONS)
        connection.execute("notify pgrst, 'reload schema'")


async def test_a_function_gives_its_result(as_service):
    assert (await as_service("call_function", function="added", arguments={"a": 2}))["result"] == 3
    assert (await as_service("call_function", function="added", arguments={"a": 2, "b": 5}))["result"] == 7


async def test_a_function_runs_as_whom_it_is_called(as_anyone, as_administrator, new_person):
    person = new_person()
    session = await as_anyone.signed_in(**person)
    own = (await as_anyone("get_user", session=session))["id"]
    assert (await as_anyone("call_function", function="who", session=session))["result"] == own
    assert (await as_administrator("call_function", function="who", run_as=person["email"]))["result"] == own
    assert (await as_anyone("call_function", function="who"))["result"] is None


@pytest.mark.parametrize(
    ("function", "arguments", "code"),
    [
        ("nothing", {}, "not_found"),
        ("added", {"z": 1}, "not_found"),
        ("added", {"a": "x"}, "invalid_input"),
        ("hidden", {}, "not_permitted"),
        ("../things", {}, "invalid_input"),
        ("failing", {}, "vendor_rejected"),
    ],
)
async def test_a_call_that_cannot_be_made_is_told(as_anyone, function, arguments, code):
    assert (await as_anyone.fails("call_function", function=function, arguments=arguments))["code"] == code


async def test_a_call_that_was_cut_off_has_an_unknown_outcome(scripted_project, tools_of):
    project = await scripted_project(lambda _asked: {"status": 0})
    error = await (await tools_of(project.url)).fails("call_function", function="added", arguments={"a": 1})
    assert error["code"] == "outcome_unknown"
    assert len(project.asked) == 1
