"""A schema as one compact text: a line for each thing, tables with what hangs on them."""

import re

from smeboost_supabase.describing.facts import ColumnFact, FunctionFact, PolicyFact, SchemaFacts, TableFact

_PLACE = re.compile(r" ON .*? USING ")
ALL_RIGHTS = {"select", "insert", "update", "delete", "truncate", "references", "trigger"}


def schema_document(facts: SchemaFacts) -> list[str]:
    """The parts of the document: one for all types, one for each table, one for all functions."""
    parts = ["\n".join(f"enum {one.name}: {' | '.join(one.labels)}" for one in facts.enums)]
    parts.append("\n".join(f"type {one.name} ({', '.join(map(_field, one.columns))})" for one in facts.composites))
    parts += [_table(table) for table in facts.tables]
    parts.append("\n".join(map(_function, facts.functions)))
    return [part for part in parts if part]


def _table(table: TableFact) -> str:
    guard = f", RLS {'forced' if table.forced else 'on' if table.rls else 'off'}" if table.kind == "table" else ""
    rows = f", ~{table.estimate} rows" if table.estimate is not None else ""
    lines = [f"{table.kind} {table.name}{guard}{rows}{_comment(table.comment)}"]
    keys = {key.columns[0]: key for key in table.foreign_keys if len(key.columns) == 1}
    for column in table.columns:
        key = keys.get(column.name)
        refers = f" -> {key.schema_}.{key.table}({key.referenced[0]})" if key else ""
        primary = " pk" if table.primary_key == [column.name] else ""
        lines.append(f"  {_field(column)}{primary}{_default(column)}{refers}{_comment(column.comment)}")
    if len(table.primary_key) > 1:
        lines.append(f"  primary key ({', '.join(table.primary_key)})")
    lines += [
        f"  foreign key ({', '.join(key.columns)}) -> {key.schema_}.{key.table}({', '.join(key.referenced)})"
        for key in table.foreign_keys
        if len(key.columns) > 1
    ]
    lines += [f"  constraint {text}" for text in table.constraints]
    lines += [f"  {_PLACE.sub(' ', text.removeprefix('CREATE '), 1)}" for text in table.indexes]
    lines += [f"  {' '.join(_policy(policy).split())}" for policy in table.policies]
    lines += [f"  {text.removeprefix('CREATE ')}" for text in table.triggers]
    return "\n".join(lines + _grants(table))


def _grants(table: TableFact) -> list[str]:
    roles: dict[str, list[str]] = {}
    for role, rights in sorted(table.grants.items()):
        roles.setdefault(_rights(rights), []).append(role)
    return [f"  grant {rights} to {', '.join(named)}" for rights, named in roles.items()]


def _field(column: ColumnFact) -> str:
    return f"{column.name} {column.type}{'' if column.nullable else ' not null'}"


def _default(column: ColumnFact) -> str:
    if column.identity:
        return " identity"
    if column.generated:
        return f" generated ({column.default})"
    return f" default {column.default}" if column.default else ""


def _policy(policy: PolicyFact) -> str:
    kind = "" if policy.permissive else " restrictive"
    using = f" using ({policy.using})" if policy.using else ""
    check = f" check ({policy.check})" if policy.check and policy.check != policy.using else ""
    return f"policy {policy.name!r}{kind} for {policy.command} to {', '.join(policy.roles)}{using}{check}"


def _function(one: FunctionFact) -> str:
    definer = " security definer" if one.security_definer else ""
    may = "" if one.is_trigger or not one.may else f" callable by {', '.join(one.may)}"
    returns = f" returns {one.returns}" if one.kind == "function" else ""
    return f"{one.kind} {one.name}({one.arguments}){returns} {one.volatility}{definer}{may}"


def _rights(rights: list[str]) -> str:
    return "all" if set(rights) >= ALL_RIGHTS else ", ".join(rights)


def _comment(text: str | None) -> str:
    return f" -- {' '.join(text.split())[:200]}" if text else ""
