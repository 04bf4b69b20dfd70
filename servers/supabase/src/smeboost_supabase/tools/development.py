"""What a developer asks of a database: its migrations, advice, and types for a program."""

from typing import Annotated, Literal

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.toolkit import READ

from smeboost_supabase import migrations
from smeboost_supabase.advisors import read_advice
from smeboost_supabase.client import SupabaseClient
from smeboost_supabase.describing.facts import read_facts
from smeboost_supabase.describing.parts import part_of
from smeboost_supabase.describing.python_types import pydantic_models, typed_dicts
from smeboost_supabase.describing.typescript import typescript
from smeboost_supabase.models import OFFSET_MAX, AdviceKind, AdvicePage, MigrationPage, SchemaName, SchemaPart

PAGE_MAX = 200
WRITERS = {"typescript": typescript, "pydantic": pydantic_models, "typeddict": typed_dicts}
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]
Offset = Annotated[int, Field(ge=0, le=OFFSET_MAX)]


def register(mcp: FastMCP, client: SupabaseClient) -> None:
    """Add the tools to `mcp`."""

    @mcp.tool(annotations=READ, title="List migrations")
    async def list_migrations(
        version: Annotated[str | None, Field(max_length=20, description="This one, with its SQL")] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> MigrationPage:
        """List the migrations that were applied, the newest first."""
        if version is not None:
            return await migrations.get_migration(client.database, version)
        return await migrations.list_migrations(client.database, limit=limit, offset=offset)

    @mcp.tool(annotations=READ, title="Generate types")
    async def generate_types(
        language: Literal["typescript", "pydantic", "typeddict"] = "typescript",
        schema: SchemaName = "public",
        offset: Offset = 0,
    ) -> SchemaPart:
        """Write the types of a schema as a source file, as `supabase gen types` does; join the parts by line ends."""
        text = WRITERS[language](await read_facts(client.database, schema))
        return part_of(text.split("\n"), offset, between="\n")

    @mcp.tool(annotations=READ, title="Get advice")
    async def get_advisors(
        kind: AdviceKind = "all", schema: SchemaName | None = None, limit: Limit = 50, offset: Offset = 0
    ) -> AdvicePage:
        """Check the database for open tables, slow policies, missing indexes, slow statements and the like."""
        return await read_advice(client.database, kind, schema, limit=limit, offset=offset)
