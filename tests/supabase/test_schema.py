"""The compact document of a schema."""

import psycopg
import pytest

SHOP = """
create schema shop;
create type shop.mood as enum ('sad', 'happy');
create type shop.money as (amount numeric, currency text);
create table shop.items (
  id bigint generated always as identity primary key, label text not null unique, mood shop.mood default 'sad',
  twice bigint generated always as (2) stored, check (label <> '')
);
comment on table shop.items is 'What we
sell';
create table shop.parts (
  item bigint references shop.items (id), number int, primary key (item, number)
);
create index parts_number on shop.parts (number desc);
alter table shop.items enable row level security;
create policy "all may look" on shop.items for select to anon, authenticated using (
  true
);
create function shop.price(item bigint, rate numeric default 1) returns numeric language sql stable security definer
  as 'select 1.0';
create function shop.noted() returns trigger language plpgsql as 'begin return new; end';
create trigger noted before insert on shop.items for each row execute function shop.noted();
grant select, insert on shop.items to anon, authenticated;
"""


@pytest.fixture(scope="module")
def shop(backend):
    with psycopg.connect(backend.database_url, autocommit=True) as connection:
        connection.execute(SHOP)
        yield
        connection.execute("drop schema shop cascade")


EXPECTED = """\
enum mood: sad | happy

type money (amount numeric, currency text)

table items, RLS on -- What we sell
  id bigint not null pk identity
  label text not null
  mood shop.mood default 'sad'::shop.mood
  twice bigint generated (2)
  constraint items_label_check CHECK ((label <> ''::text))
  constraint items_label_key UNIQUE (label)
  policy 'all may look' for select to anon, authenticated using (true)
  TRIGGER noted BEFORE INSERT ON shop.items FOR EACH ROW EXECUTE FUNCTION shop.noted()
  grant insert, select to anon, authenticated

table parts, RLS off
  item bigint not null -> shop.items(id)
  number integer not null
  primary key (item, number)
  INDEX parts_number btree (number DESC)

function noted() returns trigger volatile
function price(item bigint, rate numeric DEFAULT 1) returns numeric stable security definer \
callable by anon, authenticated, service_role"""


@pytest.mark.usefixtures("shop")
async def test_a_schema_is_one_compact_document(over_sql):
    told = await over_sql("describe_schema", schema="shop")
    assert told["text"] == EXPECTED
    assert told["next_offset"] is None


@pytest.mark.usefixtures("shop")
async def test_some_tables_are_described_alone_and_parts_are_paged(over_sql):
    told = await over_sql("describe_schema", schema="shop", tables=["parts"])
    assert [part.split(",")[0] for part in told["text"].split("\n\n")] == ["enum mood: sad | happy", "table parts"]
    rest = await over_sql("describe_schema", schema="shop", offset=4)
    assert rest["text"].startswith("function noted")


async def test_a_long_document_comes_in_parts(over_sql, backend):
    async with await psycopg.AsyncConnection.connect(backend.database_url, autocommit=True) as connection:
        await connection.execute("create schema wide")
        for number in range(6):
            columns = ", ".join(f"column_with_a_long_name_{index} text not null" for index in range(200))
            await connection.execute(f"create table wide.t{number} ({columns})".encode())
        seen, offset = [], 0
        while offset is not None:
            told = await over_sql("describe_schema", schema="wide", offset=offset)
            assert len(told["text"]) < 30_000
            seen += [part.split(",")[0] for part in told["text"].split("\n\n")]
            offset = told["next_offset"]
        await connection.execute("drop schema wide cascade")
    assert seen == [f"table t{number}" for number in range(6)]


@pytest.mark.parametrize("schema", ["nowhere", "public'--"])
async def test_a_schema_that_is_not_there_is_named(over_sql, schema):
    error = await over_sql.fails("describe_schema", schema=schema)
    assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", "schema")
