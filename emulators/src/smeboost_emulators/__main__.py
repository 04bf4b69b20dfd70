"""`smeboost-emulators airtable|supabase|bedrock ...`: run one emulator."""

import sys
from importlib import import_module

EMULATORS = ("airtable", "supabase", "bedrock")


def main(argv: list[str] | None = None) -> int:
    """Run the emulator that the first argument names; the rest is its own."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] not in EMULATORS:
        sys.stderr.write(f"usage: smeboost-emulators {'|'.join(EMULATORS)} [options]; NAME --help lists them\n")
        return 0 if arguments[:1] in (["--help"], ["-h"]) else 2
    # Only the named emulator is imported: each has heavy parts that the others do not need.
    return import_module(f"smeboost_emulators.{arguments[0]}.command").main(arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
