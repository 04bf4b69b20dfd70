"""A local Supabase backend: auth and REST on a real PostgreSQL."""
