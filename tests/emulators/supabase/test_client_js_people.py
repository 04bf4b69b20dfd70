"""What two people see of rows, files and changes through supabase-js, unmodified."""

import pytest


@pytest.fixture
def published_notes(notes, execute):
    execute(f"alter publication supabase_realtime add table public.{notes}")
    return notes


@pytest.fixture
def seen(node, supabase_backend, published_notes, own_folders, person):
    """What the script in `people_client.js` saw."""
    ada, ben = person(), person()
    names = {"NOTES": published_notes, "BUCKET": own_folders, "ADA": ada.email, "BEN": ben.email}
    return node("people_client.js", supabase_backend, PASSWORD=ada.password, **names)


def test_two_people_with_supabase_js_share_nothing_but_the_backend(seen):
    rows, files, changes = seen["rows"], seen["files"], seen["changes"]

    assert (rows["ada"], rows["ben"], rows["anonymous"]) == ([{"body": "of Ada"}], [{"body": "of Ben"}], [])
    assert (rows["update"], rows["remove"], rows["forged"], rows["kept"]) == ([], [], "42501", "of Ada")
    assert files["same"] == [True, True, True]
    assert files["badName"][:2] == ["400", "InvalidKey"]
    assert files["saved"] is True
    assert files["twice"] == ["400", "KeyAlreadyExists"]
    assert (files["replaced"], files["updated"], files["byLink"]) == ("other", "third", "by link")
    assert files["info"] == [5, {"page": 2}]
    assert files["exists"] == [True, False]
    assert files["listed"] == [["1.bin", False], ["20000000.bin", False], ["4097.bin", False], ["deep", True]]
    assert (files["page"], files["found"]) == (["20000000.bin"], ["4097.bin"])
    assert (files["signed"], files["forged"]) == ([200, 1, True], 400)
    assert files["links"] == [[True, False], [False, True]]
    assert files["moved"] == ["by link", "by link", False]
    assert files["stranger"] == {
        "download": True,
        "listed": [],
        "upload": ["400", "AccessDenied"],
        "remove": [],
        "link": True,
    }
    assert files["removed"] == [True]
    assert changes["ada"] == [["INSERT", "one"], ["UPDATE", "two"], ["INSERT", "end of Ada"]]
    assert changes["ben"] == [["INSERT", "three"], ["INSERT", "end of Ben"]]
    assert seen["bucket"] == [["400", "EntityTooLarge"], ["400", "InvalidMimeType"]]
    assert (seen["public"], seen["dropped"]) == ("public", "Successfully deleted")
