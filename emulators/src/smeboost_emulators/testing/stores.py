"""Fixtures for stores."""
