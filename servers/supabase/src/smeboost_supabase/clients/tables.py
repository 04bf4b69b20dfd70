"""The tables of a schema, from whoever can tell."""

from smeboost_supabase.catalogue import Catalogue
from smeboost_supabase.clients.project import Project
from smeboost_supabase.description import read_description
from smeboost_supabase.models import TableList


class Tables:
    """Lists tables from the database when SUPABASE_DB_URL is set, else from the REST description."""

    def __init__(self, project: Project, catalogue: Catalogue | None) -> None:
        self._project = project
        self._catalogue = catalogue

    async def list_tables(self, schema: str) -> TableList:
        """The tables of a schema.

        Raises:
            InvalidInput: no such schema.
            Misconfigured: the project describes nothing to this key and SUPABASE_DB_URL is not set, or is wrong.
        """
        if self._catalogue is None:
            return await read_description(self._project.http, self._project.settings, schema)
        return await self._catalogue.tables(schema)
