"""Supabase Realtime: broadcast, presence and changes of tables, over WebSockets."""
