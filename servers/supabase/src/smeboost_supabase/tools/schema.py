"""The shape of a schema in one compact document."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.toolkit import READ

from smeboost_supabase.client import SupabaseClient
from smeboost_supabase.describing.document import schema_document
from smeboost_supabase.describing.facts import read_facts
from smeboost_supabase.describing.parts import part_of
from smeboost_supabase.models import OFFSET_MAX, SchemaName, SchemaPart, TableName

TABLES_ASKED_MAX = 100


def register(mcp: FastMCP, client: SupabaseClient) -> None:
    """Add the tool to `mcp`."""

    @mcp.tool(annotations=READ, title="Describe a schema")
    async def describe_schema(
        schema: SchemaName = "public",
        tables: Annotated[
            list[TableName] | None, Field(max_length=TABLES_ASKED_MAX, description="Only these, without functions.")
        ] = None,
        offset: Annotated[int, Field(ge=0, le=OFFSET_MAX, description="See next_offset.")] = 0,
    ) -> SchemaPart:
        """Describe a schema compactly: columns, keys, indexes, RLS policies, triggers, grants, enums and functions."""
        return part_of(schema_document(await read_facts(client.database, schema, tables)), offset, between="\n\n")
