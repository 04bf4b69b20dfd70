"""Attachments: uploads, files fetched from given URLs, and addresses that end after two hours."""
