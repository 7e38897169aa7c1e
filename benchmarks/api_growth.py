"""The API's lists over 10,000 messages and over 1,000,000, asked in turns."""

import contextlib
import json
from typing import Any

from benchmarks.api import Line
from benchmarks.api_routes import KEY_HEADER
from benchmarks.processes import Home
from benchmarks.report import Figure, percentile, slower_by

Json = dict[str, Any]
# Ten messages each.
FEW, MANY = 1_000, 100_000
EACH = 40
CALLERS = {"all": "a key for all teams", "one": "a key for one team", "operator": "an operator of one team"}
LISTS = {
    "newest messages": "messages",
    "messages of a conversation": "messages?conversation={conversation}",
    "messages of an inbox": "messages?inbox={inbox}",
    "messages of the AI agent": "messages?author=agent",
    "notes": "messages?direction=note",
    "newest conversations": "conversations",
    "oldest conversations": "conversations?ordering=created_at",
    "open conversations of a team": "conversations?team=team-1&status=open",
    "conversations of an inbox": "conversations?inbox={inbox}",
    "newest tickets": "tickets",
    "open tickets": "tickets?status=open",
    "tickets of a team": "tickets?team=team-1",
}


class Asker:
    """One caller of one server, with a list to ask for."""

    def __init__(self, line: Line, path: str) -> None:
        self.line, self.path = line, path
        self.taken: list[float] = []

    async def ask(self) -> None:
        """Asks once."""
        self.taken.append(await self.line.ask("GET", self.path))

    @property
    def p50(self) -> float:
        """Milliseconds, without the first calls."""
        return percentile(self.taken[5:], 0.5) * 1000


async def growth(_home: Home, _known: Json) -> list[Figure]:
    """Lists of 25 over 1,000,000 messages, 100,000 conversations and tickets beside a hundredth of them."""
    found = []
    with contextlib.ExitStack() as stack:
        sizes = []
        for conversations in (FEW, MANY):
            home = stack.enter_context(Home())
            text = home.prepared(
                "benchmarks.api_data", "--conversations", str(conversations), "--without-events"
            )
            server = stack.enter_context(home.server("--no-worker", API_REQUESTS_PER_MINUTE="1000000000"))
            sizes.append((server.port, json.loads(text)))
        for caller, who in CALLERS.items():
            lines = [await Line.open(port, _headers(caller, known)) for port, known in sizes]
            for name, path in LISTS.items():
                askers = [
                    Asker(line, "/api/v1/" + path.format(conversation=known["own"][0], inbox=known["inbox"]))
                    for line, (_, known) in zip(lines, sizes, strict=True)
                ]
                found.append(await _asked(askers, f"{name}, {who}, p50"))
            for line in lines:
                line.writer.close()
    return found


async def _asked(askers: list[Asker], name: str) -> Figure:
    for _ in range(EACH):
        for asker in askers:
            await asker.ask()
    few, many = askers
    return slower_by(2, name, many.p50, "ms", ceiling=few.p50, beside="a hundredth of the rows")


def _headers(caller: str, known: Json) -> Json:
    secret = known["callers"][caller]
    return {"Cookie": f"sessionid={secret}"} if caller == "operator" else {KEY_HEADER: secret}
