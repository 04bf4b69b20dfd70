"""MCP server for Claude on Amazon Bedrock."""
