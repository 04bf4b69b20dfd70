"""Tools that make and change bases, tables and fields."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field, JsonValue
from smeboost_shared.errors import FieldProblem, InvalidInput
from smeboost_shared.toolkit import CREATE, UPDATE

from smeboost_airtable.arguments import BaseId, TableId
from smeboost_airtable.calls import schema
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.models import Made, NewField, NewTable

TABLES_MAX = 100
Name = Annotated[str, Field(min_length=1, max_length=255)]
Fields = Annotated[
    list[NewField], Field(min_length=1, max_length=500, description="type as list_tables shows it; first is primary")
]
Options = dict[str, JsonValue]


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the tools of this family."""

    @mcp.tool(annotations=CREATE, title="Create a base")
    async def create_base(
        workspace_id: Annotated[str, Field(description="wsp...")],
        name: Name,
        tables: Annotated[list[NewTable], Field(min_length=1, max_length=TABLES_MAX)],
    ) -> Made:
        """Create a base with its tables. The first field of a table is its primary one."""
        base = await schema.create_base(client, workspace_id, name, tables)
        return Made(id=base.id, name=name, fields={table.name: table.id for table in base.tables})

    @mcp.tool(annotations=CREATE, title="Create a table")
    async def create_table(base_id: BaseId, name: Name, fields: Fields, description: str | None = None) -> Made:
        """Create a table. Formula, rollup, lookup, count and autoNumber fields can only be made in the app."""
        table = await schema.create_table(client, base_id, NewTable(name=name, fields=fields, description=description))
        return Made(id=table.id, name=table.name, fields={field.name: field.id for field in table.fields})

    @mcp.tool(annotations=CREATE, title="Create a field")
    async def create_field(
        *,
        base_id: BaseId,
        table_id: TableId,
        name: Name,
        type: str,  # noqa: A002  # Airtable's word
        options: Annotated[Options | None, Field(description="e.g. {choices:[{name}]}, {linkedTableId}")] = None,
        description: str | None = None,
    ) -> Made:
        """Create a field. A multipleRecordLinks field also makes its inverse in the linked table."""
        field = NewField(name=name, type=type, description=description, options=options)
        made = await schema.create_field(client, base_id, table_id, field)
        return Made(id=made.id, name=made.name, type=made.type, options=made.options)

    @mcp.tool(annotations=UPDATE, title="Rename or describe a table or field")
    async def update_schema(
        *,
        base_id: BaseId,
        table_id: TableId,
        field: Annotated[str | None, Field(description="fld... or name; without it the table is changed")] = None,
        name: Name | None = None,
        description: Annotated[str | None, Field(max_length=20_000)] = None,
        options: Annotated[Options | None, Field(description="Of the field, e.g. {formula} of a formula field")] = None,
        date_dependency: Annotated[Options | None, Field(description="Of the table")] = None,
    ) -> Made:
        """Change the name, description or settings of a table, or of one field. A field's type cannot change."""
        given = {
            "name": name,
            "description": description,
            "options": options,
            "dateDependencySettings": date_dependency,
        }
        changes: Options = {key: value for key, value in given.items() if value is not None}
        _check_changes(changes, of_field=field is not None)
        if field is None:
            table = await schema.update_table(client, base_id, table_id, changes)
            return Made(id=table.id, name=table.name, description=table.description)
        changed = await schema.update_field(client, base_id, table_id, field, changes)
        return Made(
            id=changed.id,
            name=changed.name,
            type=changed.type,
            description=changed.description,
            options=changed.options,
        )


def _check_changes(changes: Options, *, of_field: bool) -> None:
    misplaced = "dateDependencySettings" if of_field else "options"
    argument = {"dateDependencySettings": "date_dependency"}.get(misplaced, misplaced)
    if misplaced in changes:
        message = "is a table's; leave field out" if of_field else "is a field's; name the field"
        raise InvalidInput("The change does not fit.", errors=[FieldProblem(field=argument, message=message)])
    if not changes:
        problem = FieldProblem(field="name", message="give at least one of name, description and the settings")
        raise InvalidInput("Nothing is to be changed.", errors=[problem])
