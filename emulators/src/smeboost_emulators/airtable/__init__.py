"""A local Airtable: the Web API over HTTP, with the vendor's error bodies and limits."""
