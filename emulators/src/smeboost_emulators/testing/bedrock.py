"""Fixtures for bedrock."""
