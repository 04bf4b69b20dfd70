"""The tables of a schema, from whoever can tell."""

from smeboost_supabase.catalogue import read_tables
from smeboost_supabase.clients.project import Project
from smeboost_supabase.database import Database
from smeboost_supabase.description import read_description
from smeboost_supabase.models import TableList


class Tables:
    """Lists tables from the database when SUPABASE_DB_URL is set, else from the REST description."""

    def __init__(self, project: Project, database: Database | None) -> None:
        self._project = project
        self._database = database

    async def list_tables(self, schema: str) -> TableList:
        """The tables of a schema.

        Raises:
            InvalidInput: no such schema.
            Misconfigured: the project describes nothing to this key and SUPABASE_DB_URL is not set, or is wrong.
        """
        if self._database is None:
            return await read_description(self._project.http, self._project.settings, schema)
        return await read_tables(self._database, schema)
