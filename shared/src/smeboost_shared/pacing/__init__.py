"""Turns at a service that limits how often it may be asked, given out to one process or to many."""
