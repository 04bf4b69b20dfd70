"""The statements that formulas become: short where they can be, safe whatever is in them, and honest about the rest."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection
from smeboost_shared.formula.compile import UnknownFields
from smeboost_shared.formula.faults import FormulaSyntaxError
from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.sql import Column, ColumnKind, NotExpressible, SqlTable, compile_sql

TABLE = SqlTable(
    {
        "Status": Column("status", ColumnKind.TEXT),
        "fldSTATUS": Column("status", ColumnKind.TEXT),
        "Price": Column("price", ColumnKind.NUMERIC),
        "Size": Column("size", ColumnKind.NUMBER),
        "Count": Column("count", ColumnKind.BIGINT),
        "Done": Column("done", ColumnKind.CHECKBOX),
        "Due": Column("due", ColumnKind.DATE),
        "Sent": Column("sent", ColumnKind.MOMENT),
        "Tags": Column("tags", ColumnKind.TEXTS),
        "Sizes": Column("sizes", ColumnKind.NUMBERS),
        "Raw": Column("raw", ColumnKind.OTHER),
    },
    record_id="airtable_id",
    created_time="created",
)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("{Status}='Open'", '"status" = %(p1)s'),
        ("'Open'={fldSTATUS}", '"status" = %(p1)s'),
        ("{Status}!='Open'", '("status" = %(p1)s) IS NOT TRUE'),
        ("{Status}=''", '"status" = \'\' OR "status" IS NULL'),
        ("{Status}", "\"status\" <> ''"),
        ("AND({Status}='Open',{Done})", '("status" = %(p1)s) AND ("done")'),
        ("OR({Status}='Open',{Status}='Done')", '"status" = ANY(%(p1)s::text[])'),
        ("OR(RECORD_ID()='rec1',RECORD_ID()='rec2')", '"airtable_id" = ANY(%(p1)s::text[])'),
        ("RECORD_ID()='rec1'", '"airtable_id" = %(p1)s'),
        ("{Price}=5", '"price" = %(p1)s'),
        ("{Price}<5", '"price" < %(p1)s OR "price" IS NULL'),
        ("{Count}>=5", '"count" >= %(p1)s'),
        ("{Size}=5", '"size" = %(p1)s::float8'),
        ("{Done}=1", '"done"'),
        ("NOT({Done})", '("done") IS NOT TRUE'),
        ("{Due}>='2024-05-01'", '"due" >= %(p1)s::date'),
        ("{Sent}>=DATETIME_PARSE('2024-05-01')", '"sent" >= %(p1)s'),
        ("CREATED_TIME()<'2024-05-01'", '"created" < %(p1)s OR "created" IS NULL'),
        ("{Sent}>DATEADD(TODAY(),-7,'days')", '"sent" > %(p1)s'),
    ],
)
def test_a_simple_formula_is_a_simple_condition(text: str, condition: str) -> None:
    assert compile_sql(text, TABLE).condition == condition


@pytest.mark.parametrize(
    ("text", "construct", "position"),
    [
        ("REGEX_MATCH({Status},'a')", "REGEX_MATCH", 0),
        ("1+LEN(REGEX_REPLACE({Status},'a','b'))", "REGEX_REPLACE", 6),
        ("DATETIME_FORMAT(SET_TIMEZONE({Sent},'Europe/Berlin'),'LT')", "SET_TIMEZONE", 16),
        ("FROMNOW({Sent})", "FROMNOW", 0),
        ("YEAR({Status})", "YEAR", 0),
        ("{Sent} > {Status}", ">", 7),
        ("DATEADD({Sent},1,{Status})", "DATEADD", 0),
        ("DATETIME_FORMAT({Sent},{Status})", "DATETIME_FORMAT", 0),
        ("DATETIME_FORMAT({Sent},'gggg')", "DATETIME_FORMAT", 0),
        ("DATETIME_PARSE({Status},'YYYY')", "DATETIME_PARSE", 0),
        ("WORKDAY({Sent},1,'2024-12-25')", "WORKDAY", 0),
        ("ARRAYUNIQUE({Sizes})", "ARRAYUNIQUE", 0),
        ("ARRAYFLATTEN({Tags},{Tags})", "ARRAYFLATTEN", 0),
        ("LEN({Raw})", "{Raw}", 4),
        ("LAST_MODIFIED_TIME()", "LAST_MODIFIED_TIME", 0),
        ("LAST_MODIFIED_TIME({Status})", "LAST_MODIFIED_TIME", 0),
        ("{Status}='a\0b'", "the text", 9),
        ("OR({Status}='a',{Status}='\ud800')", "OR", 0),
        ("IF({Done},{Tags},{Sizes})", "IF", 0),
        ("+".join(["{Size}"] * 400), "+", 6),
    ],
)
def test_what_has_no_exact_sql_is_reported_with_its_place(text: str, construct: str, position: int) -> None:
    with pytest.raises(NotExpressible) as caught:
        compile_sql(text, TABLE)
    assert (caught.value.construct, caught.value.position) == (construct, position)
    assert caught.value.why


def test_a_statement_that_would_grow_without_end_is_reported_at_once() -> None:
    for text in ("SWITCH(" * 10 + "{Size}" + ",1,{Price},2,{Size}+1,3,4)" * 10, "&".join(["{Size}"] * 2500)):
        with pytest.raises(NotExpressible, match="longer than"):
            compile_sql(text, TABLE)


def test_unknown_fields_and_bad_formulas_are_what_they_are_to_the_evaluator() -> None:
    with pytest.raises(UnknownFields) as caught:
        compile_sql("AND({Nope}, {Status}, Neither)", TABLE)
    assert caught.value.names == ["Nope", "Neither"]
    with pytest.raises(FormulaSyntaxError):
        compile_sql("{Status}=", TABLE)


def test_a_value_of_several_kinds_has_a_condition_only() -> None:
    compiled = compile_sql("IF({Done},{Size},{Status})", TABLE)
    assert (compiled.kind, compiled.value) == (Kind.ANY, None)
    assert compiled.condition


HOSTILE = [
    "'",
    '"',
    "\\",
    "%",
    "%%",
    "%s",
    "%(p1)s",
    "$1",
    "--",
    "/*",
    ";",
    "{}",
    "{0}",
    "?",
    "' OR true --",
    "\n",
    "é😀",
]
hostile_texts = st.lists(st.sampled_from([*HOSTILE, "a", "'; drop table t; --"]), min_size=1, max_size=6).map("".join)


@pytest.fixture(scope="module")
def hostile(connection: Connection[Any]) -> Callable[[str, str, str], list[str]]:
    """Filter one record, of which a column with some name has some text, by whether it has another one."""

    def found(name: str, cell: str, sought: str) -> list[str]:
        table = SqlTable({"Field": Column(name, ColumnKind.TEXT)}, "id")
        literal = sought.replace("\\", "\\\\").replace("'", "\\'")
        compiled = compile_sql(f"AND({{Field}}='{literal}',FIND('{literal}',{{Field}}&'x')=1)", table)
        assert sought in list(compiled.parameters.values())
        rows = f"""(select 'rec1' as id, %(cell)s::text as "{name.replace('"', '""').replace("%", "%%")}")"""
        statement = f"select id from {rows} as records where {compiled.condition}"
        return [row[0] for row in connection.execute(statement.encode(), {**compiled.parameters, "cell": cell})]

    return found


@settings(max_examples=60)
@given(name=hostile_texts.filter(lambda name: len(name.encode()) < 60), cell=hostile_texts, sought=hostile_texts)
def test_neither_names_nor_texts_are_taken_for_sql(
    hostile: Callable[[str, str, str], list[str]], name: str, cell: str, sought: str
) -> None:
    assert hostile(name, sought, sought) == ["rec1"]
    assert hostile(name, cell, sought) == (["rec1"] if cell == sought else [])


@given(st.text(max_size=40))
def test_no_literal_of_the_formula_is_in_the_statement(marker: str) -> None:
    literal = f"marker{marker}".replace("\0", "").encode(errors="replace").decode()
    quoted = "'" + literal.replace("\\", "\\\\").replace("'", "\\'") + "'"
    compiled = compile_sql(f"IF({{Size}}>7654321,{{Status}}&{quoted},SUBSTITUTE({{Status}},{quoted},'x'))", TABLE)
    assert "marker" not in compiled.condition + str(compiled.value) + compiled.error
    assert "7654321" not in compiled.condition + str(compiled.value) + compiled.error
    assert literal in compiled.parameters.values()


def test_a_column_cannot_be_taken_for_what_a_subquery_names() -> None:
    table = SqlTable({"A": Column("_fa", ColumnKind.NUMBER), "B": Column("__f1", ColumnKind.NUMBER)}, "_f1")
    compiled = compile_sql("ROUND({A}*{B},1)*2", table)
    assert "AS ___f1" in compiled.condition


def test_a_column_without_a_name_is_refused() -> None:
    for name in ("", "a\0b"):
        with pytest.raises(ValueError, match="name of a column"):
            compile_sql("{A}", SqlTable({"A": Column(name, ColumnKind.TEXT)}, "id"))


@pytest.fixture(scope="module")
def indexed(connection: Connection[Any]) -> Connection[Any]:
    """A table with an index on every column, in a session that reads it from end to end only when it must."""
    connection.execute("""create table indexed (airtable_id text, status text, price numeric, size float8, count bigint,
        done boolean, due date, sent timestamptz, created timestamptz)""")
    for column in ("airtable_id", "status", "price", "size", "count", "due", "sent"):
        connection.execute(f"create index on indexed ({column})".encode())
    connection.execute("set enable_seqscan to off")
    return connection


@pytest.mark.parametrize(
    "text",
    [
        "{Status}='Open'",
        "{Status}=''",
        "OR({Status}='Open',{Status}='Done')",
        "AND({Status}='Open',{Size}/{Count}>2)",
        "OR(RECORD_ID()='rec1',RECORD_ID()='rec2')",
        "{Price}>5",
        "{Price}<=5",
        "{Size}>=5",
        "{Count}=5",
        "{Due}>'2024-05-01'",
        "{Sent}>=DATETIME_PARSE('2024-05-01')",
        "IS_AFTER({Sent},'2024-05-01')",
        "AND({Sent}>DATEADD(NOW(),-1,'hours'),{Done})",
    ],
)
def test_a_filter_by_an_indexed_column_uses_the_index(indexed: Connection[Any], text: str) -> None:
    compiled = compile_sql(text, TABLE)
    statement = f"explain select * from indexed where {compiled.condition}"
    plan = "\n".join(row[0] for row in indexed.execute(statement.encode(), compiled.parameters))
    assert "Index Cond" in plan, plan
