"""`smeboost demo`: the whole product on this machine, as separate processes that one supervisor keeps running.

Order: the stores; what the database needs; the emulators; people; the gateway and the worker. Things that do not need
each other start together. The first signal stops everything in order, the second one at once.
"""

import asyncio
import signal
from collections.abc import Coroutine, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import psycopg
from rich.console import Console
from smeboost_emulators.stores.postgres import prepare_postgres
from smeboost_emulators.stores.process import private_folder, run, write_private
from smeboost_emulators.stores.valkey import prepare_valkey
from smeboost_emulators.supabase.bootstrap import bootstrap
from smeboost_shared.errors import Misconfigured, SmeBoostError, StoreUnavailable
from smeboost_shared.settings import load
from smeboost_supabase.logins import Logins
from smeboost_supabase.settings import SupabaseSettings
from smeboost_sync.job_queue import install_queue

from smeboost_cli.datafolder import DEFAULT_FOLDER, Ports, Secrets, data_folder, say_who
from smeboost_cli.house import House
from smeboost_cli.migrations import apply_migrations, default_folder
from smeboost_cli.people import add_people
from smeboost_cli.probes import answers_200
from smeboost_cli.progress import Progress
from smeboost_cli.scale import Scale
from smeboost_cli.startscreen import print_start_screen
from smeboost_cli.supervisor import Child, Supervisor

SAMPLES: dict[Scale, tuple[str, ...]] = {"small": ("superstore",), "large": ("superstore", "flights")}
SAMPLE_TIMEOUT_SECONDS = 300.0
ALL_READY_TIMEOUT_SECONDS = 30.0
ALL_READY_POLL_SECONDS = 0.1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Options:
    """What the operator asked for; None chooses for them."""

    port: int | None = None
    data_dir: Path | None = None
    ready_file: Path | None = None
    scale: Scale = "small"


def demo(options: Options, console: Console) -> int:
    """Run the demo until a signal ends it; the exit status is returned."""
    progress = Progress(console)
    try:
        with ExitStack() as held:
            folder = held.enter_context(data_folder(options.data_dir))
            asyncio.run(_demo(folder, options, progress, console, held))
    except (SmeBoostError, OSError, BaseExceptionGroup) as raised:
        for failure in _failures(raised):
            console.print(f"smeboost demo: {failure}", soft_wrap=True, markup=False, highlight=False)
        return 1
    return 0


async def _demo(folder: Path, options: Options, progress: Progress, console: Console, held: ExitStack) -> None:
    """Start everything, then wait for a signal; leaving stops everything."""
    progress.say(f"SME Boost demo in {folder}")
    if options.data_dir is None and folder.name != DEFAULT_FOLDER:
        progress.say(f"(A demo runs in {DEFAULT_FOLDER} already; this is another one, with data of its own.)")
    if options.ready_file:
        _clear(options.ready_file)
    supervisor = Supervisor(private_folder(folder / "logs"), tell=progress.say)
    with _signals(supervisor, progress) as stopping:
        async with supervisor:
            house = await _unless(stopping, _bring_up(folder, options, held, supervisor, progress))
            if house is not None:
                _announce(house, options, supervisor)
                print_start_screen(console, house, supervisor.pids)
                await stopping.wait()
        progress.say("Everything is stopped.")
    if options.ready_file:
        options.ready_file.unlink(missing_ok=True)


def _clear(ready_file: Path) -> None:
    """Remove what a killed demo left: somebody may be waiting for ours. Fails now rather than when all runs."""
    if not ready_file.absolute().parent.is_dir():
        raise Misconfigured(f"There is no folder for the ready file {ready_file}.")
    try:
        ready_file.unlink(missing_ok=True)
    except OSError as exc:
        raise Misconfigured(f"Cannot write the ready file {ready_file}: {exc.strerror}.") from None


def _announce(house: House, options: Options, supervisor: Supervisor) -> None:
    """Write the ready file, now and whenever a child got a new pid."""
    file = options.ready_file
    if file is None:
        return

    def write() -> None:
        try:
            house.ready(supervisor.pids).write(file)
        except OSError as exc:
            raise Misconfigured(f"Cannot write the ready file {file}: {exc.strerror}.") from None

    supervisor.on_restart = write
    write()


async def _prepare(folder: Path, options: Options, held: ExitStack) -> House:
    ports = Ports(folder, held)
    gateway_port = ports.gateway(options.port)
    house = House(
        folder=folder,
        scale=options.scale,
        secrets=Secrets.of(folder),
        postgres=await prepare_postgres(folder / "postgres", port=ports.internal("postgres")),
        valkey=prepare_valkey(folder / "redis", port=ports.internal("redis")),
        gateway_port=gateway_port,
        airtable_port=ports.internal("airtable"),
        supabase_port=ports.internal("supabase"),
        bedrock_port=ports.internal("bedrock"),
    )
    write_private(house.token_file, house.secrets.airtable_token)
    return house


async def _bring_up(
    folder: Path, options: Options, held: ExitStack, supervisor: Supervisor, progress: Progress
) -> House:
    house = await _prepare(folder, options, held)
    say_who(folder, house.gateway_url)
    async with asyncio.TaskGroup() as group:
        group.create_task(_start_database(house, supervisor, progress))
        group.create_task(_start_airtable(house, supervisor, progress))
        for title, child in (("Valkey", house.valkey_child()), ("Bedrock emulator", house.bedrock_child())):
            group.create_task(_start(title, child, supervisor, progress))
    with progress.step("Gateway and worker"):
        await supervisor.start(house.worker_child())
        await supervisor.start(house.gateway_child())
        await _until_all_ready(house)
    return house


async def _start(title: str, child: Child, supervisor: Supervisor, progress: Progress) -> None:
    with progress.step(title):
        await supervisor.start(child)


async def _start_database(house: House, supervisor: Supervisor, progress: Progress) -> None:
    await _start("PostgreSQL", house.postgres_child(), supervisor, progress)
    with progress.step("Migrations"):
        try:
            await bootstrap(house.postgres.url)
        except psycopg.Error as exc:
            raise StoreUnavailable(f"PostgreSQL cannot be made ready for Supabase's schema: {exc}") from exc
        await apply_migrations(house.postgres.url, default_folder())
        await install_queue(house.postgres.url)
        # The gateway's own log-in may make no roles; it finds these by the password that all log-ins share.
        await Logins(load(SupabaseSettings, url="", key="", db_url=house.postgres.url, read_db_url=None)).prepare()
    await _start("Supabase backend", house.supabase_child(), supervisor, progress)
    with progress.step("People"):
        await add_people(
            house.people,
            database_url=house.postgres.url,
            supabase_url=house.supabase_url,
            service_key=house.secrets.supabase_service_key,
        )


async def _start_airtable(house: House, supervisor: Supervisor, progress: Progress) -> None:
    if not house.seed.exists():
        with progress.step("Sample data"):
            await _write_seed(house)
    await _start("Airtable emulator", house.airtable_child(), supervisor, progress)


async def _write_seed(house: House) -> None:
    """Write the samples of this scale as one seed: their bases after each other."""
    bases: list[msgspec.Raw] = []
    for sample in SAMPLES[house.scale]:
        part = house.seed.with_suffix(f".{sample}")
        await run(house.sample_command(sample, part), timeout_seconds=SAMPLE_TIMEOUT_SECONDS)
        bases += msgspec.json.decode(part.read_bytes(), type=dict[str, list[msgspec.Raw]])["bases"]
        part.unlink()
    draft = house.seed.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode({"bases": bases}))
    draft.replace(house.seed)


async def _until_all_ready(house: House) -> None:
    ready = answers_200(house.gateway_port, "/readyz")
    try:
        async with asyncio.timeout(ALL_READY_TIMEOUT_SECONDS):
            while not await ready():  # noqa: ASYNC110  # another process's state sets no event here
                await asyncio.sleep(ALL_READY_POLL_SECONDS)
    except TimeoutError:
        raise StoreUnavailable(
            f"The gateway runs, but not everything behind it answers; {house.logs / 'gateway.log'} says what."
        ) from None


async def _unless(stopping: asyncio.Event, work: Coroutine[None, None, House]) -> House | None:
    """Do the work unless we are told to stop first; then it is None."""
    task = asyncio.create_task(work)
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        return await task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None


@contextmanager
def _signals(supervisor: Supervisor, progress: Progress) -> Generator[asyncio.Event]:
    """The event that the first signal sets; the second one makes the children end at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            supervisor.abort()
            return
        stopping.set()
        progress.say("Stopping; once more to kill.")

    # nohup asks us not to mind the end of the terminal.
    numbers = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _failures(raised: BaseException) -> list[SmeBoostError | OSError]:
    """The errors in a group; what starts together is given up together, so most often it is one."""
    if isinstance(raised, SmeBoostError | OSError):  # of the latter: a full disk, a folder that may not be written
        return [raised]
    if not isinstance(raised, BaseExceptionGroup):
        raise raised
    parts = cast(tuple[BaseException, ...], raised.exceptions)
    return [failure for part in parts for failure in _failures(part)]
