"""Settings, URLs, ASGI, checks and the management entry: wiring only, no models."""
