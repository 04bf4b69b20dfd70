"""`filterByFormula` over real cells: what each kind of field is inside a formula."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pyairtable import Api
from pyairtable.formulas import AND, Field, match
from requests import HTTPError
from smeboost_emulators.airtable.errors import ApiError
from smeboost_emulators.airtable.records.filtering import passing
from smeboost_emulators.airtable.seed import load_seed


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


def test_a_formula_that_takes_too_long_is_given_up() -> None:
    fields = [{"name": "Name", "type": "singleLineText"}]
    table = {"name": "T", "fields": fields}
    seed = {"bases": [{"name": "B", "tables": [table], "records": {"T": [{"fields": {"Name": "a"}}]}}]}
    [base] = load_seed(json.dumps(seed).encode())
    [records] = base.tables.values()
    assert passing("Name", records, range(1), seconds_max=5) == [0]
    with pytest.raises(ApiError, match="INVALID_FILTER_BY_FORMULA"):
        passing("Name", records, range(1), seconds_max=-1)
