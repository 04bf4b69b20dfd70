"""People and groups in the text of a comment: `@[usr...]`, `@[ugp...]` and `@[email]`.

https://airtable.com/developers/web/api/model/user-mentioned: who is named by address is shown by id in the answer [D].
A name that nobody has stays a text [I]. pyairtable reads `displayName` [C], where the page says `name`.
"""

import re
from collections.abc import Iterable
from typing import Any

from smeboost_emulators.airtable.comments.ledger import Comment

_MENTION = re.compile(r"@\[([^\[\]\s]{1,320})\]")
Person = dict[str, Any]


def with_mentions(comment: Comment, people: Iterable[Person]) -> Comment:
    """The comment, with those who are named in its text under `mentioned`; without the key when nobody is."""
    known = {key: person for person in people for key in (person["id"], person.get("email")) if key}
    mentioned: dict[str, Person] = {}

    def named(found: re.Match[str]) -> str:
        person = known.get(found[1])
        if person is None:
            return found[0]
        mentioned[person["id"]] = _shown(person)
        return f"@[{person['id']}]"

    text = _MENTION.sub(named, comment["text"])
    rest = {key: value for key, value in comment.items() if key != "mentioned"}
    return rest | {"text": text} | ({"mentioned": mentioned} if mentioned else {})


def shown_author(person: Person) -> Person:
    """A person as the author of a comment, who always has an address [C]."""
    email = person.get("email") or f"{person['id'].lower()}@example.com"
    return {"id": person["id"], "email": email} | ({"name": person["name"]} if person.get("name") else {})


def _shown(person: Person) -> Person:
    kind = "userGroup" if person["id"].startswith("ugp") else "user"
    name = person.get("name") or person.get("email") or person["id"]
    shown = {"type": kind, "id": person["id"], "displayName": name}
    return shown | ({"email": person["email"]} if person.get("email") and kind == "user" else {})
