"""The Meta API: `/v0/meta`."""
