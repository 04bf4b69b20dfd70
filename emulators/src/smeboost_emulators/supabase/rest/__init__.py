"""The /rest/v1 part: what PostgREST answers."""
