"""`smeboost-airtable`: the Airtable MCP server over stdio, or over HTTP with `--http`."""

import sys

from smeboost_shared.serving import serve

from smeboost_airtable.server import create_server
from smeboost_airtable.settings import AirtableSettings


def main() -> int:
    """Run the server; the exit status is returned."""
    return serve("smeboost-airtable", AirtableSettings, create_server)


if __name__ == "__main__":
    sys.exit(main())
