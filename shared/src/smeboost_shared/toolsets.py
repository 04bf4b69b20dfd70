"""Families of tools that a server offers or leaves out, so that a host pays only for those it uses.

A server has one mapping from a family's name to the `register` functions of `tools/<family>`; `offer` runs those of the
chosen families. A register that several families need (ids have to be found before anything is done with them) stands
under each of them and runs once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from fastmcp import FastMCP

from smeboost_shared.errors import FieldProblem, Misconfigured
from smeboost_shared.toolkit import unknown_name

ALL = "all"

Client = TypeVar("Client")
Register = Callable[[FastMCP, Client], None]


def offer(
    mcp: FastMCP, client: Client, toolsets: Mapping[str, Sequence[Register[Client]]], wanted: str, *, variable: str
) -> None:
    """Register the families that `wanted` names: words with commas between them, or `all`.

    Raises:
        Misconfigured: a name is unknown, or there is none; names `variable` and the closest name.
    """
    registers = [register for name in chosen(wanted, tuple(toolsets), variable=variable) for register in toolsets[name]]
    for register in dict.fromkeys(registers):
        register(mcp, client)


def chosen(wanted: str, known: Sequence[str], *, variable: str) -> list[str]:
    """The names in `wanted`, in the order of `known`.

    Raises:
        Misconfigured: see `offer`.
    """
    names = {name.strip().lower() for name in wanted.split(",") if name.strip()}
    unknown = sorted(names - {ALL, *known})
    if unknown or not names:
        what = f"toolset {unknown[0][:40]!r} {unknown_name(unknown[0], known)}" if unknown else "names no toolset"
        problem = FieldProblem(field=variable, message=what)
        raise Misconfigured(f"{variable} (or --toolsets): {what}", errors=[problem])
    return [name for name in known if ALL in names or name in names]
