"""`filterByFormula` over real cells: what each kind of field is inside a formula."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyairtable import Api
from pyairtable.formulas import AND, Field, match
from requests import HTTPError
from smeboost_emulators.testing.airtable import running_emulator

Send = Callable[..., httpx.Response]


@pytest.fixture
def found(airtable_emulator: Callable[..., Any]) -> Callable[[str], list[str]]:
    """The names of the articles that a formula keeps."""
    field = {"id": "fldNAME0000000001", "name": "Name", "type": "singleLineText"}
    choices = [{"id": "selA0000000000001", "name": "New"}, {"id": "selB0000000000001", "name": "Old stock"}]
    seed = {
        "bases": [
            {
                "id": "appFORMULA0000001",
                "name": "Formulas",
                "permissionLevel": "create",
                "tables": [
                    {
                        "id": "tblARTICLES000001",
                        "name": "Articles",
                        "primaryFieldId": "fldNAME0000000001",
                        "fields": [
                            field,
                            {
                                "id": "fldPRICE000000001",
                                "name": "Unit price",
                                "type": "number",
                                "options": {"precision": 2},
                            },
                            {
                                "id": "fldSTATE000000001",
                                "name": "State",
                                "type": "singleSelect",
                                "options": {"choices": choices},
                            },
                            {
                                "id": "fldTAGS0000000001",
                                "name": "Tags",
                                "type": "multipleSelects",
                                "options": {"choices": choices},
                            },
                            {
                                "id": "fldDONE0000000001",
                                "name": "Done",
                                "type": "checkbox",
                                "options": {"icon": "check", "color": "greenBright"},
                            },
                            {
                                "id": "fldDAY00000000001",
                                "name": "Day",
                                "type": "date",
                                "options": {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}},
                            },
                            {
                                "id": "fldMAKER000000001",
                                "name": "Maker",
                                "type": "multipleRecordLinks",
                                "options": {
                                    "linkedTableId": "tblMAKERS00000001",
                                    "inverseLinkFieldId": "fldMADE0000000001",
                                },
                            },
                        ],
                        "views": [{"id": "viwGRID0000000001", "name": "Grid view", "type": "grid"}],
                    },
                    {
                        "id": "tblMAKERS00000001",
                        "name": "Makers",
                        "primaryFieldId": "fldMNAME000000001",
                        "fields": [
                            {"id": "fldMNAME000000001", "name": "Name", "type": "singleLineText"},
                            {
                                "id": "fldMADE0000000001",
                                "name": "Made",
                                "type": "multipleRecordLinks",
                                "options": {
                                    "linkedTableId": "tblARTICLES000001",
                                    "inverseLinkFieldId": "fldMAKER000000001",
                                },
                            },
                        ],
                        "views": [{"id": "viwGRID0000000002", "name": "Grid view", "type": "grid"}],
                    },
                ],
                "records": {
                    "tblMAKERS00000001": [{"id": "recMAKER000000001", "fields": {"Name": 'Ann "A" Ltd'}}],
                    "tblARTICLES000001": [
                        {
                            "id": "recCHAIR000000001",
                            "fields": {
                                "Name": "Chair",
                                "Unit price": 20,
                                "State": "New",
                                "Day": "2024-05-01",
                                "Maker": ["recMAKER000000001"],
                            },
                        },
                        {
                            "id": "recTABLE000000001",
                            "fields": {
                                "Name": "Table",
                                "Unit price": 120.5,
                                "State": "Old stock",
                                "Tags": ["New", "Old stock"],
                                "Done": True,
                            },
                        },
                        {"id": "recLAMP0000000001", "fields": {"Name": "Lamp's"}},
                    ],
                },
            }
        ]
    }
    emulator = airtable_emulator(seed=seed)
    table = Api(emulator.token, endpoint_url=emulator.url).table("appFORMULA0000001", "Articles")
    return lambda formula: [record["fields"]["Name"] for record in table.all(formula=formula)]


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("{Unit price} > 20", ["Table"]),
        ("{fldPRICE000000001} = BLANK()", ["Lamp's"]),
        ("State = 'Old stock'", ["Table"]),
        ("FIND('Old', {Tags})", ["Table"]),
        ("NOT({Done})", ["Chair", "Lamp's"]),
        ("IS_AFTER({Day}, '2024-04-30')", ["Chair"]),
        ("{Maker} = 'Ann \"A\" Ltd'", ["Chair"]),
        ("SEARCH('ann', ARRAYJOIN({Maker}))", ["Chair"]),
        ("RECORD_ID() = 'recLAMP0000000001'", ["Lamp's"]),
        ("LOWER({Name}) = 'lamp\\'s'", ["Lamp's"]),
        ("VALUE({Name}) = 1", []),
        ("REGEX_MATCH({Name}, '^[CL]')", ["Chair", "Lamp's"]),
        ("DATETIME_FORMAT({Day}, 'dddd') = 'Wednesday'", ["Chair"]),
        ("{Day} = DATETIME_PARSE('1 May 2024', 'D MMM YYYY')", ["Chair"]),
        ("WORKDAY_DIFF({Day}, '2024-05-06') = 4", ["Chair"]),
        ("", ["Chair", "Table", "Lamp's"]),
    ],
)
def test_formula_keeps_the_records_it_describes(
    found: Callable[[str], list[str]], formula: str, names: list[str]
) -> None:
    assert found(formula) == names


def test_formulas_that_pyairtable_builds_are_understood(found: Callable[[str], list[str]]) -> None:
    assert found(str(match({"Name": "Lamp's"}))) == ["Lamp's"]
    assert found(str(AND(Field("Unit price").gte(20), Field("Done").ne(True)))) == ["Chair"]


@pytest.mark.parametrize(
    ("formula", "words"), [("{Nope} = 1", "Unknown field names: nope"), ("1 +", "Invalid formula"), ("NOPE(1)", "NOPE")]
)
def test_bad_formula_is_refused_with_the_vendor_s_error(
    found: Callable[[str], list[str]], formula: str, words: str
) -> None:
    with pytest.raises(HTTPError) as caught:
        found(formula)
    response = caught.value.response
    assert response is not None
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["type"] == "INVALID_FILTER_BY_FORMULA"
    assert words in error["message"]


def _filtered(send: Send, formula: str) -> httpx.Response:
    """A list request; JSON writes half a surrogate pair as its escape, which a URL could not carry."""
    body = json.dumps({"filterByFormula": formula, "fields": ["Name"]})
    return send("POST", "/Articles/listRecords", content=body, headers={"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def send() -> Iterator[Send]:
    """`send(method, path, ...)` to an emulator with a table of two records."""
    fields = [{"name": "Name", "type": "singleLineText"}, {"name": "Price", "type": "number"}]
    records = [{"fields": {"Name": "Chair", "Price": 20}}, {"fields": {"Name": "é" * 50_000}}]
    table = {"name": "Articles", "fields": fields}
    base = {"id": "appFORMULA0000002", "name": "B", "tables": [table], "records": {"Articles": records}}
    with running_emulator(seed={"bases": [base]}) as emulator, httpx.Client() as http:
        url, headers = f"{emulator.url}/v0/appFORMULA0000002", {"Authorization": f"Bearer {emulator.token}"}
        http.headers.update(headers)
        yield lambda method, path, **options: http.request(method, url + path, timeout=10, **options)


any_character = st.characters(exclude_categories=())
pieces = st.sampled_from(
    ["{Name}", "{Price}", "{\ud800}", "(", ")", ",", "&", "=", "'", "IF(", "LEN(", "REGEX_MATCH(", "1e308"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(formula=st.lists(pieces | st.text(any_character, max_size=5), max_size=12).map("".join))
def test_any_formula_is_answered_with_records_or_422(send: Send, formula: str) -> None:
    answer = _filtered(send, formula)
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        # Half a surrogate pair is no text, and is refused with the body that holds it.
        assert answer.json()["error"]["type"] in ("INVALID_FILTER_BY_FORMULA", "INVALID_REQUEST_BODY")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(formula=st.binary(min_size=1, max_size=30))
def test_any_bytes_in_the_url_are_answered_with_records_or_422(send: Send, formula: bytes) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in formula)
    assert send("GET", f"/Articles?filterByFormula={escaped}").status_code in (200, 422)


@pytest.mark.parametrize(
    ("formula", "status"),
    [
        ("{\ud800}", 422),
        ("\x00", 422),
        ("'\ud800'", 422),
        ("'\x00'", 200),
        ("(" * 50_000, 422),
        ("NOT(" * 200 + "1" + ")" * 200, 422),
        ("SUM(" + ",".join(["1"] * 50_000) + ")", 422),
        ("REPT(REPT('x', 1e6), 1e6)", 200),
        ("SUBSTITUTE(" * 20 + "'aa'" + ", 'a', 'aaaa')" * 20, 200),
        ("REGEX_MATCH({Name}, '(a+)+$')", 200),
        ("REGEX_MATCH({Name}, '(a|b)*a(a|b){12}')", 200),
        ("REGEX_REPLACE({Name}, '', 'x')", 200),
        ("DATEADD(TODAY(), 1e300, 'years')", 200),
        ("ROUND({Price}, 1e9) = POWER(10, 1e300)", 200),
        ("WORKDAY(TODAY(), 1e6, {Name})", 200),
        ("SUM(" + ",".join(["ISERROR(UPPER({Name}))"] * 700) + ")", 200),
    ],
)
def test_a_formula_without_bounds_is_answered_soon(send: Send, formula: str, status: int) -> None:
    started = time.monotonic()
    assert _filtered(send, formula).status_code == status
    assert time.monotonic() - started < 2


def test_a_fault_is_told_with_its_place(send: Send) -> None:
    message = _filtered(send, "AND({Price} > 1, CONCATENTE('a'))").json()["error"]["message"]
    assert "position 17" in message
    assert "CONCATENATE" in message
