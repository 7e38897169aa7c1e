"""The chat widget and its full-page twin: socket, SSE and POST, visitor tokens, signed identities."""
