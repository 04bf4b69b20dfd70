"""Comments: as pyairtable sees them, and over plain HTTP what no client sends."""

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import requests
from pyairtable import Api
from pyairtable.orm import Model
from pyairtable.orm import fields as orm
from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.seed import load_seed
from smeboost_emulators.airtable.state.store import Store
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, small_seed

BASE, PRODUCTS = "appSmallShop00001", "tblProducts000001"
HAMMER, SAW = "recProduct0000001", "recProduct0000002"
COMMENTS = f"Products/{HAMMER}/comments"
ADA = {"type": "user", "id": "usrAda00000000001", "displayName": "Ada", "email": "ada@example.com"}
BOB = {"type": "user", "id": "usrBob00000000001", "displayName": "Bob", "email": "bob@example.com"}
TEAM = {"type": "userGroup", "id": "ugpTeam0000000001", "displayName": "Team"}


def discussed_seed() -> dict[str, Any]:
    """The small seed with a discussion about the hammer that others have had."""
    seed = small_seed()
    base = seed["bases"][0]
    base["collaborators"].append({"id": TEAM["id"], "name": "Team"})
    picture = {"id": "attPicture0000001", "url": "https://example.com/a.png", "filename": "a.png", "size": 3}
    thumbs_up = {"emoji": {"unicodeCharacter": "1f44d"}, "reactingUser": {"userId": BOB["id"], "email": BOB["email"]}}
    base["comments"] = {
        HAMMER: [
            {
                "id": "comReply000000001",
                "text": "Yes",
                "author": {"id": BOB["id"]},
                "createdTime": "2024-02-02T10:00:00.000Z",
                "parentCommentId": "comFirst000000001",
            },
            {
                "id": "comFirst000000001",
                "text": "Is it heavy, @[bob@example.com]?",
                "author": {"email": ADA["email"]},
                "createdTime": "2024-02-01T10:00:00+01:00",
                "lastUpdatedTime": "2024-02-01T11:00:00.000Z",
                "reactions": [thumbs_up],
                "attachments": [picture],
            },
        ]
    }
    return seed


def test_pyairtable_adds_lists_changes_and_deletes_comments(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    assert table.comments(HAMMER) == []
    first = table.add_comment(HAMMER, "Hello, @[ada@example.com] and @[usrBob00000000001]!")
    assert first.text == "Hello, @[usrAda00000000001] and @[usrBob00000000001]!"
    assert {key: person.display_name for key, person in first.mentioned.items()} == {ADA["id"]: "Ada", BOB["id"]: "Bob"}
    assert first.mentioned[ADA["id"]].email == "ada@example.com"
    assert (first.author.id, first.last_updated_time) == (api.whoami()["id"], None)
    reply = table.add_comment(HAMMER, "A reply", parent_comment_id=first.id)
    assert reply.parent_comment_id == first.id
    assert [comment.text for comment in table.comments(HAMMER)] == ["A reply", first.text]
    first.text = "Only @[bob@example.com]"
    first.save()
    assert list(first.mentioned) == [BOB["id"]]
    assert first.last_updated_time is not None
    first.text = "Nobody"
    first.save()
    [stale, changed] = table.comments(HAMMER)
    assert (changed.text, changed.mentioned, changed.last_updated_time) == ("Nobody", {}, first.last_updated_time)
    reply.delete()
    assert reply.deleted
    assert [comment.id for comment in table.comments(HAMMER)] == [first.id]
    with pytest.raises(requests.HTTPError) as gone:
        stale.save()
    assert gone.value.response is not None
    assert gone.value.response.status_code == 404


def test_pyairtable_reads_what_others_have_said(shop: AirtableEmulator, api: Api) -> None:
    shop.seed(discussed_seed())
    reply, first = api.table(BASE, PRODUCTS).comments(HAMMER)
    assert (reply.author.name, reply.parent_comment_id) == ("Bob", first.id)
    assert first.created_time.isoformat() == "2024-02-01T09:00:00+00:00"
    assert (first.author.email, first.text) == ("ada@example.com", f"Is it heavy, @[{BOB['id']}]?")
    assert first.reactions[0].emoji == "\U0001f44d"
    assert first.reactions[0].reacting_user.user_id == BOB["id"]
    assert (first.attachments[0].filename, first.attachments[0].size) == ("a.png", 3)
    first.text = "Changed by somebody else"
    with pytest.raises(requests.HTTPError) as refused:
        first.save()
    assert refused.value.response is not None
    assert refused.value.response.json()["error"]["type"] == "INVALID_PERMISSIONS"


def test_pyairtable_counts_comments_in_lists_only_where_there_are_any(shop: AirtableEmulator, api: Api) -> None:
    shop.seed(discussed_seed())
    table = api.table(BASE, PRODUCTS)
    assert [record.get("commentCount") for record in table.all(count_comments=True)] == [2, None, None, None, None]
    assert all("commentCount" not in record for record in table.all())

    class Product(Model):
        name = orm.TextField("Name")

        class Meta:
            api_key = api.api_key
            base_id = BASE
            table_name = PRODUCTS

    vars(Product.meta)["api"] = api
    counted = cast(list[Any], Product.all(formula="{Name}='Hammer'", count_comments=True))
    assert [product.comment_count for product in counted] == [2]


def test_comments_go_with_their_record(send) -> None:
    send("POST", COMMENTS, json={"text": "Soon gone"})
    assert send("DELETE", f"Products/{HAMMER}").status_code == 200
    assert send("GET", COMMENTS).status_code == 404


def test_groups_and_the_author_can_be_mentioned_and_strangers_stay_text(shop: AirtableEmulator, send) -> None:
    shop.seed(discussed_seed())
    own = send("GET", "/v0/meta/whoami").json()["id"]
    text = f"@[{TEAM['id']}] @[{own}] @[nobody@example.com] @[] @[[x]] @[{BOB['id']}] @[bob@example.com]"
    comment = send("POST", COMMENTS, json={"text": text}).json()
    assert comment["text"] == text.replace("bob@example.com", BOB["id"])
    assert comment["mentioned"].keys() == {TEAM["id"], own, BOB["id"]}
    assert (comment["mentioned"][TEAM["id"]], comment["mentioned"][BOB["id"]]) == (TEAM, BOB)


def test_pages_are_newest_first_with_an_offset_that_is_null_at_the_end(send) -> None:
    made = [send("POST", COMMENTS, json={"text": f"Number {number}"}).json() for number in range(5)]
    texts: list[list[str]] = []
    page: dict[str, Any] = {"offset": ""}
    while page["offset"] is not None:
        page = send("GET", COMMENTS, params={"pageSize": 2, "offset": page["offset"]}).json()
        assert page.keys() == {"comments", "offset"}
        texts.append([comment["text"] for comment in page["comments"]])
    assert texts == [["Number 4", "Number 3"], ["Number 2", "Number 1"], ["Number 0"]]
    assert send("GET", f"{COMMENTS}?").json() == {"comments": made[::-1], "offset": None}


def test_an_offset_is_good_after_its_comment_has_gone(send) -> None:
    made = [send("POST", COMMENTS, json={"text": str(number)}).json()["id"] for number in range(4)]
    offset = send("GET", COMMENTS, params={"pageSize": 2}).json()["offset"]
    send("DELETE", f"{COMMENTS}/{made[2]}")
    rest = send("GET", COMMENTS, params={"pageSize": 2, "offset": offset}).json()["comments"]
    assert [comment["text"] for comment in rest] == ["1", "0"]


STRANGER, NOT_FOUND = "recNobody00000001", "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"
REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", COMMENTS, {"params": {"pageSize": 0}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", COMMENTS, {"params": {"pageSize": 101}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", COMMENTS, {"params": {"pageSize": "ten"}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", COMMENTS, {"params": {"maxRecords": 1}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", COMMENTS, {"params": {"offset": "comFirst000000001"}}, 422, "INVALID_OFFSET_VALUE"),
    ("GET", COMMENTS, {"params": {"offset": "itr/rec"}}, 422, "INVALID_OFFSET_VALUE"),
    ("GET", "Nothing/recProduct0000001/comments", {}, 403, NOT_FOUND),
    ("GET", "Orders/recProduct0000001/comments", {}, 403, NOT_FOUND),
    (
        "POST",
        f"Products/{STRANGER}/comments",
        {"json": {"text": "x"}},
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
    ),
    ("POST", COMMENTS, {"json": {}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", COMMENTS, {"json": {"text": ""}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", COMMENTS, {"json": {"text": " \n"}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", COMMENTS, {"json": {"text": 1}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", COMMENTS, {"json": {"text": "x" * 100_001}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", COMMENTS, {"json": {"text": "x", "author": {}}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", COMMENTS, {"json": {"text": "x", "parentCommentId": "comNobody00000001"}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", COMMENTS, {"json": {"text": "x", "parentCommentId": []}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", COMMENTS, {"content": b"text"}, 422, "INVALID_REQUEST_BODY"),
    ("PATCH", f"{COMMENTS}/comFirst000000001", {"json": {"text": "x"}}, 403, "INVALID_PERMISSIONS"),
    ("DELETE", f"{COMMENTS}/comFirst000000001", {}, 403, "INVALID_PERMISSIONS"),
    ("PATCH", f"{COMMENTS}/comNobody00000001", {"json": {"text": "x"}}, 404, "MODEL_ID_NOT_FOUND"),
    ("DELETE", f"{COMMENTS}/comNobody00000001", {}, 404, "MODEL_ID_NOT_FOUND"),
    ("DELETE", f"Products/{SAW}/comments/comFirst000000001", {}, 404, "MODEL_ID_NOT_FOUND"),
]


@pytest.mark.parametrize(("method", "path", "options", "status", "kind"), REFUSED)
def test_a_bad_request_is_refused_and_changes_nothing(
    *, shop: AirtableEmulator, send, method: str, path: str, options: dict[str, Any], status: int, kind: str
) -> None:
    shop.seed(discussed_seed())
    before = send("GET", COMMENTS).json()
    answer = send(method, path, **options)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert send("GET", COMMENTS).json() == before


@pytest.mark.parametrize("path", [f"{COMMENTS}/first", "Products/hammer/comments", f"{COMMENTS}/comFirst000000001/x"])
def test_an_id_of_another_shape_is_no_route(send, path: str) -> None:
    answer = send("DELETE", path)
    assert (answer.status_code, answer.json()) == (404, {"error": "NOT_FOUND"})


def test_a_reader_reads_and_a_commenter_writes_comments_only(airtable_emulator: StartAirtable, plain_http) -> None:
    outcomes: dict[str, list[int]] = {}
    for level in ("read", "comment"):
        seed = discussed_seed()
        seed["bases"][0]["permissionLevel"] = level
        send = plain_http(airtable_emulator(seed=seed))
        answers = [send("GET", COMMENTS), send("POST", COMMENTS, json={"text": "x"})]
        answers.append(send("PATCH", f"Products/{HAMMER}", json={"fields": {}}))
        outcomes[level] = [answer.status_code for answer in answers]
    assert outcomes == {"read": [200, 403, 403], "comment": [200, 200, 403]}


def test_comments_are_there_after_a_restart_and_after_a_folded_journal(
    airtable_emulator: StartAirtable, plain_http, tmp_path: Path
) -> None:
    first = airtable_emulator(seed=discussed_seed(), data=tmp_path)
    send = plain_http(first)
    mine = send("POST", COMMENTS, json={"text": "One"}).json()["id"]
    send("PATCH", f"{COMMENTS}/{mine}", json={"text": "Changed, @[ada@example.com]"})
    send("DELETE", f"{COMMENTS}/{send('POST', COMMENTS, json={'text': 'Two'}).json()['id']}")
    there = send("GET", COMMENTS).json()
    assert [comment["id"] for comment in there["comments"]] == [mine, "comReply000000001", "comFirst000000001"]
    first.stop()
    second = airtable_emulator(data=tmp_path)
    assert plain_http(second)("GET", COMMENTS).json() == there
    second.stop()
    store = Store(tmp_path)
    store.save(store.load())
    store.close()
    assert plain_http(airtable_emulator(data=tmp_path))("GET", COMMENTS).json() == there


@pytest.mark.parametrize(
    ("record", "comments", "word"),
    [
        ("recNobody00000001", [{"text": "x", "author": {"id": "usrAda00000000001"}}], "recNobody00000001"),
        (HAMMER, [{"text": "x", "author": {}}], "neither an id nor an email"),
        (HAMMER, [{"text": "x", "author": {"email": "a@b.c"}, "id": "com"}], "'com'"),
        (HAMMER, [{"text": "x", "author": {"email": "a@b.c"}, "id": "comTwin0000000001"}] * 2, "comTwin0000000001"),
        (HAMMER, [{"text": "x", "author": {"email": "a@b.c"}, "parentCommentId": "comX"}], "comX"),
        (HAMMER, [{"text": "x", "author": {"email": "a@b.c"}, "createdTime": "2024-01-01T00:00:00"}], "createdTime"),
        (HAMMER, [{"author": {"email": "a@b.c"}}], "text"),
    ],
)
def test_a_seed_with_wrong_comments_says_where(record: str, comments: list[dict[str, Any]], word: str) -> None:
    seed = small_seed()
    seed["bases"][0]["comments"] = {record: comments}
    with pytest.raises(SeedError, match=word):
        load_seed(msgspec.json.encode(seed))
