"""One gate in front of the four servers: REST and MCP."""
