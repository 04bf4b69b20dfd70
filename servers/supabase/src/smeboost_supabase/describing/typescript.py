"""TypeScript types of a schema, in the form of `supabase gen types typescript` (postgres-meta's template).

What the vendor's generator does is done: columns in the order of their names, `never` for what the database always
fills, `Json` for documents, relationships for joins. The short names at the end know the generated schema only.
"""

import json
import re

from smeboost_supabase.describing.facts import ArgumentFact, ColumnFact, FunctionFact, SchemaFacts, TableFact

_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric", "oid"}
_TEXTS = {
    *("bytea", "bpchar", "varchar", "date", "text", "citext", "name", "time", "timetz", "timestamp", "timestamptz"),
    *("uuid", "vector", "char"),
}
_PLAIN = {
    **dict.fromkeys(_NUMBERS, "number"),
    **dict.fromkeys(_TEXTS, "string"),
    "bool": "boolean",
    "json": "Json",
    "jsonb": "Json",
    "void": "undefined",
    "record": "Record<string, unknown>",
}
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")
_HEAD = """\
export type Json =
  | string
  | number
  | boolean
  | null
  | { [key: string]: Json | undefined }
  | Json[]
"""
_TAIL = """
type DefaultSchema = Database[{schema}]

export type Tables<Name extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])> =
  (DefaultSchema["Tables"] & DefaultSchema["Views"])[Name] extends {{ Row: infer Row }} ? Row : never

export type TablesInsert<Name extends keyof DefaultSchema["Tables"]> =
  DefaultSchema["Tables"][Name] extends {{ Insert: infer Insert }} ? Insert : never

export type TablesUpdate<Name extends keyof DefaultSchema["Tables"]> =
  DefaultSchema["Tables"][Name] extends {{ Update: infer Update }} ? Update : never

export type Enums<Name extends keyof DefaultSchema["Enums"]> = DefaultSchema["Enums"][Name]

export type CompositeTypes<Name extends keyof DefaultSchema["CompositeTypes"]> =
  DefaultSchema["CompositeTypes"][Name]
"""

Lines = list[str]


def typescript(facts: SchemaFacts) -> str:
    """The text of a `.ts` file."""
    tables = [table for table in facts.tables if table.kind in ("table", "foreign table")]
    views = [table for table in facts.tables if table.kind not in ("table", "foreign table")]
    known = _Known(facts)
    schema: Lines = [
        *_group("Tables", [line for table in tables for line in known.table(table, is_view=False)]),
        *_group("Views", [line for view in views for line in known.table(view, is_view=True)]),
        *_group("Functions", known.functions(facts.functions)),
        *_group("Enums", [f"{_key(one.name)}: {' | '.join(map(_quoted, one.labels))}" for one in facts.enums]),
        *_group("CompositeTypes", [line for one in facts.composites for line in known.fields(one.name, one.columns)]),
    ]
    body = ["export type Database = {", *_indent([f"{_key(facts.schema_)}: {{", *_indent(schema), "}"]), "}"]
    return _HEAD + "\n" + "\n".join(body) + "\n" + _TAIL.format(schema=_quoted(facts.schema_)) + _constants(facts)


class _Known:
    """The types of the schema that others refer to by name."""

    def __init__(self, facts: SchemaFacts) -> None:
        self._schema = facts.schema_
        self._enums = {one.name for one in facts.enums}
        self._composites = {one.name for one in facts.composites}
        self._tables = {one.name: one.kind for one in facts.tables}

    def table(self, table: TableFact, *, is_view: bool) -> Lines:
        """The entry of a table or view."""
        columns = sorted(table.columns, key=lambda column: column.name)
        parts = self.fields("Row", columns)
        if not is_view or table.insertable:
            parts += _group("Insert", [self._insert(column) for column in columns])
        if not is_view or table.updatable:
            parts += _group("Update", [self._update(column) for column in columns])
        return [f"{_key(table.name)}: {{", *_indent([*parts, *_relationships(table)]), "}"]

    def fields(self, name: str, columns: list[ColumnFact]) -> Lines:
        """A group of columns as they are read."""
        return _group(_key(name), [f"{_key(column.name)}: {self._nullable(column)}" for column in columns])

    def functions(self, functions: list[FunctionFact]) -> Lines:
        """The entries of all functions; overloads of one name are alternatives."""
        named: dict[str, list[str]] = {}
        for one in functions:
            if not one.is_trigger:
                named.setdefault(one.name, []).append(f"{{ Args: {self._args(one)}; Returns: {self._returns(one)} }}")
        return [
            line
            for name, kinds in named.items()
            for line in ([f"{_key(name)}: {kinds[0]}"] if len(kinds) == 1 else _alternatives(name, kinds))
        ]

    def _insert(self, column: ColumnFact) -> str:
        if column.identity == "a":
            return f"{_key(column.name)}?: never"
        may_lack = column.nullable or column.default is not None or column.identity
        return f"{_key(column.name)}{'?' if may_lack else ''}: {self._nullable(column)}"

    def _update(self, column: ColumnFact) -> str:
        return f"{_key(column.name)}?: {'never' if column.identity == 'a' else self._nullable(column)}"

    def _nullable(self, column: ColumnFact) -> str:
        return self._type(column) + (" | null" if column.nullable else "")

    def _args(self, one: FunctionFact) -> str:
        args = [
            f"{_key(argument.name)}{'?' if argument.has_default else ''}: {self._type(argument)}"
            for argument in sorted(one.inputs, key=lambda argument: argument.name)
            if argument.name
        ]
        return f"{{ {'; '.join(args)} }}" if args else "never"

    def _returns(self, one: FunctionFact) -> str:
        if one.outputs and one.result_table is None:
            columns = [f"{_key(column.name)}: {self._type(column)}" for column in one.outputs]
            told = f"{{ {'; '.join(columns)} }}"
        else:
            told = self._type(one.result)
        return f"{told}[]" if one.returns_set else told

    def _type(self, column: ColumnFact | ArgumentFact) -> str:
        told = self._element(column)
        return (f"({told})[]" if " | " in told else f"{told}[]") if column.is_array else told

    def _element(self, column: ColumnFact | ArgumentFact) -> str:
        name = column.type_name
        place = f"Database[{_quoted(self._schema)}]"
        if column.type_schema == self._schema:
            if name in self._enums:
                return f'{place}["Enums"][{_quoted(name)}]'
            if name in self._composites:
                return f'{place}["CompositeTypes"][{_quoted(name)}]'
            if name in self._tables:
                group = "Tables" if self._tables[name] in ("table", "foreign table") else "Views"
                return f'{place}["{group}"][{_quoted(name)}]["Row"]'
        return _PLAIN.get(column.base, "unknown")


def _relationships(table: TableFact) -> Lines:
    if not table.foreign_keys:
        return ["Relationships: []"]
    lines = ["Relationships: ["]
    for key in table.foreign_keys:
        entry = [
            f"foreignKeyName: {_quoted(key.name)}",
            f"columns: [{', '.join(map(_quoted, key.columns))}]",
            f"isOneToOne: {'true' if key.one_to_one else 'false'}",
            f"referencedRelation: {_quoted(key.table)}",
            f"referencedColumns: [{', '.join(map(_quoted, key.referenced))}]",
        ]
        lines += _indent(["{", *_indent(entry), "},"])
    return [*lines, "]"]


def _alternatives(name: str, kinds: list[str]) -> Lines:
    return [f"{_key(name)}:", *_indent([f"| {kind}" for kind in kinds])]


def _constants(facts: SchemaFacts) -> str:
    enums = [f"{_key(one.name)}: [{', '.join(map(_quoted, one.labels))}]," for one in facts.enums]
    entry = [f"{_key(facts.schema_)}: {{", *_indent(["Enums: {", *_indent(enums), "},"]), "},"]
    return "\n".join(["", "export const Constants = {", *_indent(entry), "} as const", ""])


def _group(name: str, lines: Lines) -> Lines:
    return [f"{name}: {{", *_indent(lines or ["[_ in never]: never"]), "}"]


def _indent(lines: Lines) -> Lines:
    return [f"  {line}" for line in lines]


def _key(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
