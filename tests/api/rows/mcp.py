"""The MCP server: one address; who may call which tool is in tests/api/mcp."""

from tests.api.rows import Row

ROWS = {
    ("mcp", "post"): Row(
        foreign=200, reads=True, body={"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    )
}
