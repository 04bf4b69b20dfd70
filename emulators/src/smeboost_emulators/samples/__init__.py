"""Public sample data as Airtable seeds."""
