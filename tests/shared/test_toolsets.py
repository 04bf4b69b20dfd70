"""Families of tools: which are offered, and what a wrong name is told."""

import pytest
from fastmcp import FastMCP
from smeboost_shared.errors import Misconfigured
from smeboost_shared.toolsets import chosen, offer

FAMILIES = ("records", "schema", "comments")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("all", list(FAMILIES)),
        ("schema", ["schema"]),
        (" Comments , records,", ["records", "comments"]),
        ("records,all", list(FAMILIES)),
        ("records,records", ["records"]),
    ],
)
def test_families_are_named_in_any_order_and_case(wanted: str, names: list[str]) -> None:
    assert chosen(wanted, FAMILIES, variable="X_TOOLSETS") == names


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("recrods", "did you mean 'records'?"), ("zzz", "records, schema, comments"), (" , ", "no toolset")],
)
def test_a_wrong_family_is_one_line_with_the_closest(wanted: str, said: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        chosen(wanted, FAMILIES, variable="X_TOOLSETS")
    assert refused.value.message.startswith("X_TOOLSETS (or --toolsets): ")
    assert said in refused.value.message
    assert "\n" not in refused.value.message


def test_what_several_families_need_is_registered_once() -> None:
    seen: list[str] = []

    def find(_mcp: FastMCP, client: str) -> None:
        seen.append(f"find {client}")

    def write(_mcp: FastMCP, client: str) -> None:
        seen.append(f"write {client}")

    offer(FastMCP("x"), "c", {"a": (find, write), "b": (find,)}, "all", variable="X")
    assert seen == ["find c", "write c"]
