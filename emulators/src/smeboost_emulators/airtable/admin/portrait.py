"""The whole state in the form of a seed, so that it can be looked at, kept, and started from again."""

from typing import Any

import msgspec

from smeboost_emulators.airtable.records.pages import records_of
from smeboost_emulators.airtable.state.schema import Base, State
from smeboost_emulators.airtable.state.snapshot import definition_of


def portrait(state: State) -> dict[str, Any]:
    """The seed; tokens and webhooks (which have secrets) are not part of it."""
    return {
        "bases": [_base(base) for base in state.bases.values()],
        "workspaces": [msgspec.to_builtins(workspace) for workspace in state.workspaces.values()],
    }


def _base(base: Base) -> dict[str, Any]:
    records = {table.id: records_of(table, list(table.live_slots())) for table in base.tables.values()}
    return definition_of(base) | {"collaborators": list(base.people.values()), "records": records}
