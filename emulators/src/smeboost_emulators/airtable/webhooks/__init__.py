"""Webhooks: what changed in a base, told to those who asked."""
