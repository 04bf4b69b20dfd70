"""SQL that changes the database, with the rights of SUPABASE_DB_URL's log-in.

Rules of this room:

- All statements of a text run in one transaction, each by itself over the extended protocol, so that a text means what
  it was cut into. A statement that would end the transaction is refused before anything runs.
- What fails changes nothing; only a commit without an answer has an unknown outcome.
"""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from pydantic import JsonValue
from pydantic_core import to_jsonable_python
from smeboost_shared.errors import FieldProblem, InvalidInput, OutcomeUnknown
from smeboost_shared.statements import controls_transaction, split_statements

from smeboost_supabase.database import Connection, Database
from smeboost_supabase.database_errors import DATABASE_FAULTS, statement_error
from smeboost_supabase.models import SqlOutcome

STATEMENTS_MAX = 500


def statements_of(text: str) -> list[str]:
    """The statements of `text`.

    Raises:
        InvalidInput: there is none, there are too many, or one controls the transaction.
    """
    statements = split_statements(text)
    if not 1 <= len(statements) <= STATEMENTS_MAX:
        said = f"holds {len(statements)} statements; there must be 1 to {STATEMENTS_MAX}"
        raise InvalidInput("There is nothing to run.", errors=[FieldProblem(field="sql", message=said)])
    for statement in statements:
        if controls_transaction(statement):
            said = f"uses {statement.split()[0]}; all of it runs in one transaction anyway"
            raise InvalidInput(
                "A statement would end the transaction.", errors=[FieldProblem(field="sql", message=said)]
            )
    return statements


async def execute(database: Database, text: str, *, rows_max: int) -> SqlOutcome:
    """Run `text` in one transaction; the rows of its last statement are given, `rows_max` at most.

    Raises:
        InvalidInput, NotPermitted, Conflict: the database refuses a statement; nothing was changed.
        OutcomeUnknown: the connection ended while the change was being kept.
        Misconfigured, VendorTimeout, VendorUnavailable: as `Database.ask` does.
    """
    statements = statements_of(text)
    results: list[str] = []
    rows: list[dict[str, JsonValue]] = []
    async with database.changing() as connection:
        for statement in statements:
            cursor = await run_one(connection, statement)
            results.append(cursor.statusmessage or "")
            rows = _jsonable(await cursor.fetchmany(rows_max)) if cursor.description else []
    return SqlOutcome(done=True, results=results, rows=rows)


async def run_one(connection: Connection, statement: str) -> psycopg.AsyncCursor[dict[str, Any]]:
    """Run one statement; its error says which it was.

    Raises:
        InvalidInput, NotPermitted, Conflict, VendorTimeout, VendorUnavailable: as the database says.
        OutcomeUnknown: it ended the transaction.
    """
    cursor = connection.cursor(row_factory=dict_row)
    try:
        # A binary answer means the extended protocol, which takes one statement and no second one behind it.
        await cursor.execute(statement.encode(), binary=True)
    except DATABASE_FAULTS as exc:
        raise statement_error(exc, statement) from None
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise OutcomeUnknown("A statement ended the transaction; look at what is there.")
    return cursor


def _jsonable(rows: list[dict[str, Any]]) -> list[dict[str, JsonValue]]:
    return to_jsonable_python(rows, bytes_mode="base64", inf_nan_mode="strings", fallback=str)
