"""A schema's tables as PostgREST's own description tells them (OpenAPI 2.0 at the root of `/rest/v1`).

It knows no row level security, no estimates and no kinds, and shows only what the key or the person may see.
"""

import re
from typing import Any, cast

import httpx
from smeboost_shared.errors import FieldProblem, InvalidInput, Misconfigured, VendorBadAnswer

from smeboost_supabase.models import TABLES_MAX, ForeignKey, Table, TableColumn, TableList
from smeboost_supabase.service_faults import http_error
from smeboost_supabase.settings import SupabaseSettings
from smeboost_supabase.wire import AnswerTooLarge, BoundedHttp, Refused

_FOREIGN_KEY = re.compile(r"<fk table='([^']*)' column='([^']*)'/>")


async def read_description(http: BoundedHttp, settings: SupabaseSettings, schema: str) -> TableList:
    """The tables of `schema` that the configured key may see.

    Raises:
        InvalidInput: the project does not offer this schema.
        Misconfigured: the project describes nothing to this key.
    """
    key = settings.key.get_secret_value()
    headers = {"apikey": key, "Authorization": f"Bearer {key}", "Accept": "application/openapi+json"}
    try:
        answer = await http.get(f"{settings.url}/rest/v1/", headers=headers | {"Accept-Profile": schema})
        document = answer.json()
    except (Refused, AnswerTooLarge, httpx.HTTPError) as exc:
        if isinstance(exc, Refused) and exc.status in (401, 403, 404, 406):
            raise _not_described() from exc
        raise http_error(exc, writes=False) from exc
    except ValueError:
        raise _not_described() from None
    if answer.is_success:
        return described_tables(document)
    if document.get("code") == "PGRST106":
        problem = FieldProblem(field="schema", message="is not one that the project offers")
        raise InvalidInput("The schema is not offered.", errors=[problem], hint=document.get("hint"))
    raise _not_described()


def _not_described() -> Misconfigured:
    return Misconfigured(
        "The project does not describe its tables to the configured key.",
        hint="Set SUPABASE_DB_URL to the project's Postgres connection string.",
    )


def described_tables(document: object) -> TableList:
    """The tables in the OpenAPI `document`.

    Raises:
        VendorBadAnswer: it is not such a document.
    """
    told = cast(dict[str, Any], document) if isinstance(document, dict) else {}
    if not isinstance(told.get("definitions"), dict):
        raise VendorBadAnswer("The project's REST description is not one that we understand.")
    definitions: dict[str, dict[str, Any]] = told["definitions"]
    names = sorted(definitions)
    return TableList(
        source="rest",
        tables=[_table(name, definitions[name]) for name in names[:TABLES_MAX]],
        advisories=[],
        truncated=len(names) > TABLES_MAX,
    )


def _table(name: str, definition: dict[str, Any]) -> Table:
    properties: dict[str, dict[str, Any]] = definition.get("properties", {})
    required = set(definition.get("required", []))
    notes = {column: str(told.get("description", "")) for column, told in properties.items()}
    return Table(
        name=name,
        kind=None,
        columns=[
            TableColumn(
                name=column,
                type=str(told.get("format") or told.get("type") or "unknown"),
                nullable=column not in required,
                has_default="default" in told,
            )
            for column, told in properties.items()
        ],
        primary_key=[column for column, note in notes.items() if "<pk/>" in note],
        foreign_keys=[
            ForeignKey(columns=[column], referenced_table=found[1], referenced_columns=[found[2]])
            for column, note in notes.items()
            if (found := _FOREIGN_KEY.search(note))
        ],
        row_estimate=None,
        row_level_security=None,
    )
