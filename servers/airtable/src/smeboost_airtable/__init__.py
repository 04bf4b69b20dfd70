"""MCP server for the Airtable Web API."""
