"""Comments of records."""
