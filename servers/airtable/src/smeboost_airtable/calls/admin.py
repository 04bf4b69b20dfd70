"""Operations of administrators: a name, ids, a query and a body become one request."""

import re
from collections.abc import Mapping

from pydantic import JsonValue
from smeboost_shared.errors import FieldProblem, InvalidInput, NotFound
from smeboost_shared.toolkit import unknown_name

from smeboost_airtable.calls.operations import AdminOperation
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.explanations import Operation
from smeboost_airtable.models import Anything
from smeboost_airtable.places import Named
from smeboost_airtable.transport import Request

Query = dict[str, str | list[str]]
_ID = re.compile(r"[A-Za-z0-9_.@-]{1,255}")


async def run(
    client: AirtableClient,
    operations: Mapping[str, AdminOperation],
    name: str,
    *,
    ids: Mapping[str, str],
    query: Query,
    body: dict[str, JsonValue] | None,
    writes: bool,
) -> JsonValue:
    """Run one of `operations`; the answer is Airtable's own.

    Raises:
        InvalidInput: the operation is unknown, or an id that its path needs is missing, unknown or malformed.
        NotFound: there is no such thing, or the plan does not have the operation.
    """
    operation = operations.get(name)
    if operation is None:
        problem = FieldProblem(field="operation", message=unknown_name(name, list(operations)))
        raise InvalidInput("There is no such operation.", errors=[problem])
    request = Request(
        method=operation.method,
        path=_path(operation, ids),
        params=query or None,
        body=dict(body) if body is not None else None,
        writes=writes,
        root="scim/v2" if operation.is_scim else "v0",
    )
    places = Named({}, "body" if body else "query")
    asked = Operation(request=request, scope=operation.scope, base_id=ids.get("base_id", ""), places=places)
    try:
        return (await client.ask(asked, Anything)).root
    except NotFound as exc:
        if operation.enterprise:
            exc.hint = "Airtable answers this to all who have not its Enterprise plan; otherwise check the ids."
        raise


def _path(operation: AdminOperation, ids: Mapping[str, str]) -> tuple[str, ...]:
    wrong = [name for name, value in ids.items() if not _ID.fullmatch(value) or set(value) == {"."}]
    if wrong:
        raise _misfit([FieldProblem(field=f"ids.{name}", message="is not an id") for name in wrong])
    found = next((path for path in operation.paths if set(_needed(path)) == set(ids)), None)
    if found is None:
        wanted = " or ".join(", ".join(_needed(path)) or "none" for path in operation.paths)
        raise _misfit([FieldProblem(field="ids", message=f"this operation takes {wanted}")])
    return tuple(ids[segment[1:-1]] if segment.startswith("{") else segment for segment in found.split("/"))


def _needed(path: str) -> list[str]:
    return [segment[1:-1] for segment in path.split("/") if segment.startswith("{")]


def _misfit(problems: list[FieldProblem]) -> InvalidInput:
    return InvalidInput("The ids do not fit the operation.", errors=problems)
