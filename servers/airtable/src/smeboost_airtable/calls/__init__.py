"""Airtable's operations beside records, as typed calls on a client: one module for a family of its documentation."""
