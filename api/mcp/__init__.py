"""The helpdesk as an MCP server: what a program may do here, offered to a model as tools.

https://modelcontextprotocol.io/specification (streamable HTTP, stateless, JSON answers only)
"""
