"""`python -m smeboost_gateway --host --port`."""

import sys

from smeboost_gateway.serving import run

if __name__ == "__main__":
    sys.exit(run())
