"""What a channel wants to know of the tables: an event, a schema, perhaps a table, a filter and columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from smeboost_emulators.supabase.realtime.filters import Condition, FilterRefused, read_filter
from smeboost_emulators.supabase.realtime.joins import binding_id

EVENTS = ("*", "INSERT", "UPDATE", "DELETE")
ANY = "*"


class BindingRefused(Exception):
    """The changes that were asked for cannot be told; the message is for the client."""


@dataclass(frozen=True)
class Binding:
    """One wish; `table` None is any table of the schema, `columns` None is all of them."""

    id: int
    event: str
    schema: str
    table: str | None
    conditions: tuple[Condition, ...] = ()
    columns: tuple[str, ...] | None = None

    def wants(self, schema: str, table: str) -> bool:
        """Whether changes of this table are meant."""
        return self.schema in {ANY, schema} and self.table in {None, table}


def read_binding(wish: Mapping[str, Any]) -> Binding:
    """The binding that a client wrote.

    Raises:
        BindingRefused: it makes no sense.
    """
    event, schema, table = wish.get("event", ANY), wish.get("schema", "public"), wish.get("table")
    if not isinstance(event, str) or event.upper() not in EVENTS:
        raise refused(wish, f"event must be one of {', '.join(EVENTS)}")
    if not isinstance(schema, str) or not isinstance(table, str | None):
        raise refused(wish, "schema and table must be names")
    written = wish.get("filter")
    if written is not None and not isinstance(written, str):
        raise refused(wish, "filter must be text")
    try:
        conditions = read_filter(written) if written else ()
    except FilterRefused as exc:
        raise refused(wish, str(exc)) from None
    if conditions and (not table or table == ANY):
        raise refused(wish, "a filter needs a table")
    return Binding(
        binding_id(wish),
        event.upper(),
        schema,
        None if table in {None, "", ANY} else table,
        conditions,
        _columns(wish),
    )


def refused(wish: Mapping[str, Any], why: str) -> BindingRefused:
    """The refusal of a binding, in Realtime's words."""
    shown = ", ".join(
        f"{name}: {str(wish[name])[:200]}" for name in ("event", "schema", "table", "filter") if name in wish
    )
    return BindingRefused(f"Unable to subscribe to changes with given parameters. {why}: [{shown}]")


def _columns(wish: Mapping[str, Any]) -> tuple[str, ...] | None:
    select = wish.get("select")
    if select is None:
        return None
    names = cast(list[object], select) if isinstance(select, list) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise refused(wish, "select must be a list of columns")
    return tuple(str(name) for name in names)
