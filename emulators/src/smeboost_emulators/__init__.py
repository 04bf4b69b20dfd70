"""Local Airtable, Supabase and Bedrock, and embedded Postgres and Valkey."""
