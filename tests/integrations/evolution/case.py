"""Evolution API under the contract of all adapters."""

from pathlib import Path
from typing import Any

from conversations.exchange import Parsed, Webhook
from integrations.evolution.adapter import EvolutionAdapter, EvolutionConfig
from tests.fakes.evolution import API_KEY, INSTANCE, Evolution
from tests.integrations.contract import Case

FIXTURES = Path(__file__).parents[2] / "fixtures/evolution"
SECRET = "s3cret-of-the-webhook-0123456789abcdef"
DAVI = "5511987654321@s.whatsapp.net"
LID = "103899771998284@lid"
GROUP = "120363041234567890@g.us"
NOWHERE = "http://127.0.0.1:9"


def config(url: str) -> dict[str, Any]:
    """Settings that work against the simulator."""
    return {"base_url": url, "instance": INSTANCE, "api_key": API_KEY, "webhook_secret": SECRET}


def settings_of(url: str = NOWHERE, **more: Any) -> EvolutionConfig:
    return EvolutionConfig.model_validate({**config(url), **more})


def webhook(body: bytes, **headers: str) -> Webhook:
    return Webhook("POST", "https://desk.example/hooks/k", {}, headers or {"x-hook-secret": SECRET}, body)


def captured(name: str) -> Webhook:
    return webhook((FIXTURES / f"{name}.json").read_bytes())


def told(name: str, **settings: Any) -> list[Parsed]:
    """What a captured webhook tells."""
    return list(EvolutionAdapter().parse(captured(name), settings_of(**settings)))


CASE = Case(
    config=config,
    genuine=tuple(
        captured(name)
        for name in (
            "text",
            "batch",
            "image_base64",
            "edited",
            "deleted",
            "update_read",
            "connection_open",
            "qrcode",
        )
    ),
    credentials=("x-hook-secret",),
    to=DAVI,
    simulator=Evolution,
    # The server vouches for itself with a header; it signs nothing.
    signs_body=False,
    options={"secret": SECRET},
)
