"""What happens in a conversation; the ids and what grows are those of conversations."""

from tests.api.rows import Row

ROWS = {("api/v1/conversations/<uuid:conversation_id>/events", "get"): Row(lists=0)}
