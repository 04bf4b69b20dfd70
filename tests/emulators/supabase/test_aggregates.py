"""Aggregates, which are off unless `PGRST_DB_AGGREGATES_ENABLED` says otherwise."""

import httpx
import pytest

SCHEMA = """
create table makers (id int primary key, name text);
create table goods (id int primary key, name text, maker_id int references makers, price numeric, data jsonb);
insert into makers values (1, 'Acme'), (2, 'Best');
insert into goods values (1, 'a', 1, 1.5, '{"n": 2}'), (2, 'b', 1, 2, '{"n": 3}'), (3, 'c', 2, 3, null),
  (4, 'd', null, null, null);
"""


@pytest.fixture(scope="module")
def read(start_supabase_backend, new_database, execute_on):
    """The rows of a query, on a backend that allows aggregates."""
    with (
        start_supabase_backend(new_database(), db_aggregates_enabled=True) as backend,
        httpx.Client(base_url=backend.url, headers={"apikey": backend.anon_key}) as client,
    ):
        execute_on(backend, SCHEMA)

        def rows(query):
            return client.get(f"/rest/v1/{query}").json()

        yield rows


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("goods?select=count()", [{"count": 4}]),
        ("goods?select=n:count()", [{"n": 4}]),
        ("goods?select=price.count()", [{"count": 3}]),
        ("goods?select=price.sum(),price.max(),low:price.min()", [{"sum": 6.5, "max": 3, "low": 1.5}]),
        ("goods?select=price.sum()::int", [{"sum": 7}]),
        ("goods?select=price::int.sum()", [{"sum": 7}]),
        ("goods?select=data->n::int.sum()", [{"sum": 5}]),
        ("goods?select=price.avg()::int&maker_id=eq.1", [{"avg": 2}]),
        (
            "goods?select=maker_id,price.sum()&order=maker_id",
            [{"maker_id": 1, "sum": 3.5}, {"maker_id": 2, "sum": 3}, {"maker_id": None, "sum": None}],
        ),
        (
            "makers?select=name,goods(count(),price.sum())&order=id",
            [
                {"name": "Acme", "goods": [{"count": 2, "sum": 3.5}]},
                {"name": "Best", "goods": [{"count": 1, "sum": 3}]},
            ],
        ),
        (
            "goods?select=*,count()&id=eq.3",
            [{"id": 3, "name": "c", "maker_id": 2, "price": 3, "data": None, "count": 1}],
        ),
    ],
)
def test_rows_are_aggregated(read, query, expected):
    assert read(query) == expected


def test_an_order_by_what_is_not_grouped_is_refused(read):
    assert read("goods?select=price.sum(),name&order=maker_id")["code"] == "42803"


def test_an_embedded_row_and_a_spread_are_grouped_by(read):
    for select in ("price.sum(),makers(name)", "price.sum(),...makers(name)", "...makers(name),price.sum()"):
        found = {
            (row["makers"] or {}).get("name") if "makers" in row else row["name"]: row["sum"]
            for row in read(f"goods?select={select}")
        }
        assert found == {"Acme": 3.5, "Best": 3, None: None}


def test_an_aggregate_in_a_spread_is_applied_outside_it(read):
    assert read("goods?select=...makers(id.count())") == [{"count": 3}]
    assert read("goods?select=...makers(count())") == [{"count": 3}]
    found = read("goods?select=maker_id,...makers(name.max())&maker_id=eq.1")
    assert found == [{"maker_id": 1, "max": "Acme"}]


def test_a_spread_of_many_rows_cannot_be_aggregated(read):
    assert read("makers?select=name,...goods(price.sum())")["code"] == "PGRST127"
