"""Airtable's formula language: text to tree, tree to a function of a record."""
