"""What supabase-js, unmodified, sees of REST. Node and npm may be absent on a desk, never in CI."""

import pytest


@pytest.fixture(scope="module")
def seen(node, theatre):
    """What the script in `rest_client.js` saw."""
    return node("rest_client.js", theatre)


def ids(result):
    assert result["error"] is None, result
    return sorted(row["id"] for row in result["data"])


def refusal(result):
    assert result["data"] is None
    return result["status"], result["error"]["code"]


def test_every_filter_of_supabase_js_finds_its_rows(seen):
    expected = {
        "eq": [1],
        "neq": [2, 3, 4],
        "gt": [2, 3],
        "gte": [1, 2, 3],
        "lt": [],
        "lte": [1],
        "like": [3],
        "likeAllOf": [3],
        "likeAnyOf": [2, 3],
        "ilike": [3],
        "ilikeAllOf": [3],
        "ilikeAnyOf": [2, 3],
        "regexMatch": [3],
        "regexIMatch": [3],
        "isNull": [4],
        "isTrue": [1, 3],
        "isDistinct": [2, 3, 4],
        "in": [2, 3],
        "notIn": [3, 4],
        "containsArray": [1, 2],
        "containsJson": [1, 2],
        "containsRange": [1, 2],
        "containedBy": [1, 2, 3],
        "overlaps": [3],
        "overlapsRange": [1],
        "rangeGt": [2, 3],
        "rangeGte": [2, 3],
        "rangeLt": [1, 2],
        "rangeLte": [1, 2],
        "rangeAdjacent": [1, 3],
        "textSearch": [4],
        "textSearchPlain": [4],
        "textSearchPhrase": [4],
        "textSearchWeb": [4],
        "match": [1],
        "not": [2, 3],
        "or": [1, 2],
        "orOfEmbed": [1, 2],
        "filter": [1, 2],
        "jsonPath": [1],
    }
    found = seen["filters"]

    assert {name: ids(result) for name, result in found.items()} == expected
    assert found["orOfEmbed"]["data"][0]["roles"] == [{"name": "Ghost"}]
    assert found["jsonPath"]["data"] == [{"id": 1, "five": 5, "acts": "5"}]


def test_every_modifier_of_supabase_js_is_followed(seen):
    found = seen["modifiers"]

    assert [row["id"] for row in found["order"]["data"]] == [4, 3, 2, 1]
    assert found["orderOfEmbed"]["data"] == [{"id": 1, "roles": [{"name": "Hamlet"}, {"name": "Ghost"}]}]
    assert [row["name"] for row in found["orderByEmbed"]["data"]] == ["Ghost", "Hamlet"]
    assert found["limitOfEmbed"]["data"] == [{"id": 1, "roles": [{"name": "Ghost"}]}]
    page = {"data": [{"id": 2}, {"id": 3}], "error": None, "count": 4, "status": 206}
    assert found["range"] == page
    assert refusal(found["beyond"]) == (416, "PGRST103")
    assert found["head"] == {"data": None, "error": None, "count": 4, "status": 200}
    assert (found["planned"]["count"], found["estimated"]["count"]) == (4, 4)
    assert (found["single"]["data"], found["maybeSingle"]["data"]) == ({"id": 1}, {"id": 1})
    assert (found["maybeSingleOfNone"]["data"], found["maybeSingleOfNone"]["error"]) == (None, None)
    for name, rows in {"singleOfNone": 0, "singleOfMany": 4, "maybeSingleOfMany": 4}.items():
        error = found[name]["error"]
        assert (found[name]["status"], error["code"]) == (406, "PGRST116")
        assert f"{rows} rows" in error["details"]
    assert found["csv"]["data"] == 'id,title\n1,"Hamlet, ""Prince"" (1)"\n2,"Othello, the (Moor)"'
    assert found["stripNulls"]["data"] == [{"id": 4}]
    assert refusal(found["geojson"])[0] in {406, 501}
    assert "Scan on plays" in found["explain"]["data"]
    assert refusal(found["otherSchema"]) == (406, "PGRST106")


def test_supabase_js_embeds_what_is_related(seen):
    found = {name: result["data"] for name, result in seen["embeds"].items()}
    hamlet = 'Hamlet, "Prince" (1)'

    assert found["toOne"] == [{"name": "Hamlet", "plays": {"title": hamlet}}]
    assert found["toMany"] == [{"title": "Othello, the (Moor)", "roles": [{"name": "Iago"}]}]
    assert found["through"] == [{"title": hamlet, "actors": [{"name": "Ada"}, {"name": "Ben"}]}]
    roles = {play["id"]: [role["name"] for role in play["roles"]] for play in found["nested"][0]["plays"]}
    assert roles == {1: ["Hamlet", "Ghost"], 2: ["Iago"]}
    assert found["inner"] == [{"id": 2, "roles": [{"name": "Iago"}]}]
    assert [len(row["roles"]) for row in found["left"]] == [0, 1, 0, 0]
    assert found["spread"] == [{"name": "Hamlet", "title": hamlet, "since": 1600}]
    assert found["alias"] == [{"who": "Hamlet", "piece": {"title": hamlet}}]
    assert found["hintOfColumn"] == [{"id": 1, "sender": {"name": "Ada"}, "receiver": {"name": "Ben"}}]
    assert found["hintOfConstraint"] == [{"id": 1, "actors": {"name": "Ada"}}]
    assert found["counted"] == [{"id": 1, "roles": [{"count": 2}]}]
    ambiguous, unrelated = seen["embeds"]["ambiguous"], seen["embeds"]["unrelated"]
    assert (refusal(ambiguous), len(ambiguous["error"]["details"])) == ((300, "PGRST201"), 2)
    assert refusal(unrelated) == (400, "PGRST200")


def test_supabase_js_calls_functions(seen):
    found = seen["functions"]

    assert (found["scalar"]["data"], found["byGet"]["data"]) == (3, 3)
    assert found["rows"]["data"] == [{"id": 2, "roles": [{"name": "Iago"}]}]
    assert (found["counted"]["count"], found["counted"]["data"]) == (2, None)
    assert found["one"]["data"]["title"] == "Macbeth"
    assert refusal(found["unknown"]) == (404, "PGRST202")
    assert found["raising"]["error"] == {
        "code": "P0001",
        "message": "not today",
        "hint": "come back",
        "details": "closed",
    }


def test_supabase_js_writes(seen):
    found = seen["writes"]

    assert found["insert"] == {"data": None, "error": None, "count": None, "status": 201}
    many = found["insertMany"]
    assert (many["count"], many["data"]) == (2, [{"name": "pear", "price": 2}, {"name": "fig", "price": None}])
    assert found["insertWithDefaults"]["data"] == [{"name": "kiwi", "price": 4}, {"name": "lime", "price": 7}]
    assert refusal(found["duplicate"]) == (409, "23505")
    assert refusal(found["absent"]) == (400, "23502")
    assert refusal(found["wrongType"]) == (400, "22P02")
    assert refusal(found["wrongColumn"]) == (400, "PGRST204")
    assert found["upsert"]["data"] == [{"name": "apple", "price": 5}, {"name": "plum", "price": 3}]
    assert found["upsertIgnoring"]["data"] == []
    assert (found["update"]["data"], found["update"]["count"]) == ({"name": "apple", "price": 6}, 1)
    assert (found["updateNone"]["data"], found["updateNone"]["status"]) == ([], 200)
    assert refusal(found["maxAffected"]) == (400, "PGRST124")
    assert found["rollback"]["data"] == [{"name": "ghost"}]
    assert (found["delete"]["data"], found["delete"]["count"]) == ([{"name": "apple"}], 1)
    assert [row["name"] for row in found["left"]["data"]] == ["fig", "kiwi", "lime", "pear", "plum"]


def test_supabase_js_tells_errors_with_their_codes(seen):
    found = seen["errors"]

    assert refusal(found["column"]) == (400, "42703")
    assert refusal(found["table"]) == (404, "PGRST205")
    assert found["head"]["status"] == 400
    assert refusal(found["filter"]) == (400, "22P02")
    assert (found["hidden"]["data"], found["hidden"]["status"]) == ([], 200)
    assert refusal(found["forbidden"]) == (401, "42501")
    assert found["key"]["status"] == 401
    assert found["thrown"] == ["PostgrestError", "42703", True]
    assert found["aborted"] is True
