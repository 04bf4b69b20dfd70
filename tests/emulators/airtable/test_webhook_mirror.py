"""A copy of a base that is kept by payloads alone is in step with the base, whatever is written."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from smeboost_emulators.airtable.emulator import Emulator, EmulatorOptions
from smeboost_emulators.airtable.records.writes import plan_create, plan_delete, plan_update_one
from smeboost_emulators.airtable.state.commits import Actor
from smeboost_emulators.airtable.state.schema import Base, Table
from smeboost_emulators.airtable.webhooks.cells import rich_cell
from smeboost_emulators.airtable.webhooks.ledger import Hook, HookMade
from smeboost_emulators.airtable.webhooks.reach import dependents_of, reach
from smeboost_emulators.testing.airtable import small_seed

BASE = "appSmallShop00001"
USER = {"id": "usrMirror00000001"}
HOUR = 3_600.0
Copy = dict[str, dict[str, dict[str, Any]]]
"""Cells by table, record and field; empty ones are left out."""
Write = tuple[str, int, dict[str, Any], list[int]]


def emulator() -> Emulator:
    """A shop with fields that are computed from each other, over two links and more."""
    seed = small_seed()
    products, orders = seed["bases"][0]["tables"]
    products["fields"] += [
        computed("Tags of company", "multipleLookupValues", recordLinkFieldId="Orders", fieldIdInLinkedTable="Tags"),
        computed("Title", "formula", formula="{Name} & ' of ' & {Orders}"),
        computed(
            "Last buyer", "rollup", recordLinkFieldId="Orders", fieldIdInLinkedTable="Text", formula="MAX(values)"
        ),
        computed("Touched", "formula", formula="DATETIME_FORMAT(LAST_MODIFIED_TIME(), 'X')"),
        computed("Changed by", "lastModifiedBy"),
        computed("Repriced", "lastModifiedTime", referencedFieldIds=["Price"]),
    ]
    orders["fields"] += [
        computed("Tags", "multipleLookupValues", recordLinkFieldId="Products", fieldIdInLinkedTable="Tags"),
        computed("Orders", "multipleLookupValues", recordLinkFieldId="Products", fieldIdInLinkedTable="Orders"),
        computed("Text", "formula", formula="{Number} & ': ' & {Total} & ' for ' & {Orders}"),
        computed("Total", "rollup", recordLinkFieldId="Products", fieldIdInLinkedTable="Price", formula="SUM(values)"),
        computed("Made by", "createdBy"),
    ]
    running = Emulator(EmulatorOptions())
    running.add_seed(msgspec.json.encode(seed))
    return running


def computed(name: str, kind: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "options": options}


def copied(base: Base) -> Copy:
    return {table.id: {table.ids[slot]: cells(table, slot) for slot in table.live_slots()} for table in tables(base)}


def tables(base: Base) -> list[Table]:
    return list(base.tables.values())


def cells(table: Table, slot: int) -> dict[str, Any]:
    shown = {field.id: rich_cell(table, field, slot) for field in table.fields}
    return {field_id: plain(cell) for field_id, cell in shown.items() if cell is not None}


def plain(cell: Any) -> Any:
    """As JSON has it, and links without the names of the linked records, which are no cell of this record."""
    return _nameless(msgspec.json.decode(msgspec.json.encode(cell)))


def _nameless(cell: Any) -> Any:
    if isinstance(cell, list):
        return [_nameless(part) for part in cell]
    if isinstance(cell, dict):
        is_link = str(cell.get("id")).startswith("rec")
        return cell["id"] if is_link else {key: _nameless(part) for key, part in cell.items()}
    return cell


def follow(copy: Copy, payload: dict[str, Any]) -> None:
    for table_id, changes in payload["changedTablesById"].items():
        records = copy[table_id]
        for record_id, made in changes.get("createdRecordsById", {}).items():
            records[record_id] = {key: plain(cell) for key, cell in made["cellValuesByFieldId"].items()}
        for record_id, change in changes.get("changedRecordsById", {}).items():
            before = change["previous"]["cellValuesByFieldId"]
            assert {key: records[record_id].get(key) for key in before} == {
                key: None if cell is None else plain(cell) for key, cell in before.items()
            }
            for field_id, cell in change["current"]["cellValuesByFieldId"].items():
                records[record_id].pop(field_id, None)
                if cell is not None:
                    records[record_id][field_id] = plain(cell)
        for record_id in changes.get("destroyedRecordIds", []):
            del records[record_id]


PRODUCT = st.fixed_dictionaries(
    {},
    optional={
        "Name": st.sampled_from(["", "Nail", "Ülle"]),
        "Price": st.sampled_from([None, 0, 1.5]),
        "Kind": st.sampled_from([None, "Tool", "Toy"]),
        "Tags": st.lists(st.sampled_from(["new", "sale", "last"]), max_size=2, unique=True),
        "Online": st.booleans(),
    },
)
ORDER = st.fixed_dictionaries({}, optional={"Number": st.sampled_from(["", "X", "Y"]), "Phone": st.just("1")})
WRITES = st.lists(
    st.tuples(
        st.sampled_from(["create", "update", "delete"]),
        st.integers(0, 1_000),
        st.one_of(PRODUCT, ORDER.map(lambda fields: {"order": fields})),
        st.lists(st.integers(0, 1_000), max_size=3),
    ),
    min_size=1,
    max_size=8,
)


def write(running: Emulator, step: Write) -> None:
    kind, pick, fields, picks = step
    products, orders = tables(running.state.bases[BASE])
    table, far = (orders, products) if "order" in fields else (products, orders)
    fields = dict(fields.get("order", fields))
    living, linkable = ([item.ids[slot] for slot in item.live_slots()] for item in (table, far))
    if picks and linkable:
        chosen = [linkable[number % len(linkable)] for number in picks]
        fields["Products" if table is orders else "Orders"] = list(dict.fromkeys(chosen))
    if kind == "create" or not living:
        plan = plan_create(table, {"fields": fields}, USER["id"]).plan
    elif kind == "update":
        record_id = living[pick % len(living)]
        plan = plan_update_one(table, record_id, {"fields": fields}, USER["id"], replace=pick % 5 == 0).plan
    else:
        plan = plan_delete(table, [living[pick % len(living)]], USER["id"]).plan
    running.clock.advance(HOUR)
    running.commit(BASE, plan.changes, Actor(USER))


@settings(max_examples=60)
@given(WRITES)
def test_a_copy_that_follows_the_payloads_is_in_step(writes: list[Write]) -> None:
    running = emulator()
    running.clock.stop()
    base = running.state.bases[BASE]
    specification = {
        "options": {"filters": {"dataTypes": ["tableData"]}, "includes": {"includePreviousCellValues": True}}
    }
    expires = running.clock.now().timestamp() + 7 * 86_400
    hook = Hook(id="achMirror00000001", secret="", specification=specification, url=None, expires=expires)
    running.record([HookMade(BASE, hook.id, hook)])
    copy, cursor = copied(base), 1
    for step in writes:
        before = copied(base)
        write(running, step)
        news = hook.page(cursor, 50)
        assert len(news) == (before != copied(base))
        cursor += len(news)
        for content in news:
            follow(copy, msgspec.json.decode(content))
        assert copy == copied(base)


def test_what_is_written_is_reported_even_when_too_much_follows_from_it() -> None:
    base = emulator().state.bases[BASE]
    products, orders = tables(base)
    changes = plan_update_one(
        orders, "recOrder000000003", {"fields": {"Number": "X", "Products": []}}, "usr", replace=True
    )
    changes = plan_delete(products, ["recProduct0000001"], "usr").plan.changes + changes.plan.changes

    def named(cells_max: int) -> set[str]:
        cells = reach(base, changes, dependents_of(base), cells_max=cells_max)
        return {field.name for fields in cells.values() for field, slots in fields.items() if slots}

    assert named(0) == {"Number", "Products", "Code"}
    assert named(1_000) > {"Number", "Products", "Code", "Total", "Text", "Prices", "Changed"}
