"""Schema writes: https://airtable.com/developers/web/api/create-base and its neighbours.

Airtable has no call that deletes a table or a field, or that makes a formula, rollup, lookup, count, auto number or
button field: those are made by hand in the app.
"""

from collections.abc import Sequence

from pydantic import JsonValue
from smeboost_shared.errors import FieldProblem, InvalidInput, NotFound

from smeboost_airtable.checks import find_field
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.explanations import Operation
from smeboost_airtable.field_types import COMPUTED, CREATABLE
from smeboost_airtable.models import NewBase, NewField, NewTable, Table, TableField
from smeboost_airtable.places import Named
from smeboost_airtable.schema import did_you_mean
from smeboost_airtable.transport import Method, Request

SCOPE = "schema.bases:write"
Body = dict[str, JsonValue]


async def create_base(client: AirtableClient, workspace_id: str, name: str, tables: Sequence[NewTable]) -> NewBase:
    """Make a base of at least one table.

    Raises:
        InvalidInput: a field is of a type that cannot be made, or Airtable refused a part of it.
    """
    for index, table in enumerate(tables):
        check_types(table.fields, f"tables.{index}.fields")
    body: Body = {"name": name, "workspaceId": workspace_id, "tables": [table.body() for table in tables]}
    names = {table.name: f"tables.{index}.name" for index, table in enumerate(tables)}
    request = _request("POST", ("meta", "bases"), body)
    operation = Operation(request=request, scope=SCOPE, places=Named({workspace_id: "workspace_id", **names}))
    return await client.ask(operation, NewBase)


async def create_table(client: AirtableClient, base_id: str, table: NewTable) -> Table:
    """Make a table; its first field is the primary one.

    Raises:
        InvalidInput: see `create_base`.
    """
    await client.check_base(base_id)
    check_types(table.fields, "fields")
    names = {field.name: f"fields.{index}" for index, field in enumerate(table.fields)}
    request = _request("POST", ("meta", "bases", base_id, "tables"), table.body())
    made = await client.ask(_operation(request, base_id, Named({table.name: "name", **names}, "fields")), Table)
    client.forget_schema(base_id)
    return made


async def create_field(client: AirtableClient, base_id: str, table_id: str, field: NewField) -> TableField:
    """Make a field; a link field also makes its inverse in the linked table.

    Raises:
        InvalidInput: see `create_base`.
    """
    check_types([field], "")
    table = await client.find_table(base_id, table_id)
    path = ("meta", "bases", base_id, "tables", table.id, "fields")
    places = Named({field.name: "name", field.type: "type"}, "options")
    made = await client.ask(_operation(_request("POST", path, field.body()), base_id, places), TableField)
    client.forget_schema(base_id)
    return made


async def update_table(client: AirtableClient, base_id: str, table_id: str, changes: Body) -> Table:
    """Change a table's name, description or date dependency settings."""
    table = await client.find_table(base_id, table_id)
    path = ("meta", "bases", base_id, "tables", table.id)
    changed = await client.ask(_operation(_request("PATCH", path, changes), base_id, Named({}, "name")), Table)
    client.forget_schema(base_id)
    return changed


async def update_field(client: AirtableClient, base_id: str, table_id: str, field: str, changes: Body) -> TableField:
    """Change a field's name, description or options (of a formula field: its formula). The type stays.

    Raises:
        NotFound: the table has no such field; names the closest.
    """
    table = await client.find_table(base_id, table_id)
    path = ("meta", "bases", base_id, "tables", table.id, "fields", field_of(table, field).id)
    places = Named({str(changes.get("name")): "name"}, "options" if "options" in changes else "name")
    changed = await client.ask(_operation(_request("PATCH", path, changes), base_id, places), TableField)
    client.forget_schema(base_id)
    return changed


def field_of(table: Table, field: str) -> TableField:
    """The field with this id or name.

    Raises:
        NotFound: there is none; names the closest.
    """
    found = find_field(table, field)
    if found is None:
        hint = did_you_mean(field, [item.name for item in table.fields]) or "list_tables shows the table's fields."
        problem = FieldProblem(field="field", message=f"is no field of {table.name!r}")
        raise NotFound(f"There is no field {field[:80]!r}.", hint=hint, errors=[problem])
    return found


def check_types(fields: Sequence[NewField], place: str) -> None:
    """Refuse what the API cannot make before anything is sent.

    Raises:
        InvalidInput: names the field and the closest type, or why a known type cannot be made.
    """
    problems = [
        FieldProblem(field=f"{place}.{index}.type" if place else "type", message=_why(field.type))
        for index, field in enumerate(fields)
        if field.type not in CREATABLE
    ]
    if problems:
        raise InvalidInput("Airtable's API cannot make a field of this type.", errors=problems)


def _why(kind: str) -> str:
    if kind in COMPUTED or kind == "lookup":
        return f"{kind!r} fields can only be made in the Airtable app"
    return did_you_mean(kind, CREATABLE) or f"must be one of {', '.join(CREATABLE)}"


def _request(method: Method, path: tuple[str, ...], body: Body) -> Request:
    return Request(method=method, path=path, body=dict(body), writes=True)


def _operation(request: Request, base_id: str, places: Named) -> Operation:
    return Operation(request=request, scope=SCOPE, base_id=base_id, places=places)
