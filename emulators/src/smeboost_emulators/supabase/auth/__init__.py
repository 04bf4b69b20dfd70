"""The /auth/v1 part: what GoTrue answers."""
