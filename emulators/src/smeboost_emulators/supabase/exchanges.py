"""Several statements to PostgreSQL in one message, and their results in one answer.

Rules of this room:

- What travels together costs one round trip and one turn of the event loop; psycopg's own pipeline comes back to the
  loop for each statement, begin and commit, which costs more than the statements do.
- Parameters are bound and sent as untyped text, as psycopg sends a `str`.
- The first error is the one that is raised; PostgreSQL has then run nothing that came after it.
- Who is interrupted leaves a connection in an unknown state, so it is closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.waiting import Wait

from smeboost_emulators.supabase.pools import Connection


@dataclass(frozen=True)
class Order:
    """A statement with its parameters, `$1` and so on."""

    statement: bytes
    values: Sequence[str | None] = ()


BEGIN, COMMIT, ROLLBACK = Order(b"begin"), Order(b"commit"), Order(b"rollback")


async def exchange(connection: Connection, orders: Sequence[Order]) -> list[list[str | None]]:
    """The first row that each statement gives, as PostgreSQL's text; an empty one where there is none.

    Raises:
        psycopg.Error: the first that PostgreSQL refuses, or the connection broke.
    """
    # A database without an encoding takes any bytes, and psycopg then sends UTF-8.
    pgconn, encoding = connection.pgconn, connection.info.encoding.replace("ascii", "utf-8")
    sendable = [(order.statement, [_sendable(value, encoding) for value in order.values]) for order in orders]
    async with connection.lock:
        try:
            results = await connection.wait(_travel(pgconn, sendable))
        except BaseException:
            pgconn.finish()
            raise
    for result in results:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise error_from_result(result, encoding)
    return [_first_row(result, encoding) for result in results]


def _first_row(result: pq.abc.PGresult, encoding: str) -> list[str | None]:
    values = [result.get_value(0, column) for column in range(result.nfields)] if result.ntuples else []
    return [None if value is None else value.decode(encoding) for value in values]


def _sendable(value: str | None, encoding: str) -> bytes | None:
    if value is not None and "\0" in value:
        # In a C string it would silently be the end.
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    try:
        return None if value is None else value.encode(encoding)
    except UnicodeEncodeError as exc:
        raise psycopg.DataError("the client encoding has not all characters of a value") from exc


def _travel(
    pgconn: pq.abc.PGconn, sendable: Sequence[tuple[bytes, Sequence[bytes | None]]]
) -> PQGen[list[pq.abc.PGresult]]:
    """Send all, then wait for all; psycopg waits for the socket whenever this asks for it."""
    pgconn.enter_pipeline_mode()
    for statement, values in sendable:
        pgconn.send_query_params(statement, values)
    pgconn.pipeline_sync()
    while pgconn.flush():
        # The server may have to get rid of something before it takes more. Reading when nothing is there does no harm.
        yield Wait.RW
        pgconn.consume_input()
    results: list[pq.abc.PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
            pgconn.exit_pipeline_mode()
            return results
        if result is not None:
            results.append(result)
        elif pgconn.status == pq.ConnStatus.BAD:
            # What the server said before it hung up, if anything, tells more.
            if results and results[-1].status == pq.ExecStatus.FATAL_ERROR:
                raise error_from_result(results[-1])
            raise psycopg.OperationalError("the connection is lost")
