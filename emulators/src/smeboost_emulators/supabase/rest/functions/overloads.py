"""Which function a call means: the one whose arguments have the names that the request gives.

Source: PostgREST, "Functions as RPC" and the errors PGRST202 and PGRST203.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from smeboost_emulators.supabase.rest.errors import RestFailure
from smeboost_emulators.supabase.rest.functions.catalogue import Function, Functions

NAMES_MAX = 1000
# The body that a single argument without a name takes whole.
WHOLE_BODIES = {
    "application/json": frozenset({"json", "jsonb"}),
    "text/plain": frozenset({"text"}),
    "text/xml": frozenset({"xml"}),
    "application/octet-stream": frozenset({"bytea"}),
}


@dataclass(frozen=True)
class Wanted:
    """A call as the request spells it; `kind` is the media type of a POST's body, else None."""

    schema: str
    name: str
    keys: frozenset[str]
    kind: str | None

    @property
    def whole(self) -> bool:
        """Whether the body has no argument names at all."""
        return self.kind is not None and self.kind != "application/json" and self.kind in WHOLE_BODIES


def matching(functions: Functions, wanted: Wanted) -> tuple[Function, ...]:
    """The overloads that the request may mean: by names, else those that take the body whole."""
    overloads = functions.get((wanted.schema, wanted.name), ())
    named = tuple(function for function in overloads if _fits(function, wanted))
    return named or tuple(function for function in overloads if takes_whole(function, wanted.kind))


def takes_whole(function: Function, kind: str | None) -> bool:
    """Whether the only argument has no name and the type of such a body."""
    arguments = function.arguments
    whole = len(arguments) == 1 and not arguments[0].name and not arguments[0].variadic
    return kind is not None and whole and arguments[0].type.name in WHOLE_BODIES.get(kind, frozenset())


def _fits(function: Function, wanted: Wanted) -> bool:
    if wanted.whole or any(not argument.name for argument in function.arguments):
        return False
    names = {argument.name for argument in function.arguments}
    required = {argument.name for argument in function.arguments if argument.required}
    return required <= wanted.keys <= names


def ambiguous(candidates: Sequence[Function]) -> RestFailure:
    """More than one function fits."""
    shown = ", ".join(function.shown for function in candidates)
    return RestFailure(
        300,
        "PGRST203",
        f"Could not choose the best candidate function between: {shown}",
        hint="Try renaming the parameters or the function itself in the database so function overloading can be"
        " resolved",
    )


def not_found(functions: Functions, wanted: Wanted, permitted: Collection[int]) -> RestFailure:
    """No function fits; the hint names none but the `permitted`."""
    function = f"{wanted.schema}.{wanted.name}"
    names = sorted(wanted.keys)
    listed = "" if wanted.whole else f"({', '.join(names)})" if names else " without parameters"
    return RestFailure(
        404,
        "PGRST202",
        f"Could not find the function {function}{listed} in the schema cache",
        details=f"Searched for the function {function}{_searched(wanted, names)}, but no matches were found in the"
        " schema cache.",
        hint=_hint(functions, wanted, permitted),
    )


def _searched(wanted: Wanted, names: Sequence[str]) -> str:
    if wanted.whole:
        (type_name,) = WHOLE_BODIES[wanted.kind or ""]
        return f" with a single unnamed {type_name} parameter"
    plural = "s" if len(names) > 1 else ""
    listed = f" with parameter{plural} {', '.join(names)}" if names else " without parameters"
    return f"{listed} or with a single unnamed json/jsonb parameter" if wanted.kind == "application/json" else listed


def _hint(functions: Functions, wanted: Wanted, permitted: Collection[int]) -> str | None:
    mine = {
        name: [function for function in overloads if function.oid in permitted]
        for (schema, name), overloads in functions.items()
        if schema == wanted.schema
    }
    overloads = mine.get(wanted.name)
    if overloads:
        spelled = [", ".join(argument.name for argument in function.arguments) for function in overloads]
        close = get_close_matches(", ".join(sorted(wanted.keys))[:200], spelled[:NAMES_MAX], n=1, cutoff=0)
        return f"Perhaps you meant to call the function {wanted.schema}.{wanted.name}({close[0]})"
    names = [name for name, some in mine.items() if some][:NAMES_MAX]
    close = get_close_matches(wanted.name[:100], names, n=1)
    return f"Perhaps you meant to call the function {wanted.schema}.{close[0]}" if close else None
