"""Reading and writing records: `/v0/{base}/{table}`."""
