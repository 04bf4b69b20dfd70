"""`smeboost-redis`: the Redis MCP server over stdio, or over HTTP with `--http`."""

import sys

from smeboost_shared.serving import serve

from smeboost_redis.server import create_server
from smeboost_redis.settings import RedisSettings


def main() -> int:
    """Run the server; the exit status is returned."""
    return serve("smeboost-redis", RedisSettings, create_server)


if __name__ == "__main__":
    sys.exit(main())
