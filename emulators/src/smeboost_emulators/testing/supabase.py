"""Fixtures for supabase."""
