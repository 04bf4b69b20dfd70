"""Supabase Storage: buckets and objects in PostgreSQL, their bytes in files."""
