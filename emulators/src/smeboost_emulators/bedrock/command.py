"""`smeboost-emulators bedrock --host --port`: run the emulated Bedrock until SIGINT or SIGTERM."""

import argparse
import sys

from smeboost_emulators.bedrock.app import create_app
from smeboost_emulators.listening import AnnouncingServer, bind, url_of


def main(argv: list[str] | None = None) -> int:
    """Run the emulator; the exit status is returned."""
    parser = argparse.ArgumentParser(prog="smeboost-emulators bedrock", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: 0, any free one)")
    options = parser.parse_args(argv)
    try:
        listener = bind(options.host, options.port)
    except (OSError, OverflowError) as exc:
        sys.stderr.write(f"smeboost-emulators bedrock: cannot listen on {options.host}:{options.port}: {exc}\n")
        return 2

    def announce() -> None:
        sys.stderr.write(f"listening on {url_of(listener)}\n")
        sys.stderr.flush()

    with listener:
        AnnouncingServer(create_app(), announce).run(sockets=[listener])
    return 0
