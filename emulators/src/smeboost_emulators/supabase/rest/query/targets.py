"""What a request or one of its embeds is about: a relation, and where its rows come from.

A `Target` is the source of a statement. By itself it reads its relation. Whoever has the rows elsewhere (what a write
returned, what a function gave) passes `source`: the name of a CTE, or any other item that can stand in a `from`; the
rows then go by `alias`, have the relation's columns, and everything that `rows.py` can do works on them, embedding
included. `typed` says whether those rows still have the relation's own row type, as those of a function that returns
`setof relation` have when it stands in the `from` itself; a CTE's have not.
"""

from dataclasses import dataclass

from psycopg import sql

from smeboost_emulators.supabase.rest.errors import RestFailure, UnknownName
from smeboost_emulators.supabase.rest.schema import Column, ComputedField, Relation, Schema, TypeName


@dataclass(frozen=True)
class Target:
    """A relation, how its names are looked up, and the name that its rows go by in the statement."""

    relation: Relation
    schema: Schema
    source: sql.Composable | None = None
    alias: str | None = None
    typed: bool = True

    @property
    def name(self) -> str:
        """What the rows are called."""
        return self.alias or self.relation.name

    @property
    def origin(self) -> sql.Composable:
        """The rows, as an item of a `from`."""
        return sql.SQL("{} as {}").format(self.source or self.relation.identifier, sql.Identifier(self.name))

    @property
    def row(self) -> sql.Composable:
        """One row, as the argument of a function that takes one."""
        if self.typed:
            return sql.SQL("{}.*").format(sql.Identifier(self.name))
        return sql.SQL("row({}.*)::{}").format(sql.Identifier(self.name), self.relation.identifier)

    def field(self, name: str) -> Column | ComputedField:
        """The column or computed field with this name.

        Raises:
            UnknownName: 42703, as PostgreSQL itself would say.
        """
        return self.relation.columns.get(name) or self.relation.fields.get(name) or self.column(name)

    def column(self, name: str) -> Column:
        """The column with this name.

        Raises:
            UnknownName: 42703, as PostgreSQL itself would say.
        """
        found = self.relation.columns.get(name)
        if found is None:
            failure = RestFailure(400, "42703", f"column {self.relation.name}.{name} does not exist")
            raise UnknownName(failure, schema=self.relation.schema, relation=self.relation.name, column=name)
        return found

    def written(self, name: str) -> Column:
        """The column with this name, for a write.

        Raises:
            UnknownName: PGRST204.
        """
        found = self.relation.columns.get(name)
        if found is None:
            message = f"Could not find the '{name}' column of '{self.relation.name}' in the schema cache"
            failure = RestFailure(400, "PGRST204", message)
            raise UnknownName(failure, schema=self.relation.schema, relation=self.relation.name, column=name)
        return found

    def cast_type(self, name: str) -> TypeName:
        """The type that a `::cast` names.

        Raises:
            RestFailure: 42704.
        """
        found = self.schema.types.get(name.lower())
        if found is None:
            raise RestFailure(400, "42704", f'type "{name}" does not exist')
        return found
