"""MCP server for Redis and Valkey: keys, hashes, cache, sessions."""
