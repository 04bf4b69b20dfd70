"""Tables that are filled by sending CSV: the Sync API."""
