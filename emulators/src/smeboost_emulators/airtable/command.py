"""`smeboost-emulators airtable`: the Airtable stand-in as a process."""

import argparse
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smeboost_shared.logs import configure_logs

from smeboost_emulators.airtable.app import create_app
from smeboost_emulators.airtable.attachments.files import FileStore
from smeboost_emulators.airtable.attachments.keeper import Keeper
from smeboost_emulators.airtable.emulator import Emulator, EmulatorOptions
from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.knobs import KNOBS, KnobError, Knobs, description_of, read_knob
from smeboost_emulators.airtable.state.store import Store
from smeboost_emulators.airtable.tokens import read_tokens
from smeboost_emulators.listening import AnnouncingServer, bind, url_of


def main(argv: list[str]) -> int:
    """Run until a signal; the exit status is 2 when the options or the seed are wrong."""
    arguments = _parser().parse_args(argv)
    configure_logs(level="WARNING")
    try:
        emulator = open_emulator(_options(arguments), _knobs(arguments), arguments.seed, arguments.data)
        listener = bind(arguments.host, arguments.port)
    except (SeedError, OSError) as exc:
        _say(f"smeboost-emulators airtable: {exc}")
        return 2
    server = AnnouncingServer(create_app(emulator), lambda: _say(f"listening on {url_of(listener)}"))
    server.run(sockets=[listener])
    return 0


def open_emulator(options: EmulatorOptions, knobs: Knobs, seed: Path | None, data: Path | None) -> Emulator:
    """An emulator with what its data directory holds, or else with the seed.

    Raises:
        SeedError: the seed is not valid or the directory cannot be used.
        OSError: a file cannot be read.
    """
    emulator = Emulator(options, knobs)
    # Loading makes millions of long-lived objects and no garbage; looking for some would double the time.
    gc.disable()
    try:
        if data is not None:
            emulator.store = Store(data, options.journal_rows_max)
            emulator.adopt(emulator.store.load())
            emulator.keeper = Keeper(FileStore(data / "attachments"), emulator.clock.now)
            emulator.keeper.sweep(emulator.state)
        if seed is not None:
            emulator.seed = seed.read_bytes
            if not emulator.state.bases:
                emulator.add_seed(seed.read_bytes())
    finally:
        gc.freeze()
        gc.enable()
    return emulator


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _options(arguments: argparse.Namespace) -> EmulatorOptions:
    file: Path | None = arguments.token_file
    admin_file: Path | None = arguments.admin_token_file
    return EmulatorOptions(
        admin_token=_admin_token(admin_file) if admin_file else None,
        tokens=frozenset(arguments.token),
        owners=tuple(read_tokens(file.read_bytes())) if file else (),
        body_bytes_max=arguments.body_bytes_max,
    )


def _admin_token(file: Path) -> str:
    token = file.read_text(encoding="utf-8").strip()
    if not token or not token.isascii():
        raise SeedError(f"{file}: an admin token is not empty and ASCII")
    return token


def _knobs(arguments: argparse.Namespace) -> Knobs:
    given = {name: getattr(arguments, name) for name in KNOBS}
    if arguments.no_rate_limit:
        given |= {"rate_limit": None, "token_rate_limit": None}
    return Knobs(**given)


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
        help="tokens to accept, one a line, or JSON with owners and scopes: unseen by other users, unlike --token",
    )
    add(
        "--admin-token-file",
        type=Path,
        metavar="FILE",
        help="a token that the admin path /_emulator asks for; without one it answers clients of this machine only",
    )
    add("--body-bytes-max", type=_positive, default=standard.body_bytes_max, help="largest request body")
    add("--no-rate-limit", action="store_true", help="no request limits at all")
    knobs = parser.add_argument_group("knobs", "These can also be turned while it runs; `none` takes a limit away.")
    for name in KNOBS:
        knobs.add_argument(f"--{name.replace('_', '-')}", help=description_of(name), **_reading(name))
    return parser


def _reading(name: str) -> dict[str, Any]:
    standard = KNOBS[name].default
    if isinstance(standard, bool):
        return {"action": argparse.BooleanOptionalAction, "default": standard}
    return {"type": _knob_reader(name), "default": standard, "metavar": "VALUE"}


def _knob_reader(name: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        try:
            return read_knob(name, text, from_text=True)
        except KnobError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from None

    return read


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number
