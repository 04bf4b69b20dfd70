"""`typecast`: what a text becomes in a field of each type, and what is refused all the same."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from smeboost_emulators.testing.airtable import running_emulator

BASE = "appTypecast000001"
ADA = {"id": "usrAda00000000001", "email": "ada@example.com", "name": "Ada"}
EUROPEAN: dict[str, Any] = {"dateFormat": {"name": "european", "format": "D/M/YYYY"}}
BERLIN: dict[str, Any] = {"timeZone": "Europe/Berlin", "timeFormat": {"name": "24hour", "format": "HH:mm"}}
TYPES: dict[str, tuple[str, dict[str, Any]]] = {
    "Text": ("singleLineText", {}),
    "Number": ("number", {"precision": 2}),
    "Money": ("currency", {"precision": 2, "symbol": "kr"}),
    "Share": ("percent", {"precision": 1}),
    "Length": ("duration", {"durationFormat": "h:mm"}),
    "Stars": ("rating", {"max": 5, "icon": "star", "color": "redBright"}),
    "Done": ("checkbox", {"icon": "check", "color": "greenBright"}),
    "Day": ("date", {"dateFormat": {"name": "us", "format": "M/D/YYYY"}}),
    "Tag": ("date", EUROPEAN),
    "At": ("dateTime", {**EUROPEAN, **BERLIN}),
    "Kind": ("singleSelect", {"choices": [{"name": "Tool"}]}),
    "Tags": ("multipleSelects", {"choices": [{"name": "new"}]}),
    "Who": ("singleCollaborator", {}),
    "All": ("multipleCollaborators", {}),
    "Links": ("multipleRecordLinks", {"linkedTableId": "Parts"}),
    "Code": ("barcode", {}),
}
CASTS: list[tuple[str, Any, Any]] = [
    ("Text", 12.5, "12.5"),
    ("Text", True, "true"),
    ("Text", ["a", 1], "a, 1"),
    ("Number", "1,200.50", 1200.5),
    ("Number", " -$3 ", -3),
    ("Number", "1e3", 1000),
    ("Number", "", None),
    ("Money", "kr 12", 12),
    ("Share", "12.3%", 0.123),
    ("Share", "0.5", 0.5),
    ("Length", "1:30", 5400),
    ("Length", "0:01:02.5", 62.5),
    ("Length", "90", 90),
    ("Stars", "4", 4),
    ("Done", "yes", True),
    ("Done", 1, True),
    ("Done", "unchecked", None),
    ("Day", "5/1/2024", "2024-05-01"),
    ("Day", "May 1, 2024", "2024-05-01"),
    ("Day", "2024-05-01T23:30:00Z", "2024-05-01"),
    ("Tag", "5/1/2024", "2024-01-05"),
    ("Tag", "1 May 2024", "2024-05-01"),
    ("At", "1/5/2024 9:30pm", "2024-05-01T19:30:00.000Z"),
    ("At", "1/5/2024, 21:30", "2024-05-01T19:30:00.000Z"),
    ("At", "2024-05-01", "2024-04-30T22:00:00.000Z"),
    ("Kind", "  Toy ", "Toy"),
    ("Kind", 7, "7"),
    ("Kind", ["Tool"], "Tool"),
    ("Tags", 'new, "red, blue"', ["new", "red, blue"]),
    ("Tags", ["new", 5], ["new", "5"]),
    ("Who", "ada@example.com", ADA),
    ("Who", "Ada", ADA),
    ("All", "Ada", [ADA]),
    ("All", {"email": "ada@example.com"}, [ADA]),
    ("Code", "4006381333931", {"text": "4006381333931"}),
]
REFUSED: list[tuple[str, Any]] = [
    ("Number", "many"),
    ("Number", "nan"),
    ("Number", {"a": 1}),
    ("Stars", "9"),
    ("Length", "1:75"),
    ("Day", "13/13/2024"),
    ("Day", "31/2/2024"),
    ("Day", "Foo 1, 2024"),
    ("Day", "tomorrow"),
    ("Who", "Nobody"),
    ("Done", "perhaps"),
    ("Links", [{"id": "recPart0000000001"}]),
    ("Code", 5),
]
Create = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def create() -> Iterator[Create]:
    """`create(fields, typecast=True)` in a table with a field of each type."""
    fields = [{"name": name, "type": kind, "options": options} for name, (kind, options) in TYPES.items()]
    parts = {"name": "Parts", "fields": [{"name": "Name", "type": "singleLineText"}]}
    records = {"Parts": [{"id": "recPart0000000001", "fields": {"Name": "Bolt"}}]}
    base = {"id": BASE, "name": "B", "tables": [{"name": "Things", "fields": fields}, parts], "records": records}
    with running_emulator(seed={"bases": [base | {"collaborators": [ADA]}]}) as emulator, httpx.Client() as http:
        http.headers["Authorization"] = f"Bearer {emulator.token}"
        url = f"{emulator.url}/v0/{BASE}/Things"
        yield lambda fields, typecast=True: http.post(url, json={"fields": fields, "typecast": typecast})


@pytest.mark.parametrize(("name", "given_value", "kept"), CASTS)
def test_a_value_becomes_what_the_field_holds(create: Create, name: str, given_value: Any, kept: Any) -> None:
    answer = create({name: given_value})
    assert answer.status_code == 200, answer.text
    assert answer.json()["fields"].get(name) == kept


@pytest.mark.parametrize(("name", "given_value"), REFUSED)
def test_what_cannot_be_converted_is_refused(create: Create, name: str, given_value: Any) -> None:
    answer = create({name: given_value})
    assert (answer.status_code, answer.json()["error"]["type"]) in (
        (422, "INVALID_VALUE_FOR_COLUMN"),
        (422, "VALUE_IS_NOT_ARRAY_OF_RECORD_IDS"),
    )


def test_names_of_linked_records_find_them_or_make_them_once(create: Create) -> None:
    first = create({"Links": ["Bolt", "Nut", "Nut"]}).json()["fields"]["Links"]
    again = create({"Links": "Nut, Bolt"}).json()["fields"]["Links"]
    assert first[0] == "recPart0000000001"
    assert again == first[::-1]


def test_without_typecast_the_same_texts_are_refused(create: Create) -> None:
    for name, value in (("Number", "1"), ("Kind", "Newest"), ("Links", ["Bolt"]), ("Who", "Ada"), ("Day", "5/1/2024")):
        assert create({name: value}, typecast=False).status_code == 422, name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(TYPES)),
    value=st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
        max_leaves=5,
    ),
)
def test_any_value_is_kept_or_refused(create: Create, name: str, value: Any) -> None:
    assert create({name: value}).status_code in (200, 422)
