"""What is in a folder, page by page, in buckets of any size."""

import random
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = ["a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "b0.txt", "b-/4.txt", "Z.txt", "d/e/f/5.txt", "z z.txt"]
# In the order of their bytes, and folders once.
LEVEL = ["Z.txt", "a.txt", "b-", "b", "b0.txt", "d", "z z.txt"]


@pytest.fixture
def fill(admin_http, new_bucket, execute):
    """A factory of buckets with rows of these names; a listing needs no files."""

    def make(names: list[str]) -> str:
        bucket = new_bucket()
        rows = ", ".join(["(%s, %s, '{\"size\": 1}')"] * len(names))
        values = [value for name in names for value in (bucket, name)]
        if names:
            execute(f"insert into storage.objects (bucket_id, name, metadata) values {rows}", *values)
        return bucket

    return make


@pytest.fixture
def names_of(admin_http):
    def ask(bucket: str, prefix: str = "", **options: object) -> list[str]:
        answer = admin_http.post(f"/storage/v1/object/list/{bucket}", json={"prefix": prefix, **options})
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json()]

    return ask


@pytest.fixture
def page_of(admin_http):
    def ask(bucket: str, **options: object) -> dict:
        answer = admin_http.post(f"/storage/v1/object/list-v2/{bucket}", json=options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask


def walked(page_of, bucket: str, **options: object) -> list[str]:
    """The names of all pages, in the order of their pages."""
    found, cursor = [], {}
    while True:
        page = page_of(bucket, **options, **cursor)
        found += [row["name"] for row in (*page["folders"], *page["objects"])]
        if not page["hasNext"]:
            return found
        cursor = {"cursor": page["nextCursor"]}


def test_a_folder_shows_its_files_and_folders_by_name(fill, names_of):
    bucket = fill(NAMES)

    assert names_of(bucket) == LEVEL
    assert names_of(bucket, "b") == names_of(bucket, "b/") == names_of(bucket, "/b/") == ["1.txt", "2.txt", "c"]
    assert names_of(bucket, "b/c") == ["3.txt"]
    assert names_of(bucket, "nothing") == names_of(bucket, "b/1.txt") == []


def test_a_folder_has_no_id_and_a_file_has_its_metadata(admin_http, fill):
    bucket = fill(["a.txt", "b/1.txt"])

    file, folder = admin_http.post(f"/storage/v1/object/list/{bucket}", json={"prefix": ""}).json()

    assert file["id"]
    assert file["metadata"] == {"size": 1}
    assert folder == {
        "name": "b",
        "id": None,
        "updated_at": None,
        "created_at": None,
        "last_accessed_at": None,
        "metadata": None,
    }


def test_the_order_may_be_turned_round(fill, names_of):
    assert names_of(fill(NAMES), sortBy={"column": "name", "order": "desc"}) == LEVEL[::-1]


def test_sorted_by_time_folders_come_first(fill, names_of, execute):
    bucket = fill(["a", "b", "c", "y/1", "x/1"])
    for days, name in enumerate(["c", "a", "b"]):
        change = "update storage.objects set created_at = now() - make_interval(days => %s)"
        execute(f"{change} where bucket_id = %s and name = %s", days, bucket, name)

    assert names_of(bucket, sortBy={"column": "created_at", "order": "desc"}) == ["y", "x", "c", "a", "b"]
    assert names_of(bucket, sortBy={"column": "created_at"}, limit=2, offset=2) == ["b", "a"]


def test_a_page_by_offset_is_a_part_of_the_whole(fill, names_of):
    bucket = fill(NAMES)

    assert [names_of(bucket, limit=2, offset=offset) for offset in range(0, 9, 2)] == [
        LEVEL[0:2],
        LEVEL[2:4],
        LEVEL[4:6],
        LEVEL[6:],
        [],
    ]
    assert names_of(bucket, limit="3", offset="1") == LEVEL[1:4]


def test_a_search_finds_names_that_begin_so(fill, names_of):
    bucket = fill([*NAMES, "B.txt", "%.txt"])

    assert names_of(bucket, search="b") == ["B.txt", "b-", "b", "b0.txt"]
    assert names_of(bucket, search="%") == ["%.txt"]
    assert names_of(bucket, "b", search="2.T") == ["2.txt"]


def test_pages_by_cursor_have_whole_names(fill, page_of):
    bucket = fill(NAMES)

    page = page_of(bucket, with_delimiter=True, prefix="b")

    assert [folder["name"] for folder in page["folders"]] == ["b-/", "b/"]
    assert [folder["key"] for folder in page["folders"]] == ["b-", "b"]
    assert [one["name"] for one in page["objects"]] == ["b0.txt"]
    assert (page["hasNext"], "nextCursor" in page) == (False, False)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("delimited", [True, False])
@pytest.mark.parametrize(("column", "limit"), [("name", 1), ("name", 3), ("created_at", 1), ("updated_at", 3)])
def test_pages_by_cursor_show_everything_once(request, order, delimited, column, limit):
    page_of, bucket = request.getfixturevalue("page_of"), request.getfixturevalue("fill")(NAMES)
    expected = sorted(["Z.txt", "a.txt", "b-/", "b/", "b0.txt", "d/", "z z.txt"] if delimited else NAMES)

    found = walked(page_of, bucket, limit=limit, with_delimiter=delimited, sortBy={"column": column, "order": order})

    assert sorted(found) == expected
    if column == "name" and not delimited:
        assert found == (expected if order == "asc" else expected[::-1])


def test_a_row_that_comes_between_two_pages_changes_nothing_of_them(fill, page_of, execute):
    bucket = fill(["a", "c", "e"])
    first = page_of(bucket, limit=2)

    execute("insert into storage.objects (bucket_id, name) values (%s, 'b')", bucket)
    second = page_of(bucket, limit=2, cursor=first["nextCursor"])

    assert [row["name"] for row in second["objects"]] == ["e"]


@given(names=st.sets(st.text(alphabet="ab/-0 ", min_size=1, max_size=6), max_size=12), data=st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_every_level_of_every_tree_is_what_a_plain_look_finds(fill, names_of, page_of, names, data):
    bucket = fill(sorted(names))
    prefix = data.draw(
        st.sampled_from(sorted({name[: index + 1] for name in names for index in range(len(name))} | {""}))
    )
    rest = [name[len(prefix) :] for name in names if name.startswith(prefix)]
    level = {part.split("/")[0] + ("/" if "/" in part else "") for part in rest}

    assert sorted(walked(page_of, bucket, prefix=prefix, with_delimiter=True, limit=3)) == sorted(
        prefix + entry for entry in level
    )
    if prefix.endswith("/") and not prefix.startswith("/"):
        assert names_of(bucket, prefix) == [entry.removesuffix("/") for entry in sorted(level)]


def test_a_huge_folder_is_stepped_over(fill, signed_in, allow, execute):
    bucket = fill(["a.txt", "z.txt"])
    made = "select %s, 'big/' || number from generate_series(1, 20000) as number"
    execute(f"insert into storage.objects (bucket_id, name) {made}", bucket)
    execute("analyze storage.objects")
    # The policy counts the rows that it is asked about.
    counter = f"looks_{uuid4().hex[:10]}"
    execute(f"create sequence public.{counter}")
    allow(bucket, "select", f"nextval('public.{counter}') > 0")
    storage = signed_in().storage.from_(bucket)

    names = [row["name"] for row in storage.list()]
    names_back = [row["name"] for row in storage.list(options={"sortBy": {"column": "name", "order": "desc"}})]
    page = storage.list_v2({"with_delimiter": True})
    flat = storage.list_v2({"limit": 10})
    ((looks,),) = execute(f"select last_value from public.{counter}")

    assert names == names_back[::-1] == ["a.txt", "big", "z.txt"]
    assert [folder.name for folder in page.folders] == ["big/"]
    assert len(flat.objects) == 10
    assert looks < 100


def test_buckets_are_listed_in_order_and_in_part(admin_http, new_bucket):
    names = sorted(new_bucket() for _ in range(3))
    random.shuffle(names)
    search = {"search": "BUCKET-", "sortColumn": "name", "sortOrder": "desc"}

    found = [one["name"] for one in admin_http.get("/storage/v1/bucket", params=search).json()]
    one = admin_http.get("/storage/v1/bucket", params={**search, "limit": "1", "offset": "1"}).json()

    assert set(names) <= set(found)
    assert found == sorted(found, reverse=True)
    assert [bucket["name"] for bucket in one] == found[1:2]


@pytest.mark.parametrize("query", ["sortColumn=id;drop", "sortOrder=up", "limit=x", "offset=-1"])
def test_a_listing_of_buckets_that_makes_no_sense_is_refused(admin_http, query):
    assert admin_http.get(f"/storage/v1/bucket?{query}").json()["code"] == "InvalidRequest"
