"""The Sample Superstore (9,994 order lines), normalised into the linked tables that a shop would have.

It is read from the PyPI package `bokeh-sampledata`. The extract has no order or customer numbers, so there are no
Orders and no Customers here, and a product is a sub-category: the extract does not name single articles.
"""

import csv
import gzip
from importlib.resources import files

from smeboost_emulators.samples.tables import Seed, TableBuilder, identifier, seed_of

BASE = "Superstore"
Row = dict[str, str]


def seed() -> Seed:
    """The Superstore base: Order lines, Products, Categories, Cities, States."""
    shop = _Shop(_rows())
    shop.fill()
    return seed_of(BASE, [shop.lines, shop.products, shop.categories, shop.cities, shop.states])


def _rows() -> list[Row]:
    packed = files("bokeh_sampledata") / "_data" / "SampleSuperstore.csv.gz"
    with packed.open("rb") as raw, gzip.open(raw, "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


class _Shop:
    """The five tables while they are being filled."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.lines = TableBuilder(BASE, "Order lines", "One article of an order, as it was sold and shipped.")
        self.products = TableBuilder(BASE, "Products", "What the shop sells.")
        self.categories = TableBuilder(BASE, "Categories", "The shop's departments.")
        self.cities = TableBuilder(BASE, "Cities", "Where the shop delivers.")
        self.states = TableBuilder(BASE, "States", "States and the sales region they belong to.")
        self._define_fields()

    def _define_fields(self) -> None:
        lines = self.lines
        for table in (self.products, self.categories, self.cities, self.states):
            table.field("Name", "singleLineText")
        lines.field("Line", "singleLineText")
        lines.link("Product", self.products, "Order lines")
        lines.link("City", self.cities, "Order lines")
        lines.field("Postal code", "singleLineText")
        lines.select("Segment", self._values("Segment"))
        lines.select("Ship mode", ["Same Day", "First Class", "Second Class", "Standard Class"])
        lines.field("Quantity", "number", precision=0)
        lines.field("Sales", "currency", precision=2, symbol="$")
        lines.field("Discount", "percent", precision=0)
        lines.field("Profit", "currency", precision=4, symbol="$")
        lines.field("Sold at a loss", "checkbox", icon="flag", color="redBright")
        self.products.link("Category", self.categories, "Products")
        self.cities.link("State", self.states, "Cities")
        self.states.select("Region", self._values("Region"))

    def _values(self, column: str) -> list[str]:
        return sorted({row[column] for row in self.rows})

    def fill(self) -> None:
        """Add every row, and what it names when it is named for the first time."""
        for number, row in enumerate(self.rows, start=1):
            profit = float(row["Profit"])
            line = self.lines.add(
                str(number),
                {
                    "Line": f"L-{number:05}",
                    "Postal code": row["Postal Code"],
                    "Segment": row["Segment"],
                    "Ship mode": row["Ship Mode"],
                    "Quantity": int(row["Quantity"]),
                    "Sales": float(row["Sales"]),
                    "Discount": float(row["Discount"]),
                    "Profit": profit,
                    "Sold at a loss": True if profit < 0 else None,
                },
            )
            self.lines.connect("Product", line, self.products, "Order lines", self._product(row))
            self.lines.connect("City", line, self.cities, "Order lines", self._city(row))

    def _product(self, row: Row) -> str:
        name = row["Sub-Category"]
        record_id = identifier("rec", self.products.id, name)
        if record_id not in self.products.records:
            self.products.add(name, {"Name": name})
            category = identifier("rec", self.categories.id, row["Category"])
            if category not in self.categories.records:
                self.categories.add(row["Category"], {"Name": row["Category"]})
            self.products.connect("Category", record_id, self.categories, "Products", category)
        return record_id

    def _city(self, row: Row) -> str:
        # Two states may each have a city of one name.
        name = f"{row['City']}, {row['State']}"
        record_id = identifier("rec", self.cities.id, name)
        if record_id not in self.cities.records:
            self.cities.add(name, {"Name": name})
            state = identifier("rec", self.states.id, row["State"])
            if state not in self.states.records:
                self.states.add(row["State"], {"Name": row["State"], "Region": row["Region"]})
            self.cities.connect("State", record_id, self.states, "Cities", state)
        return record_id
