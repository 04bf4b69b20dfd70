"""`smeboost-bedrock`: the Bedrock server over stdio, or over HTTP with `--http`."""

import sys

from smeboost_shared.serving import serve

from smeboost_bedrock.server import create_server
from smeboost_bedrock.settings import BedrockSettings


def main() -> int:
    """Run the server; the exit status is returned."""
    return serve("smeboost-bedrock", BedrockSettings, create_server)


if __name__ == "__main__":
    sys.exit(main())
