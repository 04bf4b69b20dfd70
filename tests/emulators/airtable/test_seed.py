"""Seeds: what may be left out, and what is refused at load with a message that says where and why."""

from typing import Any

import msgspec
import pytest
from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.seed import load_seed
from smeboost_emulators.testing.airtable import StartAirtable

NAME = {"name": "Name", "type": "singleLineText"}


def base(*fields: dict[str, Any], records: list[dict[str, Any]] | None = None, **table: Any) -> dict[str, Any]:
    tables = [{"name": "Things", "fields": [NAME, *fields], **table}]
    return {"bases": [{"name": "Base", "tables": tables, "records": {"Things": records or []}}]}


def link(**options: Any) -> dict[str, Any]:
    return {"name": "Link", "type": "multipleRecordLinks", "options": options}


def row(**fields: Any) -> list[dict[str, Any]]:
    return [{"fields": fields}]


REFUSED: list[tuple[Any, str]] = [
    ([], "got `array`"),
    ({}, "bases"),
    ({"bases": [{"name": "x", "tables": [{"name": "T"}]}]}, "$.bases[0].tables[0]"),
    ({"bases": [{"tables": []}]}, "name"),
    ({"bases": [{"name": "x", "permissionLevel": "king"}]}, "permissionLevel"),
    (base({"name": "Sum", "type": "formula"}), "options.formula must be"),
    (base({"name": "Sum", "type": "rollup"}), "recordLinkFieldId None is not a link field"),
    (base({"name": "Odd", "type": "hologram"}), "does not support the type 'hologram'"),
    (base({"name": "name", "type": "email"}), "two fields are called 'name'"),
    (base({"name": "X"}), "type"),
    (base({"id": "fldShort", "name": "X", "type": "email"}), "'fldShort' is not an id"),
    (base(primaryFieldId="fldUnknown0000001"), "primaryFieldId"),
    (base({"name": "Done", "type": "checkbox"}, primaryFieldId="Done"), "cannot be the primary field"),
    (base(link()), "linkedTableId None is not a table"),
    (base(link(linkedTableId="Things", inverseLinkFieldId="Name")), "inverseLinkFieldId 'Name'"),
    (base({"name": "Count", "type": "count", "options": {"recordLinkFieldId": "Name"}}), "not a link field"),
    (
        base(
            link(linkedTableId="Things"),
            {
                "name": "Look",
                "type": "multipleLookupValues",
                "options": {"recordLinkFieldId": "Link", "fieldIdInLinkedTable": "Look"},
            },
        ),
        "circle",
    ),
    (base({"name": "At", "type": "dateTime", "options": {"timeZone": "Mars/Olympus"}}), "Mars/Olympus"),
    (base({"name": "Kind", "type": "singleSelect", "options": {"choices": ["a"]}}), "options.choices"),
    (base({"name": "T", "type": "lastModifiedTime", "options": {"referencedFieldIds": ["No"]}}), "'No'"),
    (base(views=[{"sort": [{"field": "Nothing"}]}]), "'Nothing'"),
    (base(views=[{"name": "V", "filterByFormula": "{Name"}]), "view 'V'"),
    (base(records=[{"fields": []}]), "its fields are not an object"),
    (base({"name": "N", "type": "autoNumber"}, records=row(N="one")), "field 'N'"),
    (base({"name": "At", "type": "lastModifiedTime"}, records=row(At="now")), "field 'At'"),
    (base(records=row(Nothing=1)), "'Nothing'"),
    (base(records=row(Name=1)), "field 'Name'"),
    (base({"name": "Kind", "type": "singleSelect", "options": {"choices": []}}, records=row(Kind="a")), "field 'Kind'"),
    (base(link(linkedTableId="Things"), records=row(Link=["recUnknown0000001"])), "recUnknown0000001"),
    (base(records=[{"id": "recTwice000000001"}] * 2), "two records have the id"),
    (base(records=[{"createdTime": "yesterday"}]), "yesterday"),
    ({"bases": [{"name": "x", "records": {"Nowhere": []}}]}, "'Nowhere'"),
    ({"bases": [{"name": "x", "collaborators": [{"name": "Ann"}]}]}, "neither an id nor an email"),
]


@pytest.mark.parametrize(("seed", "words"), REFUSED)
def test_a_seed_that_cannot_be_served_is_refused(seed: Any, words: str) -> None:
    with pytest.raises(SeedError) as refused:
        load_seed(msgspec.json.encode(seed))
    assert words in str(refused.value)


def test_a_seed_that_is_no_json_is_refused() -> None:
    with pytest.raises(SeedError):
        load_seed(b'{"bases": [')


def test_ids_may_be_left_out(airtable_emulator: StartAirtable, plain_http) -> None:
    send = plain_http(airtable_emulator(seed=base({"name": "N", "type": "autoNumber"}, records=row(Name="One"))))
    base_id = send("GET", "/v0/meta/bases").json()["bases"][0]["id"]
    [table] = send("GET", f"/v0/meta/bases/{base_id}/tables").json()["tables"]
    assert table["primaryFieldId"] == table["fields"][0]["id"]
    assert [view["name"] for view in table["views"]] == ["Grid view"]
    [record] = send("GET", f"/v0/{base_id}/{table['id']}").json()["records"]
    assert record["fields"] == {"Name": "One", "N": 1}
    assert record["createdTime"].endswith(".000Z")


def test_the_schema_comes_back_as_it_was_given(airtable_emulator: StartAirtable, plain_http) -> None:
    table = {
        "id": "tblThings00000001",
        "name": "Things",
        "description": "All of them",
        "primaryFieldId": "fldName0000000001",
        "fields": [
            {"id": "fldName0000000001", "name": "Name", "type": "singleLineText", "description": "What it is called"},
            {
                "id": "fldKind0000000001",
                "name": "Kind",
                "type": "singleSelect",
                "options": {"choices": [{"id": "selKind0000000001", "name": "A", "color": "tealDark1"}]},
            },
        ],
        "views": [{"id": "viwGrid0000000001", "name": "All", "type": "kanban"}],
    }
    seed = {"bases": [{"id": "appThings00000001", "name": "Base", "tables": [table]}]}
    send = plain_http(airtable_emulator(seed=seed))
    assert send("GET", "/v0/meta/bases/appThings00000001/tables").json() == {"tables": [table]}
