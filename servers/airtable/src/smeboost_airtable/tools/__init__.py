"""One module a family of tools."""
