"""`smeboost-emulators airtable`: the Airtable stand-in as a process."""

import argparse
import gc
import sys
from pathlib import Path

from smeboost_shared.logs import configure_logs

from smeboost_emulators.airtable.app import create_app
from smeboost_emulators.airtable.emulator import Emulator, EmulatorOptions
from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.state.store import Store
from smeboost_emulators.listening import AnnouncingServer, bind, url_of


def main(argv: list[str]) -> int:
    """Run until a signal; the exit status is 2 when the options or the seed are wrong."""
    arguments = _parser().parse_args(argv)
    configure_logs(level="WARNING")
    try:
        emulator = open_emulator(_options(arguments), arguments.seed, arguments.data)
        listener = bind(arguments.host, arguments.port)
    except (SeedError, OSError) as exc:
        _say(f"smeboost-emulators airtable: {exc}")
        return 2
    server = AnnouncingServer(create_app(emulator), lambda: _say(f"listening on {url_of(listener)}"))
    server.run(sockets=[listener])
    return 0


def open_emulator(options: EmulatorOptions, seed: Path | None, data: Path | None) -> Emulator:
    """An emulator with what its data directory holds, or else with the seed.

    Raises:
        SeedError: the seed is not valid or the directory cannot be used.
        OSError: a file cannot be read.
    """
    emulator = Emulator(options)
    # Loading makes millions of long-lived objects and no garbage; looking for some would double the time.
    gc.disable()
    try:
        if data is not None:
            emulator.store = Store(data, options.journal_rows_max)
            emulator.state = emulator.store.load()
        if seed is not None and not emulator.state.bases:
            emulator.add_seed(seed.read_bytes())
    finally:
        gc.freeze()
        gc.enable()
    return emulator


def _tokens_in(file: Path | None) -> frozenset[str]:
    return frozenset(file.read_text(encoding="utf-8").split()) if file else frozenset()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _options(arguments: argparse.Namespace) -> EmulatorOptions:
    limited = not arguments.no_rate_limit
    return EmulatorOptions(
        tokens=frozenset(arguments.token) | _tokens_in(arguments.token_file),
        rate_limit=arguments.rate_limit if limited else None,
        token_rate_limit=arguments.token_rate_limit if limited else None,
        penalty_seconds=arguments.penalty_seconds,
        retry_after=not arguments.no_retry_after,
        iterator_seconds=arguments.iterator_seconds,
        body_bytes_max=arguments.body_bytes_max,
        unknown_record_status=arguments.unknown_record_status,
    )


def _parser() -> argparse.ArgumentParser:
    standard = EmulatorOptions()
    parser = argparse.ArgumentParser(
        prog="smeboost-emulators airtable",
        description="A local stand-in for the Airtable Web API.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=0, help="port to listen on; 0 takes any that is free")
    add("--seed", type=Path, metavar="FILE", help="JSON with the bases to begin with")
    add("--data", type=Path, metavar="DIR", help="keep all changes here; the seed is then applied only once")
    add("--token", action="append", default=[], help="a token to accept; repeatable; any token when none is given")
    add(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="tokens to accept, one a line: unseen by other users, unlike --token",
    )
    add("--rate-limit", type=_positive, default=standard.rate_limit, help="requests per second to one base")
    add("--token-rate-limit", type=_positive, default=standard.token_rate_limit, help="requests per second by token")
    add("--penalty-seconds", type=float, default=standard.penalty_seconds, help="lock-out after breaking a limit")
    add("--no-retry-after", action="store_true", help="send a 429 without Retry-After, as the vendor documents it")
    add("--no-rate-limit", action="store_true", help="no request limits at all")
    add("--iterator-seconds", type=float, default=standard.iterator_seconds, help="life of an unused list offset")
    add("--body-bytes-max", type=_positive, default=standard.body_bytes_max, help="largest request body")
    add(
        "--unknown-record-status",
        type=int,
        choices=(403, 404),
        default=standard.unknown_record_status,
        help="answer for a record id that never existed",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number
