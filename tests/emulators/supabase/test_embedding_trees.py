"""Random trees of `select`, filters, order and pages, against SQL that is written here without the backend's code."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SCHEMA = """
create table bush_roots (id int primary key, size int, word text);
create table bush_limbs (id int primary key, size int, word text, root_id int references bush_roots);
create table bush_leaves (id int primary key, size int, word text, limb_id int references bush_limbs);
insert into bush_roots select n, n % 3, chr(97 + n % 4) from generate_series(1, 6) n;
insert into bush_limbs select n, n % 4, chr(97 + n % 5), nullif(n % 7, 0) from generate_series(1, 14) n;
insert into bush_leaves select n, nullif(n % 5, 0), chr(97 + n % 3), nullif(n % 15, 0) from generate_series(1, 30) n;
"""
COLUMNS = ["id", "size", "word"]
# Each relation's ways: the target, whether it is one row, and the join of `child` with `parent`.
WAYS = {
    "bush_roots": [("bush_limbs", False, "child.root_id = parent.id")],
    "bush_limbs": [
        ("bush_roots", True, "child.id = parent.root_id"),
        ("bush_leaves", False, "child.limb_id = parent.id"),
    ],
    "bush_leaves": [("bush_limbs", True, "child.id = parent.limb_id")],
}
CONDITIONS = {
    "size=gte.1": "{0}.size >= 1",
    "size=is.null": "{0}.size is null",
    "size=not.is.null": "{0}.size is not null",
    "id=in.(1,2,3,5,8,13)": "{0}.id in (1, 2, 3, 5, 8, 13)",
    "word=eq.a": "{0}.word = 'a'",
    "word=not.in.(a,b)": "{0}.word not in ('a', 'b')",
    "or=(size.eq.1,word.eq.b)": "({0}.size = 1 or {0}.word = 'b')",
    "not.and=(size.gt.0,id.lt.9)": "not ({0}.size > 0 and {0}.id < 9)",
    "word=like(any).{a*,c*}": "({0}.word like 'a%' or {0}.word like 'c%')",
    "size=isdistinct.2": "{0}.size is distinct from 2",
}
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def trees(draw, relation="bush_limbs", depth=0):
    """A relation, what is asked of it, and the same of what is related to it."""
    embeds = {}
    if depth < 3:
        for target, one, join in WAYS[relation]:
            if draw(st.booleans()):
                kind = draw(st.sampled_from(["", "", "!inner", "is.null", "not.is.null"]))
                embeds[target] = (one, join, kind, draw(trees(target, depth + 1)))
    return {
        "relation": relation,
        "columns": draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3, unique=True)),
        "conditions": draw(
            st.lists(st.sampled_from(sorted(CONDITIONS)), max_size=2, unique_by=lambda c: c.split("=")[0])
        ),
        "descending": draw(st.booleans()),
        "limit": draw(st.one_of(st.none(), st.integers(0, 5))),
        "offset": draw(st.integers(0, 2)),
        "embeds": embeds,
    }


def as_select(tree):
    embeds = [
        f"{name}{kind if kind == '!inner' else ''}({as_select(child)})"
        for name, (_, _, kind, child) in tree["embeds"].items()
    ]
    return ",".join([*tree["columns"], *embeds])


def as_parameters(tree, path="", *, one=False):
    yield f"{path}order", f"id.{'desc' if tree['descending'] else 'asc'}"
    # A page of the one row that there is would be another question.
    if not one:
        if tree["limit"] is not None:
            yield f"{path}limit", str(tree["limit"])
        yield f"{path}offset", str(tree["offset"])
    for condition in tree["conditions"]:
        name, _, value = condition.partition("=")
        yield f"{path}{name}", value
    for name, (to_one, _, kind, child) in tree["embeds"].items():
        if "null" in kind:
            yield f"{path}{name}", kind
        yield from as_parameters(child, f"{path}{name}.", one=to_one)


def as_rows(tree, name, join="true", *, one=False):
    """A query for a column `o` of JSON objects."""
    members = [f"'{column}', {name}.{column}" for column in tree["columns"]]
    wanted = [join, *(CONDITIONS[condition].format(name) for condition in tree["conditions"])]
    for target, (to_one, link, kind, child) in tree["embeds"].items():
        inner = f"{name}x"
        rows = as_rows(child, inner, link.replace("child", inner).replace("parent", name), one=to_one)
        # Without the array there is one row or none.
        value = f"(select o from ({rows}) q)" if to_one else f"(select coalesce(json_agg(o), '[]') from ({rows}) q)"
        members.append(f"'{target}', {value}")
        if kind in {"!inner", "not.is.null"}:
            wanted.append(f"exists (select from ({rows}) q)")
        if kind == "is.null":
            wanted.append(f"not exists (select from ({rows}) q)")
    order = f"{name}.id {'desc' if tree['descending'] else 'asc'}"
    page = "" if one else f" limit {'all' if tree['limit'] is None else tree['limit']} offset {tree['offset']}"
    return (
        f"select json_build_object({', '.join(members)}) as o from {tree['relation']} {name}"
        f" where {' and '.join(f'({one_})' for one_ in wanted)} order by {order}{page}"
    )


@pytest.fixture(scope="module")
def bush(execute, http):
    execute("begin;" + SCHEMA + "commit")
    yield
    execute("drop table bush_leaves, bush_limbs, bush_roots")


@FEW
@given(tree=trees())
def test_a_random_tree_gives_what_sql_gives(http, bush, execute, tree):
    parameters = [("select", as_select(tree)), *as_parameters(tree)]
    answer = http.get("/rest/v1/bush_limbs", params=parameters)

    (expected,) = execute(f"select coalesce(json_agg(o), '[]')::text from ({as_rows(tree, 't')}) q")[0]
    assert answer.status_code == 200, answer.text
    assert answer.json() == json.loads(expected)


SECRET = "nobody-may-read-this"
HOSTILE = st.one_of(
    st.sampled_from(
        [
            "'; drop table public.bush_roots; --",
            '"; select body from bush_vault.secrets; --',
            '") from bush_vault.secrets --',
            "(select body from bush_vault.secrets)",
            "bush_vault.secrets",
            '"secrets"',
            "$1",
            "{}",
            "%s",
            "%(x)s",
            "*",
            "id) as x, (select 1",
            "pgrst_1",
            "pgrst_row",
            "text; select 1",
            "regclass",
            "count()",
            "\\",
            '"',
            "\u202e\U0001f600",
        ]
    ),
    st.text(max_size=30),
)
PLACES = [
    {"select": "bush_limbs({})"},
    {"select": "{}(id)"},
    {"select": "...{}(id)"},
    {"select": "bush_limbs!{}(id)"},
    {"select": "bush_limbs!{}!inner(id)"},
    {"select": "{}:bush_limbs(id)"},
    {"select": '"{}":bush_limbs(id)'},
    {"select": "...bush_limbs({}:id)"},
    {"select": "bush_limbs(id::{})"},
    {"select": "bush_limbs(word->{})"},
    {"select": "bush_limbs(word->>{})"},
    {"select": "bush_limbs(id)", "bush_limbs.word": "{}"},
    {"select": "bush_limbs(id)", "bush_limbs.word": "eq.{}"},
    {"select": "bush_limbs(id)", "bush_limbs.word": "fts({}).x"},
    {"select": "bush_limbs(id)", "bush_limbs.{}": "eq.1"},
    {"select": "bush_limbs(id)", "{}.id": "eq.1"},
    {"select": "bush_limbs(id)", "bush_limbs.order": "{}"},
    {"select": "bush_limbs(id)", "bush_limbs.limit": "{}"},
    {"select": "bush_limbs(id)", "bush_limbs.or": "({}.eq.1)"},
    {"select": "bush_limbs(id)", "bush_limbs.or": "(word.eq.{})"},
    {"select": "bush_limbs(id)", "order": "bush_limbs({})"},
    {"select": "id", "order": "{}(id)"},
]


@pytest.fixture(scope="module")
def vault(execute, bush):
    execute("create schema bush_vault; create table bush_vault.secrets (body text)")
    execute("insert into bush_vault.secrets values (%s)", SECRET)
    yield
    execute("drop schema bush_vault cascade")


@settings(FEW, max_examples=150)
@given(place=st.sampled_from(PLACES), text=HOSTILE)
def test_hostile_names_hints_casts_and_paths_are_harmless(http, vault, execute, place, text):
    parameters = {name.replace("{}", text): value.replace("{}", text) for name, value in place.items()}
    answer = http.get("/rest/v1/bush_roots", params=parameters)

    assert answer.status_code in {200, 300, 400, 401, 404, 416}, answer.text
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    assert execute("select count(*) from bush_roots") == [(6,)]
