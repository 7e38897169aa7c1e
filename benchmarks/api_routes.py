"""The ten most used routes of the API, as the product, its twin and their clients know them."""

import json
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

# Stands in a body for what is another thing each time.
MARK = "{mark}"
# What a client knows of who it is and what it may ask for.
KEY_HEADER = "X-API-Key"


@dataclass(frozen=True, slots=True)
class Route:
    """`targets` says of which rows the id in the path is one; none where there is no id."""

    name: str
    verb: str
    path: str
    targets: str = ""
    body: Json | None = None
    query: str = ""

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self.verb != "GET"

    def address(self, target: str) -> str:
        """Returns the path with the query of one request."""
        return self.path.format(id=target) + self.query

    def content(self, mark: str) -> bytes:
        """Returns the body of one request."""
        return json.dumps(self.body).replace(MARK, mark).encode() if self.body else b""


ONE_CONVERSATION, ONE_TICKET = "/api/v1/conversations/{id}", "/api/v1/tickets/{id}"
WORDS = "The parcel left our house this morning and will be at your door on Friday. ({mark})"
ROUTES = [
    Route("list 25 conversations", "GET", "/api/v1/conversations"),
    Route("read a conversation", "GET", ONE_CONVERSATION, "conversations"),
    Route("list 50 of its messages", "GET", f"{ONE_CONVERSATION}/messages", "long", query="?limit=50"),
    Route("write a message", "POST", f"{ONE_CONVERSATION}/messages", "written", {"text": WORDS}),
    Route("list 25 messages", "GET", "/api/v1/messages"),
    Route("list 25 campaigns", "GET", "/api/v1/campaigns"),
    Route("list 25 tickets", "GET", "/api/v1/tickets"),
    Route("read a ticket", "GET", ONE_TICKET, "tickets"),
    Route("create a ticket", "POST", "/api/v1/tickets", "", {"subject": "Late", "description": WORDS}),
    Route("change a ticket", "PATCH", ONE_TICKET, "changed", {"subject": "Later ({mark})"}),
]
