"""Build an Airtable seed from rows: tables, fields and links, with ids that are the same on every run.

The seed's shape is the one that `smeboost-emulators airtable --seed` reads: bases with tables as the Meta API returns
them, and records by table id with field names as keys (https://airtable.com/developers/web/api/get-base-schema).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# An id has seven of these pairs: half as many divisions, and the large sample has 340,000 ids.
PAIRS = [low + high for high in ALPHABET for low in ALPHABET]
PAIRS_OF_AN_ID = 7
CREATED_TIME = "2024-01-01T00:00:00.000Z"
"""The samples do not say when their rows were made; a fixed time keeps seeds equal from run to run."""

Seed = dict[str, Any]


def identifier(prefix: str, *names: str) -> str:
    """An id of Airtable's form, a three-letter prefix and 14 base-62 characters, made from `names`."""
    number = int.from_bytes(hashlib.sha256("\x1f".join((prefix, *names)).encode()).digest()[:12])
    text = prefix
    for _ in range(PAIRS_OF_AN_ID):
        number, pair = divmod(number, len(PAIRS))
        text += PAIRS[pair]
    return text


class TableBuilder:
    """One table of a seed; the first field added is its primary field."""

    def __init__(self, base: str, name: str, description: str) -> None:
        """`base` is the base's name; together with `name` it makes the table's id."""
        self.base = base
        self.name = name
        self.description = description
        self.id = identifier("tbl", base, name)
        self.fields: list[dict[str, Any]] = []
        self.records: dict[str, dict[str, Any]] = {}
        self.ids: dict[str, str] = {}

    def field(self, name: str, kind: str, **options: Any) -> None:
        """Add a field of an Airtable type with the options of that type."""
        field: dict[str, Any] = {"id": self.field_id(name), "name": name, "type": kind}
        self.fields.append(field | ({"options": options} if options else {}))

    def select(self, name: str, choices: Iterable[str]) -> None:
        """Add a single select whose choices are in this order."""
        listed = [{"id": identifier("sel", self.id, name, choice), "name": choice} for choice in choices]
        self.field(name, "singleSelect", choices=listed)

    def link(self, name: str, other: "TableBuilder", inverse: str) -> None:
        """Add a link to `other` and its inverse there; both fields hold any number of records."""
        self.link_field(name, other, inverse)
        other.link_field(inverse, self, name)

    def link_field(self, name: str, other: "TableBuilder", inverse: str) -> None:
        """Add one side of a link; `inverse` is the name of the other side's field in `other`."""
        self.field(
            name,
            "multipleRecordLinks",
            linkedTableId=other.id,
            isReversed=False,
            prefersSingleRecordLink=False,
            inverseLinkFieldId=other.field_id(inverse),
        )

    def add(self, key: str, cells: Mapping[str, Any]) -> str:
        """Add the record that `key` names within the table, leaving out empty cells; its id is returned."""
        record_id = identifier("rec", self.id, key)
        self.ids[key] = record_id
        self.records[record_id] = {name: value for name, value in cells.items() if value or value == 0}
        return record_id

    def connect(self, name: str, record_id: str, other: "TableBuilder", inverse: str, other_id: str) -> None:
        """Link one record to one of `other`, on both sides."""
        self.records[record_id].setdefault(name, []).append(other_id)
        other.records[other_id].setdefault(inverse, []).append(record_id)

    def field_id(self, name: str) -> str:
        """The id of the field of that name, whether it was added already or not."""
        return identifier("fld", self.id, name)

    def table(self) -> dict[str, Any]:
        """The table as the Meta API returns it."""
        view = {"id": identifier("viw", self.id, "Grid view"), "name": "Grid view", "type": "grid"}
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "primaryFieldId": self.fields[0]["id"],
            "fields": self.fields,
            "views": [view],
        }

    def rows(self) -> list[dict[str, Any]]:
        """The records in the order they were added."""
        return [{"id": key, "createdTime": CREATED_TIME, "fields": cells} for key, cells in self.records.items()]


def seed_of(name: str, tables: list[TableBuilder]) -> Seed:
    """A seed with one base that holds `tables`."""
    base = {
        "id": identifier("app", name),
        "name": name,
        "permissionLevel": "create",
        "tables": [table.table() for table in tables],
        "records": {table.id: table.rows() for table in tables},
    }
    return {"bases": [base]}
