"""Types for a program, of a schema with everything that is hard to name."""

import datetime
import decimal
import uuid
from typing import Any, get_type_hints

import psycopg
import pytest
from pydantic import ValidationError

SCHEMA = """
create schema typed;
create type typed.mood as enum ('sad', 'very "happy"');
create type typed.money as (amount numeric, currency text);
create domain typed.email as text not null;
create table typed.people (
  id bigint generated always as identity primary key,
  key uuid not null default gen_random_uuid(),
  email typed.email,
  mood typed.mood,
  moods typed.mood[] not null default '{}',
  price numeric(12, 2),
  details jsonb,
  born date,
  at timestamptz not null default now(),
  tags text[],
  cash typed.money,
  span int4range,
  twice numeric generated always as (price * 2) stored,
  "class" text,
  "Odd, (name)" int not null,
  _hidden text
);
create table typed.pets (person bigint primary key references typed.people (id), datetime date);
create table typed."2 things" (a int);
create view typed.names as select id, email from typed.people;
create function typed.plain() returns void language sql as '';
create function typed.twice(n int, by numeric default 2) returns numeric language sql as 'select 1.0';
create function typed.twice(t text) returns text language sql as 'select $1';
create function typed.all_people() returns setof typed.people language sql as 'select * from typed.people';
create function typed.pairs() returns table (a int, b text[]) language sql as 'select 1, null::text[]';
create function typed.noted() returns trigger language plpgsql as 'begin return new; end';
"""


@pytest.fixture(scope="module")
def typed(backend):
    with psycopg.connect(backend.database_url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield
        connection.execute("drop schema typed cascade")


async def written(tools: Any, language: str) -> str:
    told = await tools("generate_types", language=language, schema="typed")
    assert told["next_offset"] is None
    return told["text"]


def block(text: str, start: str) -> list[str]:
    """The lines from the one that says `start` to the one that closes it, without their indentation."""
    lines = text.split("\n")
    first = next(index for index, line in enumerate(lines) if line.strip() == start)
    indent = len(lines[first]) - len(lines[first].lstrip())
    last = next(i for i in range(first + 1, len(lines)) if len(lines[i]) - len(lines[i].lstrip()) == indent)
    return [line.strip() for line in lines[first + 1 : last]]


@pytest.mark.usefixtures("typed")
async def test_typescript_has_the_form_of_the_vendors_generator(over_sql):
    text = await written(over_sql, "typescript")
    people = "\n".join(block(text, "people: {"))
    row, rest = people.split("Insert: {")
    insert, update = rest.split("Update: {")
    assert '"Odd, (name)": number\n' in row
    assert "id: number\n" in row
    assert 'mood: Database["typed"]["Enums"]["mood"] | null' in row
    assert 'moods: Database["typed"]["Enums"]["mood"][]\n' in row
    assert 'cash: Database["typed"]["CompositeTypes"]["money"] | null' in row
    assert "details: Json | null" in row
    assert "email: string\n" in row
    assert "span: unknown | null" in row
    assert "tags: string[] | null" in row
    assert "id?: never" in insert
    assert "at?: string\n" in insert
    assert '"Odd, (name)": number\n' in insert
    assert '"Odd, (name)"?: number\n' in update
    assert block(text, "pets: {")[-8:] == [
        "{",
        'foreignKeyName: "pets_person_fkey"',
        'columns: ["person"]',
        "isOneToOne: true",
        'referencedRelation: "people"',
        'referencedColumns: ["id"]',
        "},",
        "]",
    ]
    assert block(text, "Functions: {") == [
        'all_people: { Args: never; Returns: Database["typed"]["Tables"]["people"]["Row"][] }',
        "pairs: { Args: never; Returns: { a: number; b: string[] }[] }",
        "plain: { Args: never; Returns: undefined }",
        "twice:",
        "| { Args: { by?: number; n: number }; Returns: number }",
        "| { Args: { t: string }; Returns: string }",
    ]
    assert r'mood: "sad" | "very \"happy\""' in text
    assert '"2 things": {' in text


@pytest.mark.usefixtures("typed")
async def test_pydantic_models_take_rows_as_rest_gives_them(over_sql):
    module: dict[str, Any] = {}
    exec(await written(over_sql, "pydantic"), module)  # noqa: S102  # the text is the subject, and made from our schema
    row: dict[str, Any] = {
        "id": 1,
        "key": "00000000-0000-4000-8000-000000000000",
        "email": "a@b.c",
        "mood": "sad",
        "moods": ['very "happy"'],
        "price": 1.5,
        "details": {"a": [1]},
        "born": "2026-01-01",
        "at": "2026-01-01T00:00:00+00:00",
        "tags": None,
        "cash": None,
        "span": "[1,5)",
        "twice": 3,
        "class": "first",
        "Odd, (name)": 7,
        "_hidden": None,
    }
    person = module["People"].model_validate(row)
    assert (person.key, person.price) == (uuid.UUID(row["key"]), decimal.Decimal("1.5"))
    assert (person.born, person.class_, person.Odd___name_) == (datetime.date(2026, 1, 1), "first", 7)
    assert module["Pets"].model_validate({"person": 1, "datetime": "2026-01-01"}).datetime_ == datetime.date(2026, 1, 1)
    assert module["T2Things"].model_validate({"a": 1}).a == 1
    with pytest.raises(ValidationError):
        module["People"].model_validate({**row, "mood": "angry"})
    assert set(person.model_dump(by_alias=True)) == set(row)


@pytest.mark.usefixtures("typed")
async def test_typed_dicts_say_what_an_insert_must_and_may_have(over_sql):
    module: dict[str, Any] = {}
    exec(await written(over_sql, "typeddict"), module)  # noqa: S102  # as above
    assert module["PeopleInsert"].__required_keys__ == {"email", "Odd, (name)"}
    assert module["PeopleInsert"].__optional_keys__.isdisjoint({"id", "twice"})
    assert module["PeopleUpdate"].__required_keys__ == frozenset()
    assert get_type_hints(module["People"])["tags"] == list[str] | None
    assert "NamesInsert" in module


async def test_a_long_file_comes_in_parts_that_join(over_sql, backend):
    with psycopg.connect(backend.database_url, autocommit=True) as connection:
        connection.execute("create schema long")
        for number in range(8):
            columns = ", ".join(f"column_with_a_long_name_{index} text not null" for index in range(40))
            connection.execute(f"create table long.t{number} ({columns})".encode())
        parts, offset = [], 0
        while offset is not None:
            told = await over_sql("generate_types", schema="long", offset=offset)
            parts.append(told["text"])
            offset = told["next_offset"]
        connection.execute("drop schema long cascade")
    text = "\n".join(parts)
    assert len(parts) > 1
    assert text.count("column_with_a_long_name_39") == 8 * 3
    assert text.count("{") == text.count("}")
