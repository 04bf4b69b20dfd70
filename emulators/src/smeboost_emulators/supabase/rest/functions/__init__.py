"""Calls of functions (`/rpc`): which function is meant, its statement, its answer."""
