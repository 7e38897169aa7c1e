"""Writes of the API's own: webhooks, and what they are told."""
