"""MCP server for Supabase: sign-in, tables and rows."""
