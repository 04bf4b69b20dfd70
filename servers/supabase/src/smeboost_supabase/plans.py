"""What stands out in a plan of Postgres (manual, "Using EXPLAIN")."""

from typing import Any

from pydantic import JsonValue

MANY_ROWS = 10_000
WRONG_BY = 10
REMARKS_MAX = 10


def remarks(plan: dict[str, Any]) -> list[str]:
    """At most `REMARKS_MAX` sentences about the nodes of `plan`, which is a `Plan` of EXPLAIN's JSON."""
    said = [remark for node in _nodes(plan) for remark in _of(node)]
    return list(dict.fromkeys(said))[:REMARKS_MAX]


def lean(plan: JsonValue) -> JsonValue:
    """The plan without the counts that are nothing."""
    if isinstance(plan, dict):
        return {name: lean(part) for name, part in plan.items() if part not in (0, False, [])}
    return [lean(part) for part in plan] if isinstance(plan, list) else plan


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(found for child in node.get("Plans", []) for found in _nodes(child))]


def _of(node: dict[str, Any]) -> list[str]:
    kind, planned = str(node.get("Node Type")), int(node.get("Plan Rows", 0))
    table = node.get("Relation Name")
    said: list[str] = []
    if kind == "Seq Scan" and planned + int(node.get("Rows Removed by Filter", 0)) >= MANY_ROWS and node.get("Filter"):
        said.append(f"All of {table} is read to filter it; an index on the filtered columns may help.")
    if kind == "Sort" and "external" in str(node.get("Sort Method", "")):
        said.append("A sort does not fit into memory and goes to disk.")
    actual = node.get("Actual Rows")
    if actual is not None and table and max(actual, planned) >= MANY_ROWS:
        low, high = sorted((max(float(actual), 1.0), float(max(planned, 1))))
        if high / low >= WRONG_BY:
            said.append(f"{table} gave {actual} rows where {planned} were expected; ANALYZE may help.")
    return said
