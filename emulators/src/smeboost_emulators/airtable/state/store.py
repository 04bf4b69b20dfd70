"""Durable state in one SQLite file: a snapshot of each base, and a journal of the changes since.

A request's changes are one row of the journal, written in one transaction before the request is answered: a killed
process loses nothing that was acknowledged (write-ahead logging with `synchronous=NORMAL`; a power cut may lose the
last moments). Opening reads the snapshot and applies the journal; a long journal is then folded into a new snapshot.
A snapshot holds each column as one blob, so hundreds of thousands of records are read in seconds.
"""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from smeboost_shared.logs import get_logger

from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.state.changes import Change, apply
from smeboost_emulators.airtable.state.schema import State
from smeboost_emulators.airtable.state.snapshot import state_from_parts, state_to_parts

log = get_logger("airtable-emulator")
FILE_NAME = "airtable.sqlite3"
FORMAT = "2"
JOURNAL_ROWS_MAX = 20_000
"""Requests in the journal after which the whole state is written anew."""

_SCHEMA = """
create table if not exists setting(name text primary key, value text not null);
create table if not exists part(base_id text not null, name text not null, content blob not null,
    primary key (base_id, name));
create table if not exists journal(sequence integer primary key autoincrement, changes blob not null);
"""


class Store:
    """The data directory of one emulator; only one process can have it open."""

    def __init__(self, folder: Path, journal_rows_max: int = JOURNAL_ROWS_MAX) -> None:
        """Open or create the directory; a journal longer than `journal_rows_max` requests becomes a snapshot.

        Raises:
            SeedError: another process has it open, or it is not one of ours.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE_NAME
        self._database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=1.0)
        self._encoder = msgspec.msgpack.Encoder()
        self._rows = 0
        self._rows_max = journal_rows_max
        try:
            self._prepare()
        except sqlite3.Error as exc:
            self._database.close()
            raise SeedError(f"the data directory {folder} cannot be used: {exc}") from None

    def _prepare(self) -> None:
        # The lock is the process's own: a kill releases it.
        self._database.execute("pragma locking_mode=exclusive")
        self._database.execute("pragma journal_mode=wal")
        self._database.execute("pragma synchronous=normal")
        self._database.executescript(_SCHEMA)
        self._database.execute("insert or ignore into setting values ('format', ?)", (FORMAT,))
        (form,) = self._database.execute("select value from setting where name = 'format'").fetchone()
        if form != FORMAT:
            raise sqlite3.DatabaseError(
                f"it has format {form}, this version reads {FORMAT}; begin anew in another directory"
            )

    def load(self) -> State:
        """The state as it was after the last acknowledged request."""
        self._rows = 0
        state = state_from_parts(self._database.execute("select base_id, name, content from part order by rowid"))
        decoder = msgspec.msgpack.Decoder(list[Change])
        for (changes,) in self._database.execute("select changes from journal order by sequence"):
            self._rows += 1
            for change in decoder.decode(changes):
                apply(state, change)
        if self.is_full:
            self.fold(state)
        return state

    def append(self, changes: Sequence[Change]) -> None:
        """Store the changes of one request; when this returns they survive the process."""
        self._database.execute("insert into journal(changes) values (?)", (self._encoder.encode(changes),))
        self._rows += 1

    @contextmanager
    def together(self) -> Generator[None]:
        """What is appended within is stored as a whole at the end, or not at all.

        Raises:
            sqlite3.Error: it could not be stored.
        """
        self._database.execute("begin immediate")
        try:
            yield
            self._database.execute("commit")
        except BaseException:
            self._database.execute("rollback")
            raise

    @property
    def is_full(self) -> bool:
        """Whether the journal is long enough to be folded into a snapshot."""
        return self._rows > self._rows_max

    def fold(self, state: State) -> None:
        """Replace the journal by a snapshot; when there is no room for one the journal goes on growing for a while."""
        try:
            self.save(state)
        except sqlite3.Error as exc:
            self._rows = 0
            log.warning("snapshot_failed", error=str(exc))

    def save(self, state: State) -> None:
        """Write everything anew and start an empty journal, in one transaction."""
        database = self._database
        database.execute("begin immediate")
        try:
            database.execute("delete from part")
            database.executemany("insert into part values (?, ?, ?)", state_to_parts(state))
            database.execute("delete from journal")
            database.execute("commit")
        except BaseException:
            database.execute("rollback")
            raise
        self._rows = 0

    def close(self) -> None:
        """Release the directory; closing twice is allowed."""
        self._database.close()
