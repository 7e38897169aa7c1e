"""Shapes that more than one door shows: answers of the API, streams, calls of webhooks."""
