"""`python -m smeboost_emulators.samples superstore|flights OUT.json`: write a sample as an Airtable seed."""

import sys
from pathlib import Path

import msgspec

from smeboost_emulators.samples import flights, superstore

SAMPLES = {"superstore": superstore.seed, "flights": flights.seed}


def main(argv: list[str]) -> int:
    """Write the sample that the first argument names to the file that the second names."""
    if len(argv) != 2 or argv[0] not in SAMPLES:
        sys.stderr.write(f"usage: python -m smeboost_emulators.samples {'|'.join(SAMPLES)} OUT.json\n")
        return 2
    Path(argv[1]).write_bytes(msgspec.json.encode(SAMPLES[argv[0]]()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
