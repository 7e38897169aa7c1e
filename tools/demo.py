"""Plays a conversation against a running server and prints every frame.

    make demo            the server on port 8000
    make demo PORT=8001

First the customer: a question that an article answers, one that none answers, a ticket. Then a person takes
over through the API, and the agent stays silent. Needs the demonstration data (`make run` loads it).
"""

import asyncio
import json
import re
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import websockets

ROOT = Path(__file__).resolve().parent.parent
Json = dict[str, Any]
LONGEST_LINE = 150
SILENCE_SECONDS = 5
ANSWER_SECONDS = 60


class Demo:
    """One customer on the socket, and an operator's key for the API."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.socket: Any = None
        self.token = ""

    def inbox_key(self) -> str:
        """Reads the inbox key off the demo page, where the widget's script tag carries it."""
        with urllib.request.urlopen(self.base, timeout=10) as answer:  # noqa: S310 (our own loopback address)
            found = re.search(r'data-inbox="([^"]+)"', answer.read().decode())
        if found is None:
            sys.exit("The demo page carries no widget; is the demonstration loaded?")
        return found[1]

    def api_key(self) -> str:
        """Makes a key for the operator's part of the demonstration."""
        command = [
            sys.executable,
            "manage.py",
            "create_api_key",
            "demo",
            "--scope",
            "read",
            "--scope",
            "write",
        ]
        made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return made.stdout.strip()

    def call(self, key: str, method: str, path: str, body: Json) -> Json:
        """Calls the API and returns its answer."""
        request = urllib.request.Request(  # noqa: S310 (our own loopback address)
            f"{self.base}/api/v1/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "X-API-Key": key},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            parsed: Json = json.loads(answer.read())
        return parsed

    async def next(self) -> Json:
        """Reads and prints one frame."""
        frame: Json = json.loads(await self.socket.recv())
        show("◀", frame)
        return frame

    async def tell(self, frame: Json) -> None:
        """Sends and prints one frame."""
        show("▶", frame)
        await self.socket.send(json.dumps(frame))

    async def ask(self, text: str, *kinds: str) -> Json:
        """Sends a message and reads until one of these authors has written."""
        await self.tell({"type": "send", "client_id": str(uuid.uuid4()), "text": text})
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                message: Json = (await self.next()).get("message") or {}
                if message.get("author", {}).get("kind") in kinds:
                    return message

    async def play(self) -> None:
        """Plays the three acts."""
        address = f"{self.base.replace('http', 'ws')}/ws/chat/"
        async with websockets.connect(address, origin=self.base) as self.socket:  # type: ignore[arg-type]
            await self.tell({"type": "hello", "v": 1, "inbox": self.inbox_key(), "locale": "pt-BR"})
            self.token = (await self.next())["token"]
            act("A question that an article answers")
            answer = await self.ask("qual o prazo de entrega?", "agent")
            told("Answer", answer["text"], answer["citations"])
            act("A question without an article, and a ticket")
            answer = await self.ask("vocês aceitam bitcoin para comprar ações da empresa?", "agent")
            told("Answer", answer["text"], [choice["label"] for choice in answer["choices"]])
            answer = await self.ask("Abrir um chamado", "agent")
            told("Ticket", answer["text"], "")
            act("A person takes over, the agent stays silent")
            await self.take_over()
            await self.ask("obrigado, ainda está aí?", "contact")
            await self.expect_silence()

    async def take_over(self) -> None:
        """An operator's answer takes the conversation from the agent."""
        await self.tell({"type": "hello", "v": 1, "inbox": self.inbox_key(), "token": self.token})
        conversation = ""
        while not conversation:
            frame = await self.next()
            conversation = frame.get("conversation") or "" if frame["type"] == "welcome" else ""
        key = await asyncio.to_thread(self.api_key)
        body = {"text": "Olá, aqui é uma pessoa. Já vi o seu chamado."}
        await asyncio.to_thread(self.call, key, "POST", f"conversations/{conversation}/messages", body)
        while (await self.next()).get("message", {}).get("author", {}).get("kind") != "operator":
            continue

    async def expect_silence(self) -> None:
        """Listens for a while; nothing of the agent may come."""
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                while True:
                    frame = await self.next()
                    if frame.get("message", {}).get("author", {}).get("kind") == "agent":
                        sys.exit("The agent spoke after a person had taken over.")
        except TimeoutError:
            print(f"\n  The agent was silent for {SILENCE_SECONDS} s. That was all.")


def show(arrow: str, frame: Json) -> None:
    """Prints a frame on one line."""
    line = json.dumps(frame, ensure_ascii=False)
    print(f"{arrow} {line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + ' …'}")


def act(title: str) -> None:
    """Prints a heading."""
    print(f"\n── {title}")


def told(name: str, text: str, more: object) -> None:
    """Prints what an act came to."""
    print(f"\n  {name}: {text}\n  {more}" if more else f"\n  {name}: {text}")


if __name__ == "__main__":
    try:
        asyncio.run(Demo(int(sys.argv[1]) if len(sys.argv) > 1 else 8000).play())
    except TimeoutError:
        sys.exit(f"Nothing came for {ANSWER_SECONDS} s.")
    except OSError as error:
        sys.exit(f"No server answers: {error}. Start one with `make run`.")
