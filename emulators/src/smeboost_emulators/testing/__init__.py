"""Pytest fixtures that run the emulators; shipped, so that users can test against them too."""
