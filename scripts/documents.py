"""Generated parts of the documents: tables of the tools and settings of members, and of the functions of formulas.

A generated part stands between `<!-- tools:begin -->` and `<!-- tools:end -->` (or `settings:`) in a README, and
`functions:` in `docs/formulas.md`.
`python -m scripts.documents` fails when one has drifted; `--write` writes them anew. Tools come from the committed
snapshots in `tests/<server>/tools.json`, which the tests hold against the servers.
"""

import json
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from smeboost_shared.formula.signatures import GROUPS
from smeboost_shared.settings import Settings, variable_of

ROOT = Path(__file__).parent.parent
FORMULAS = ROOT / "docs" / "formulas.md"


@dataclass(frozen=True)
class Member:
    """A member with generated tables in its README."""

    folder: str
    settings: tuple[str, ...]
    tools: str | None = None

    @property
    def readme(self) -> Path:
        """The document that holds the tables."""
        return ROOT / self.folder / "README.md"


MEMBERS = [
    *(
        Member(
            f"servers/{name}", (f"smeboost_{name}.settings:{name.capitalize()}Settings",), f"tests/{name}/tools.json"
        )
        for name in ("airtable", "supabase", "redis", "bedrock")
    ),
    Member("gateway", ("smeboost_gateway.settings:GatewaySettings", "smeboost_sync.settings:JobSettings")),
]


def main(argv: list[str]) -> int:
    """Check or write; 1 means that a document has drifted."""
    write = "--write" in argv
    drifted = [member.readme for member in MEMBERS if not up_to_date(member, write=write)]
    drifted += [] if formulas_up_to_date(write=write) else [FORMULAS]
    for document in drifted:
        sys.stdout.write(f"{document.relative_to(ROOT)} has drifted: run 'make docs'\n")
    return int(bool(drifted))


def formulas_up_to_date(*, write: bool) -> bool:
    """Whether the language's document lists the functions there are; `write` makes it so."""
    before = FORMULAS.read_text(encoding="utf-8")
    after = filled(before, "functions", function_tables())
    if write:
        FORMULAS.write_text(after, encoding="utf-8")
    return write or before == after


def function_tables() -> str:
    """A table for each group of functions."""
    tables: list[str] = []
    for group, signatures in GROUPS.items():
        rows = [f"| {group.lower()} | what it gives |", "| --- | --- |"]
        rows += [f"| `{signature.usage}` | {signature.summary} |" for signature in signatures]
        tables.append("\n".join(rows) + "\n")
    return "\n".join(tables)


def up_to_date(member: Member, *, write: bool) -> bool:
    """Whether the tables in the member's README are the present ones; `write` makes them so."""
    before = member.readme.read_text(encoding="utf-8")
    after = filled(before, "settings", settings_table(member.settings))
    if member.tools:
        after = filled(after, "tools", tool_table(ROOT / member.tools))
    if write:
        member.readme.write_text(after, encoding="utf-8")
    return write or before == after


def filled(text: str, part: str, table: str) -> str:
    """`text` with the generated part of that name replaced; the markers must be there once."""
    marked = re.compile(rf"(<!-- {part}:begin -->\n).*?(<!-- {part}:end -->)", re.DOTALL)
    found, count = marked.subn(lambda match: f"{match[1]}{table}{match[2]}", text)
    if count != 1:
        raise SystemExit(f"a README must have the part {part!r} between its markers exactly once, found {count}")
    return found


def tool_table(snapshot: Path) -> str:
    """One line a tool: name, what it does, whether it changes anything."""
    rows = ["| tool | what it does | changes |", "| --- | --- | --- |"]
    for tool in json.loads(snapshot.read_text(encoding="utf-8")):
        summary = " ".join(tool["description"].strip().split("\n\n")[0].split())
        rows.append(f"| `{tool['name']}` | {summary} | {changes(tool['annotations'])} |")
    return "\n".join(rows) + "\n"


def changes(annotations: dict[str, Any]) -> str:
    """What the annotations promise, in a word."""
    if annotations["readOnlyHint"]:
        return "nothing"
    return "overwrites or removes" if annotations["destructiveHint"] else "adds"


def settings_table(classes: tuple[str, ...]) -> str:
    """One line a setting: its variable, its default, what it means."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for place in classes:
        module, name = place.split(":")
        rows += settings_rows(getattr(import_module(module), name))
    return "\n".join(rows) + "\n"


def settings_rows(kind: type[Settings]) -> list[str]:
    """The rows of one class; a setting that is itself a class of settings is not one variable."""
    rows: list[str] = []
    for name, field in kind.model_fields.items():
        if field.default_factory is not None:
            continue
        rows.append(f"| `{variable_of(kind, name, field)}` | {default_of(field)} | {field.description or ''} |")
    return rows


def default_of(field: FieldInfo) -> str:
    """The default as a person would write it."""
    if field.default is PydanticUndefined:
        return "required"
    return "" if field.default in (None, ()) else f"`{field.default}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
