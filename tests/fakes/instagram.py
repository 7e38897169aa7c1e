"""A simulated Instagram: long ids, echoes without metadata, a message that is read is named."""

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from tests.fakes.meta import Graph, error, too_many_buttons
from tests.fakes.provider import Json

ACCOUNT = "17841405309211844"


class Instagram(Graph):
    """Instagram Login's API for one account."""

    name = "instagram"
    kind = "instagram"
    account = ACCOUNT
    nodes: ClassVar[tuple[str, ...]] = (ACCOUNT,)
    has_proof = False

    def mid(self) -> str:
        self.count += 1
        item = f"{self.random.getrandbits(96)}:{self.count}"
        inner = f"ig_dm:item:1:IGMessageID:{ACCOUNT}:340282366841710301:{item}"
        return base64.b64encode(inner.encode()).decode().rstrip("=") + "ZD"

    def who(self) -> Json:
        return {"user_id": ACCOUNT, "id": "8217366612345678", "username": "lojadaana"}

    def closed(self) -> web.Response:
        return error(10, "This message is sent outside of allowed window.", subcode=2534022, status=403)

    def wrong(self, message: Mapping[str, Any]) -> str:
        if len(message.get("text", "").encode()) > 1000:
            return "The message text must be UTF-8 and not longer than 1000 bytes"
        if "metadata" in message:
            return "metadata is not a parameter of Instagram"
        return too_many_buttons(message)

    def told_back(self, row: Json, to: str) -> list[Json]:
        return [
            self.event(ACCOUNT, to, message={**row, "is_echo": True}),
            self.event(to, ACCOUNT, read={"mid": row["mid"]}),
        ]


if __name__ == "__main__":
    Instagram.main()
