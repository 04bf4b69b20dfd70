"""Rows of a local Supabase: what is written is read, and row level security decides who may."""

import asyncio
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
NASTY = [
    "a,b",
    'say "hi"',
    "(x)",
    "back\\slash",
    " outer ",
    "",
    "null",
    "NULL",
    "{a,b}",
    "*",
    "50%",
    "a.b:c",
    "日本",
    "it's",
    "é&=?#+",
]


def where(column: str, operator: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"column": column, "operator": operator, "value": value, **more}


@pytest.fixture
async def batch(as_service) -> str:
    """Three things with a name of their own in `code`'s prefix; the value to filter this test's rows by."""
    mark = uuid4().hex
    rows = [
        {"name": mark, "code": f"{mark}-1", "quantity": 1, "price": 1.5, "ok": True, "made_on": "2026-01-01"},
        {"name": mark, "code": f"{mark}-2", "quantity": 2, "price": 20, "ok": False, "tags": ["red", "big"]},
        {"name": mark, "code": f"{mark}-3", "quantity": 3, "details": {"city": "Kyiv", "n": 1}, "span": "[1,5)"},
    ]
    await as_service("insert_rows", table="things", rows=rows)
    return mark


async def test_each_person_sees_and_changes_their_own_rows_only(as_anyone, as_service, new_person):
    ada, bob = [await as_anyone.signed_in(**new_person()) for _ in range(2)]
    mine = await as_anyone("insert_rows", table="notes", rows=[{"body": "Ada's"}], session=ada)
    await as_anyone("insert_rows", table="notes", rows=[{"body": "Bob's"}], session=bob)
    this = [where("id", "eq", mine["rows"][0]["id"])]

    async def bodies(**who: str) -> list[str]:
        page = await as_anyone("select_rows", table="notes", columns="body", **who)
        return [row["body"] for row in page["rows"]]

    assert (await bodies(session=ada), await bodies(session=bob), await bodies()) == (["Ada's"], ["Bob's"], [])
    for tool, more in (("update_rows", {"values": {"body": "x"}}), ("delete_rows", {})):
        assert (await as_anyone(tool, table="notes", filters=this, session=bob, **more))["count"] == 0
    everything = await as_service("select_rows", table="notes", filters=[where("body", "in", ["Ada's", "Bob's"])])
    assert len(everything["rows"]) == 2
    done = await as_anyone("update_rows", table="notes", filters=this, values={"body": "new"}, session=ada)
    assert done == {"count": 1, "rows": None}
    gone = await as_anyone("delete_rows", table="notes", filters=this, returning=True, session=ada)
    assert [row["body"] for row in gone["rows"]] == ["new"]


async def test_row_level_security_refuses_a_row_for_somebody_else(as_anyone, new_person, backend):
    session = await as_anyone.signed_in(**new_person())
    other = backend.create_user(f"{uuid4().hex}@example.com", "correct horse")
    row = {"body": "forged", "owner": other["id"]}
    assert (await as_anyone.fails("insert_rows", table="notes", rows=[row], session=session))["code"] == "not_permitted"
    refused = await as_anyone.fails("insert_rows", table="notes", rows=[row])
    assert refused["code"] == "not_permitted"
    assert "sign_in" in refused["hint"]


async def test_a_person_reads_their_role_as_the_gateway_asks_for_it(as_anyone, as_service, backend):
    password = uuid4().hex
    user = backend.create_user(f"{uuid4().hex}@example.com", password)
    workspace = (await as_service("insert_rows", table="workspaces", rows=[{"name": "Shop"}]))["rows"][0]["id"]
    row = {"workspace_id": workspace, "user_id": user["id"], "role": "editor"}
    await as_service("insert_rows", table="members", rows=[row], returning=False)
    session = await as_anyone.signed_in(user["email"], password)
    page = await as_anyone("select_rows", table="members", columns="workspace_id,role", session=session)
    assert page["rows"] == [{"workspace_id": workspace, "role": "editor"}]
    assert await as_anyone("sign_out", session=session) == {"revoked": True}


async def test_what_is_inserted_is_read_and_a_column_left_out_takes_its_default(as_service):
    mark = uuid4().hex
    rows = [
        {"code": f"{mark}-a", "name": "first", "price": 12.34, "tags": ["x", "y,z"], "details": {"deep": [1, None]}},
        {"code": f"{mark}-b"},
    ]
    written = await as_service("insert_rows", table="things", rows=rows)
    assert written["count"] == 2
    page = await as_service(
        "select_rows",
        table="things",
        columns="name,price,tags,details",
        filters=[where("code", "like", f"{mark}%")],
        order=[{"column": "code"}],
    )
    assert page["rows"] == [
        {"name": "first", "price": 12.34, "tags": ["x", "y,z"], "details": {"deep": [1, None]}},
        {"name": "unnamed", "price": None, "tags": None, "details": None},
    ]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (where("quantity", "eq", 2), "2"),
        (where("quantity", "neq", 2), "13"),
        (where("quantity", "gt", 2), "3"),
        (where("quantity", "gte", 2), "23"),
        (where("quantity", "lt", 2), "1"),
        (where("quantity", "lte", 2), "12"),
        (where("price", "eq", 1.5), "1"),
        (where("made_on", "eq", "2026-01-01"), "1"),
        (where("ok", "eq", True), "1"),
        (where("ok", "is", False), "2"),
        (where("ok", "is", None), "3"),
        (where("ok", "is", None, negate=True), "12"),
        (where("code", "like", "%-1"), "1"),
        (where("code", "like", "%-_"), "123"),
        (where("code", "ilike", "%-2"), "2"),
        (where("code", "like", "%-1", negate=True), "23"),
        (where("quantity", "in", [1, 3]), "13"),
        (where("quantity", "in", [1, 3], negate=True), "2"),
        (where("tags", "contains", ["red"]), "2"),
        (where("tags", "contained_by", ["red", "big", "old"]), "2"),
        (where("tags", "overlaps", ["big", "none"]), "2"),
        (where("details", "contains", {"city": "Kyiv"}), "3"),
        (where("details", "contained_by", {"city": "Kyiv", "n": 1, "m": 2}), "3"),
        (where("span", "contains", "[2,3)"), "3"),
        (where("span", "contained_by", "[0,9)"), "3"),
        (where("span", "overlaps", "[4,9)"), "3"),
        (where("details->>city", "eq", "Kyiv"), "3"),
        (where("details->n", "eq", 1), "3"),
    ],
)  # fmt: skip
async def test_every_operator_finds_its_rows(as_service, batch, condition, found):
    filters = [where("name", "eq", batch), condition]
    page = await as_service("select_rows", table="things", columns="code", filters=filters, order=[{"column": "code"}])
    assert "".join(row["code"][-1] for row in page["rows"]) == found


@pytest.mark.parametrize("text", NASTY)
async def test_a_text_with_characters_of_the_grammar_is_found_as_it_is(as_service, text):
    await assert_comes_out(as_service, text)


@given(text=ANY_TEXT)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_text_goes_in_comes_out(as_service, text):
    await assert_comes_out(as_service, text)


async def assert_comes_out(tools, text: str) -> None:
    mark = uuid4().hex
    row = {"code": mark, "name": text, "tags": [text, "other"], "details": {"key": text}, "Odd, (name)": text}
    await tools("insert_rows", table="things", rows=[row, {"code": f"{mark}!", "name": f"{text}!"}], returning=False)

    async def found(condition: dict[str, Any]) -> list[dict[str, Any]]:
        filters = [where("code", "in", [mark, f"{mark}!"]), condition]
        return (await tools("select_rows", table="things", columns="name,tags,details", filters=filters))["rows"]

    conditions = [
        where("name", "eq", text),
        where("name", "in", [text]),
        where("name", "in", [text, "and another"]),
        where("tags", "contains", [text]),
        where("tags", "overlaps", [text]),
        where("tags", "contained_by", [text, "other"]),
        where("details", "contains", {"key": text}),
        where("details->>key", "eq", text),
        where("Odd, (name)", "eq", text),
    ]
    expected = {"name": text, "tags": [text, "other"], "details": {"key": text}}
    assert await asyncio.gather(*map(found, conditions)) == [[expected]] * len(conditions)
    filters = [where("code", "like", f"{mark}%"), where("name", "eq", text)]
    assert (await tools("delete_rows", table="things", filters=filters))["count"] == 1


@pytest.mark.parametrize("column", ["select", "limit"])
@pytest.mark.parametrize(("tool", "more"), [("delete_rows", {}), ("update_rows", {"values": {"quantity": 9}})])
async def test_a_filter_on_a_column_named_like_a_parameter_still_filters(as_service, batch, column, tool, more):
    filters = [where("name", "eq", batch), where(column, "eq", "nobody has this")]
    assert (await as_service(tool, table="things", filters=filters, **more))["count"] == 0


@pytest.mark.parametrize(("tool", "more"), [("delete_rows", {}), ("update_rows", {"values": {"quantity": 9}})])
async def test_a_change_of_more_rows_than_expected_changes_nothing(as_service, batch, tool, more):
    ours = [where("name", "eq", batch)]
    error = await as_service.fails(tool, table="things", filters=ours, rows_max=2, **more)
    assert error["code"] == "conflict"
    page = await as_service("select_rows", table="things", columns="quantity", filters=ours, order=[{"column": "code"}])
    assert [row["quantity"] for row in page["rows"]] == [1, 2, 3]
    assert (await as_service(tool, table="things", filters=ours, rows_max=3, **more))["count"] == 3


async def test_pages_follow_each_other_to_the_end(as_service, batch):
    seen, offset, pages = [], 0, 0
    while offset is not None:
        page = await as_service(
            "select_rows",
            table="things",
            columns="code",
            filters=[where("name", "eq", batch)],
            order=[{"column": "code", "direction": "desc"}],
            limit=2,
            offset=offset,
            count="exact",
        )
        assert page["count"] == 3
        seen += [row["code"][-1] for row in page["rows"]]
        offset, pages = page["next_offset"], pages + 1
    assert (seen, pages) == (["3", "2", "1"], 2)


async def test_rows_are_sorted_by_several_columns_and_nulls_go_where_told(as_service, batch):
    async def sorted_by(*order: dict[str, str]) -> str:
        filters = [where("name", "eq", batch)]
        page = await as_service("select_rows", table="things", columns="code", filters=filters, order=list(order))
        return "".join(row["code"][-1] for row in page["rows"])

    assert await sorted_by({"column": "price", "nulls": "first"}) == "312"
    assert await sorted_by({"column": "price", "direction": "desc", "nulls": "last"}) == "213"
    assert await sorted_by({"column": "Odd, (name)"}, {"column": "code", "direction": "desc"}) == "321"


async def test_columns_with_related_rows_are_asked_for_as_written(scripted_project, tools_of):
    rows = [{"id": 1, "parent": {"name": "first"}}]
    project = await scripted_project(lambda _asked: {"body": rows})
    page = await (await tools_of(project.url))("select_rows", table="things", columns="id, parent:parent_id(name)")
    assert page["rows"] == rows
    assert parse_qs(project.asked[0].query)["select"] == ["id,parent:parent_id(name)"]


@pytest.mark.parametrize("returning", [True, False])
async def test_rows_that_exist_are_updated_and_twice_is_as_once(as_service, batch, returning):
    rows = [{"name": batch, "code": f"{batch}-{number}", "quantity": 10 * number} for number in (3, 4)]
    for _ in range(2):
        written = await as_service("insert_rows", table="things", rows=rows, on_conflict=["code"], returning=returning)
        assert (written["count"], len(written["rows"] or [])) == (2, 2 if returning else 0)
    found = await as_service(
        "select_rows", table="things", filters=[where("name", "eq", batch)], order=[{"column": "code"}]
    )
    # What the rows do not name stays as it was.
    kept = [(row["quantity"], row["span"]) for row in found["rows"]]
    assert kept == [(1, None), (2, None), (30, "[1,5)"), (40, None)]


@pytest.mark.parametrize(
    ("rows", "keys", "field"),
    [
        ([{"code": "a", "quantity": 1}, {"code": "b"}], ["code"], "rows.1"),
        ([{"quantity": 1}], ["code"], "rows.0"),
        ([{"code": "a"}], [""], "on_conflict.0"),
        ([{"code": "a"}], [], "on_conflict"),
    ],
)
async def test_rows_that_would_overwrite_with_defaults_are_refused(as_service, rows, keys, field):
    error = await as_service.fails("insert_rows", table="things", rows=rows, on_conflict=keys)
    assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", field)


@pytest.mark.parametrize("keys", [["name"], ['code"),(x'], ["name,code"], ["Odd, (name)"]])
async def test_columns_that_are_not_unique_together_cannot_decide_a_conflict(as_service, keys):
    row = {"name": "x"} | dict.fromkeys(keys, "x")
    error = await as_service.fails("insert_rows", table="things", rows=[row], on_conflict=keys)
    assert error["code"] == "invalid_input"


async def test_tables_with_odd_names_and_views_are_reached(as_service, batch):
    await as_service("insert_rows", table="Order lines", rows=[{"id": 1, "заметка": "так"}])
    page = await as_service("select_rows", table="Order lines", filters=[where("заметка", "eq", "так")])
    assert page["rows"] == [{"id": 1, "заметка": "так"}]
    names = await as_service("select_rows", table="thing_names", filters=[where("name", "eq", batch)])
    assert len(names["rows"]) == 3


@pytest.mark.parametrize(
    ("rows", "code", "field"),
    [
        ([{"quantity": "many"}], "invalid_input", "quantity"),
        ([{"quantity": 2**40}], "invalid_input", "quantity"),
        ([{"quantity": -1}], "invalid_input", "quantity"),
        ([{"made_on": "31 February"}], "invalid_input", "made_on"),
        ([{"name": None}], "invalid_input", "name"),
        ([{"twice": 4}], "invalid_input", "twice"),
        ([{"nmae": "x"}], "invalid_input", "nmae"),
        ([{"parent_id": 0}], "invalid_input", "parent_id"),
        ([{"code": "same"}, {"code": "same"}], "conflict", "code"),
    ],
)
async def test_a_refused_row_names_its_column_and_nothing_is_written(as_service, rows, code, field):
    mark = uuid4().hex
    error = await as_service.fails("insert_rows", table="things", rows=[{"name": mark}, *rows])
    assert error["code"] == code
    assert [problem["field"] for problem in error["errors"]] == [field]
    page = await as_service("select_rows", table="things", filters=[where("name", "eq", mark)])
    assert page["rows"] == []


async def test_a_row_that_others_refer_to_is_not_deleted(as_service, batch):
    rows = await as_service("select_rows", table="things", columns="id", filters=[where("name", "eq", batch)], limit=1)
    parent = rows["rows"][0]["id"]
    await as_service("insert_rows", table="things", rows=[{"parent_id": parent}])
    error = await as_service.fails("delete_rows", table="things", filters=[where("id", "eq", parent)])
    assert error["code"] == "conflict"


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        ({"table": "thigns"}, "not_found", None),
        ({"table": "things", "schema": "private"}, "invalid_input", "schema"),
        ({"table": "things", "columns": "id,nmae"}, "invalid_input", "nmae"),
        ({"table": "things", "columns": "id,("}, "invalid_input", "columns"),
        ({"table": "things", "filters": [where("nmae", "eq", 1)]}, "invalid_input", "nmae"),
        ({"table": "things", "filters": [where("quantity", "eq", "many")]}, "invalid_input", "quantity"),
        ({"table": "things", "filters": [where("quantity", "like", "1%")]}, "invalid_input", "filters"),
        ({"table": "things", "order": [{"column": "nmae"}]}, "invalid_input", "nmae"),
        ({"table": "things", "offset": 10**6, "count": "exact"}, "invalid_input", "offset"),
    ],
)
async def test_a_question_that_cannot_be_answered_names_what_is_wrong(as_service, arguments, code, field):
    error = await as_service.fails("select_rows", **arguments)
    assert error["code"] == code
    assert [problem["field"] for problem in error.get("errors", [])] == ([field] if field else [])


async def test_a_misspelt_table_or_column_is_answered_with_the_nearest(as_service, backend, tools_of):
    tools = await tools_of(backend.url, key=backend.service_role_key, db_url=backend.database_url)
    assert "'things'" in (await tools.fails("select_rows", table="thigns"))["hint"]
    assert "'quantity'" in (await tools.fails("insert_rows", table="things", rows=[{"quantty": 1}]))["hint"]
    assert "'quantity'" in (await tools.fails("select_rows", table="things", columns="quantty"))["hint"]


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("select_rows", {"table": "../auth/v1/admin/users"}, "table"),
        ("select_rows", {"table": ".."}, "table"),
        ("select_rows", {"table": "things?select=*"}, "table"),
        ("select_rows", {"table": "%2e%2e"}, "table"),
        ("select_rows", {"table": ""}, "table"),
        ("select_rows", {"table": "things", "limit": 1001}, "limit"),
        ("select_rows", {"table": "things", "limit": 0}, "limit"),
        ("select_rows", {"table": "things", "offset": -1}, "offset"),
        ("select_rows", {"table": "things", "schema": "пять"}, "schema"),
        ("select_rows", {"table": "things", "filters": [where("id", "eqq", 1)]}, "filters.0.operator"),
        ("select_rows", {"table": "things", "filters": [where("id", "eq", None)]}, "filters.0"),
        ("select_rows", {"table": "things", "filters": [where("id", "eq", [1])]}, "filters.0"),
        ("select_rows", {"table": "things", "filters": [where("id", "in", [])]}, "filters.0"),
        ("select_rows", {"table": "things", "filters": [where("id", "in", [1, None])]}, "filters.0"),
        ("select_rows", {"table": "things", "filters": [where("id", "is", 3)]}, "filters.0"),
        ("select_rows", {"table": "things", "filters": [where("id", "like", 3)]}, "filters.0"),
        ("select_rows", {"table": "things", "filters": [where("id", "overlaps", {"a": 1})]}, "filters.0"),
        ("delete_rows", {"table": "things", "filters": [where("name", "like", "a*b")]}, "filters.0"),
        ("delete_rows", {"table": "things", "filters": [where("name", "ilike", "*")]}, "filters.0"),
        ("select_rows", {"table": "things", "filters": [where("name", "eq", "a\0b")]}, "filters.0"),
        ("select_rows", {"table": "things", "filters": [where("", "eq", 1)]}, "filters.0.column"),
        ("select_rows", {"table": "things", "filters": [where("details->", "eq", 1)]}, "details->"),
        ("select_rows", {"table": "things", "count": "planned"}, "count"),
        ("select_rows", {"table": "things", "order": [{"column": "id", "direction": "up"}]}, "order.0.direction"),
        ("insert_rows", {"table": "things", "rows": []}, "rows"),
        ("insert_rows", {"table": "things", "rows": [{}]}, "rows.0"),
        ("insert_rows", {"table": "things", "rows": [{"name": "x"}] * 1001}, "rows"),
        ("update_rows", {"table": "things", "values": {}, "filters": [where("id", "eq", 1)]}, "values"),
        ("update_rows", {"table": "things", "values": {"name": "x"}, "filters": []}, "filters"),
        ("delete_rows", {"table": "things", "filters": []}, "filters"),
        ("delete_rows", {"table": "things"}, "filters"),
    ],
)  # fmt: skip
async def test_bad_input_names_the_field_and_sends_nothing(tools_of, tool, arguments, field):
    # Who sends something here gets no answer, which is another error.
    error = await (await tools_of("http://127.0.0.1:9")).fails(tool, **arguments)
    assert error["code"] == "invalid_input"
    assert field in [problem["field"] for problem in error["errors"]]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("insert_rows", {"table": "things", "rows": [{"name": "x" * 3000}]}),
        ("update_rows", {"table": "things", "values": {"name": "x" * 3000}, "filters": [where("id", "eq", 1)]}),
        ("select_rows", {"table": "things", "filters": [where("name", "in", ["x" * 4000] * 5)]}),
    ],
)
async def test_what_is_too_large_to_send_is_not_sent(scripted_project, tools_of, tool, arguments):
    project = await scripted_project(lambda _asked: {"body": []})
    tools = await tools_of(project.url, body_max_bytes=2000)
    assert (await tools.fails(tool, **arguments))["code"] == "too_large"
    assert project.asked == []
