"""Commands: serve, work."""
