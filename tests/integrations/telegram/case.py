"""Telegram in the contract of all adapters."""

from pathlib import Path

from conversations.exchange import Webhook
from tests.fakes.telegram import TOKEN, Telegram
from tests.integrations.contract import Case

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "telegram"
SECRET = "a-secret-of-nobody-0123456789"
HEADER = "x-telegram-bot-api-secret-token"
UPDATES = {path.stem: path.read_bytes() for path in sorted(FIXTURES.glob("*.json"))}


def config(url: str) -> dict[str, str]:
    return {"bot_token": TOKEN, "secret_token": SECRET, "api_url": url}


def webhook(body: bytes, secret: str = SECRET) -> Webhook:
    return Webhook("POST", "https://desk.example/hooks/x", {}, {HEADER: secret}, body)


CASE = Case(
    config=config,
    genuine=tuple(map(webhook, UPDATES.values())),
    credentials=(HEADER,),
    to="555000111",
    simulator=Telegram,
    # The secret proves who calls, not what is said.
    signs_body=False,
    options={"hook": "http://127.0.0.1:9/hooks/x", "secret": SECRET},
)
