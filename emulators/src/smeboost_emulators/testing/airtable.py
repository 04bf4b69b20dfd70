"""Fixtures for airtable."""
