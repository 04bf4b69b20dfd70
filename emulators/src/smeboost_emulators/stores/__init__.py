"""Embedded PostgreSQL and Valkey: real servers from wheels, started and stopped by us."""
