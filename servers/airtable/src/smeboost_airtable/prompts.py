"""Prompts for common jobs: which tools to use in which order, and what to be careful about.

What people fill in stands in quotes. A base, table or field may be given by name; `completions` offers the names.
"""

import json
from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.toolkit import WRITES

from smeboost_airtable.client import AirtableClient

BaseName = Annotated[str, Field(description="Name or id of a base")]
TableName = Annotated[str, Field(description="Name or id of a table")]


def register_records(mcp: FastMCP, _client: AirtableClient) -> None:
    """Offer the prompts about records."""

    @mcp.prompt(title="Summarise a table")
    def summarise_table(base: BaseName, table: TableName, question: str = "") -> str:
        """Say what a table holds, with numbers."""
        about = f" Above all answer this: {_quoted(question)}." if question else ""
        return (
            f"Summarise the Airtable table {_quoted(table)} in the base {_quoted(base)}.{about}\n"
            "1. list_bases for the base's id, list_tables for the fields and their types.\n"
            "2. list_records with compact and only the fields you need; follow cursor until it is null before you "
            "count or sum. Let filter do the selecting.\n"
            "3. Say how many records there are, what they are about, and what stands out: empty fields, extremes, "
            "trends by date. Give the numbers, and say which records they come from."
        )

    @mcp.prompt(title="Clean up duplicates", tags={WRITES})
    def clean_duplicates(
        base: BaseName,
        table: TableName,
        field: Annotated[str, Field(description="Field whose equal values make duplicates")],
    ) -> str:
        """Find records that stand for the same thing, merge what they know and remove the spare ones."""
        return (
            f"Find duplicates by the field {_quoted(field)} in the Airtable table {_quoted(table)} of the base "
            f"{_quoted(base)}, and clean them up.\n"
            "1. Read all records (list_records, compact, cursor until null). Compare the field without regard to case, "
            "spaces and punctuation.\n"
            "2. For each group choose the record to keep: the one with the most filled fields, then the oldest. Note "
            "which values of the others would fill its empty fields. Links of a deleted record are lost, so take them "
            "over as well.\n"
            "3. Show me the groups, and the changes that update_records and delete_records give with dry_run. Wait for "
            "my answer.\n"
            "4. Then update first and delete after it, and check failed, unknown and probable of each answer."
        )

    @mcp.prompt(title="Import a CSV", tags={WRITES})
    def import_csv(
        base: BaseName,
        table: TableName,
        key: Annotated[str, Field(description="Field that identifies a record; empty: every row is new")] = "",
    ) -> str:
        """Bring rows of a CSV into a table, checked before anything is written."""
        tool = f"upsert_records with merge_on [{_quoted(key)}]" if key else "create_records"
        return (
            f"Import the CSV that I give you into the Airtable table {_quoted(table)} of the base {_quoted(base)}.\n"
            "1. list_tables: match each column with a field and say which are left over on either side. Computed "
            "fields cannot be written.\n"
            "2. Turn the texts into what the fields take: numbers without signs of thousands, dates as 2026-12-31, "
            "true or false, lists for multiple selects, record ids for links.\n"
            f"3. {tool}, with dry_run, a few hundred rows a call. Show me how many would be created and changed, and "
            "all problems. typecast adds missing choices: ask me first. Wait for my answer.\n"
            "4. Then write. Afterwards list the rows under failed with the reason of each, and look at those under "
            "unknown and probable before you send any row again."
        )


def register_schema(mcp: FastMCP, _client: AirtableClient) -> None:
    """Offer the prompts about schemas."""

    @mcp.prompt(title="Plan a schema", tags={WRITES})
    def plan_schema(purpose: Annotated[str, Field(description="What is to be kept track of")], base: str = "") -> str:
        """Design tables, fields and links for a purpose, then make them."""
        where = f"in the base {_quoted(base)}; list_tables shows what is there already" if base else "in a new base"
        return (
            f"Plan Airtable tables for this purpose: {_quoted(purpose)}, {where}.\n"
            "1. One table for each kind of thing, one record for each thing. What has values of its own is a table, "
            "linked by a multipleRecordLinks field; what is one of a few words is a singleSelect.\n"
            "2. Give each table a primary field that people recognise a record by, and only the fields that the "
            "purpose needs. The API cannot make formula, rollup, lookup, count or button fields, nor delete fields or "
            "tables: name those that somebody has to make by hand.\n"
            "3. Show me the plan as a table of fields with types, and the links. Wait for my answer.\n"
            "4. Then create_base or create_table, first the tables that others link to, and create_field for the links."
        )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
