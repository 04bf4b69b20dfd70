"""The operator's command: demo, serve, worker, migrate."""
