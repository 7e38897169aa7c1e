"""A simulated Messenger: echoes return metadata, receipts name messages and times."""

import time
from collections.abc import Mapping
from typing import Any

from tests.fakes.meta import APP, Graph, too_many_buttons
from tests.fakes.provider import Json

PAGE = "106839461122334"


class Messenger(Graph):
    """Messenger for one page."""

    name = "messenger"
    kind = "page"
    account = PAGE
    nodes = (PAGE,)

    def mid(self) -> str:
        self.count += 1
        return f"m_{self.random.getrandbits(96):024x}-{self.count}"

    def who(self) -> Json:
        return {"id": PAGE, "name": "Loja da Ana"}

    def wrong(self, message: Mapping[str, Any]) -> str:
        if len(message.get("text", "")) > 2000:
            return "Length of param message[text] must be less than or equal to 2000"
        return too_many_buttons(message)

    def told_back(self, row: Json, to: str) -> list[Json]:
        now = int(time.time() * 1000) + 1
        echo = {**row, "is_echo": True, "app_id": int(APP)}
        return [
            self.event(PAGE, to, message=echo),
            self.event(to, PAGE, delivery={"mids": [row["mid"]], "watermark": now}),
            self.event(to, PAGE, read={"watermark": now}),
        ]


if __name__ == "__main__":
    Messenger.main()
