"""How the phone stands: what the server tells of it, asked or by itself.

The states are Baileys': open, connecting, close; the reasons its `DisconnectReason`.
Source: https://doc.evolution-api.com/v2/api-reference/instance-controller/connection-state
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from conversations.adapters import answer_json
from conversations.channels import InboxBroken, SendRefused
from conversations.enums import Light
from conversations.exchange import Check, Connection, Ignored, Parsed
from core.reasons import reason
from integrations.evolution import proof
from integrations.evolution.calls import ask
from integrations.evolution.fields import mapping, number, string

EVENTS = frozenset(
    {"connection.update", "qrcode.updated", "logout.instance", "remove.instance", "instance.delete"}
)
# What is listened to. Servers before 2.1 refuse names that they do not know; what they lack is optional.
NEEDED = (
    *("MESSAGES_UPSERT", "MESSAGES_UPDATE", "MESSAGES_DELETE", "SEND_MESSAGE"),
    *("CONNECTION_UPDATE", "QRCODE_UPDATED", "CALL"),
)
OPTIONAL = ("MESSAGES_EDITED",)
LIGHTS = {"open": Light.GREEN, "connecting": Light.YELLOW}
# Together no more than the 20 s that a connection may take. The server waits 2 s for a code to come.
SETUP_SECONDS, CODE_SECONDS = 3.5, 6.0
LOGGED_OUT, FORBIDDEN, REPLACED = 401, 403, 440
# Shown in the admin: nothing but a picture may be in it.
_PICTURE = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/=]+")


def read(event: str, data: Mapping[str, Any]) -> Iterator[Parsed]:
    """Yields how the endpoint stands according to an event of `EVENTS`."""
    if event == "qrcode.updated":
        check = scan(data)
    elif event == "connection.update":
        state = string(data.get("state"))
        if not state:
            yield Ignored("a connection without a state")
            return
        check = standing(state, number(data.get("statusReason")))
    else:
        check = Check(
            Light.RED, reason("The instance was removed or logged out on the server."), {"state": "close"}
        )
    yield Connection(check.light, check.detail, check.details)


def standing(state: str, cause: int = 0) -> Check:
    """Returns what a state means for people."""
    details = {"state": state, **({"reason": cause} if cause else {})}
    light = LIGHTS.get(state, Light.RED)
    if light == Light.GREEN:
        return Check(light, reason("Connected to WhatsApp."), details)
    if light == Light.YELLOW:
        return Check(light, reason("Connecting to WhatsApp. If this stays, scan the QR code."), details)
    reasons = {
        LOGGED_OUT: reason("The phone has logged this device out. Connect again and scan the QR code."),
        FORBIDDEN: reason("WhatsApp has blocked this number."),
        REPLACED: reason("Another program has taken over the connection."),
    }
    return Check(light, reasons.get(cause, reason("Not connected to WhatsApp.")), details)


def scan(data: Mapping[str, Any]) -> Check:
    """Returns a QR code to scan, as an event or an answer has it; without one, why there is none."""
    code = mapping(data.get("qrcode")) or data
    picture = string(code.get("base64"))
    if _PICTURE.fullmatch(picture) is None:
        picture = ""
    told = {"state": "connecting", "qr": picture, "pairing_code": string(code.get("pairingCode"))}
    if picture or told["pairing_code"]:
        return Check(Light.YELLOW, reason("Scan the QR code with WhatsApp: Settings, Linked devices."), told)
    detail = string(data.get("message"))[:300]
    detail = detail or reason("The server has no QR code yet. Connect again in a moment.")
    light = Light.RED if number(data.get("statusCode")) else Light.YELLOW
    return Check(light, detail, {"state": "connecting"})


def test(config: Any) -> Check:
    """Asks how the instance stands."""
    answer = answer_json(ask(config, "GET", "instance/connectionState", deadline=SETUP_SECONDS))
    instance = mapping(answer.get("instance")) or answer
    return standing(string(instance.get("state")) or string(instance.get("status")) or "close")


def connect(config: Any, *, url: str) -> Check:
    """Makes the instance if there is none, sets the webhook, and returns its state or its QR code.

    Done again it changes nothing but the webhook. Raises as `send`.
    """
    try:
        check = test(config)
    except InboxBroken as error:
        if error.provider_code != "404":
            raise
        _create(config)
        check = standing("close")
    _set_webhook(config, url)
    if check.light == Light.GREEN:
        return check
    answer = answer_json(ask(config, "GET", "instance/connect", deadline=CODE_SECONDS))
    state = string(mapping(answer.get("instance")).get("state"))
    return standing(state) if state == "open" else scan(answer)


def _create(config: Any) -> None:
    payload = {
        "instanceName": config.instance,
        "integration": "WHATSAPP-BAILEYS",
        # The code is asked for once the webhook is set; here the server would wait for it, often in vain.
        "qrcode": False,
        "groupsIgnore": not config.allow_groups,
    }
    ask(config, "POST", "instance/create", payload, named=False, deadline=SETUP_SECONDS)


def _set_webhook(config: Any, url: str) -> None:
    webhook: dict[str, Any] = {
        "enabled": True,
        "url": url,
        "headers": {proof.HEADER: config.webhook_secret.get_secret_value()},
        "byEvents": False,
        # Files are fetched when the message is safe; webhooks of many megabytes are none.
        "base64": False,
        "events": [*NEEDED, *OPTIONAL],
    }
    try:
        ask(config, "POST", "webhook/set", {"webhook": webhook}, deadline=SETUP_SECONDS)
    except SendRefused:
        known = {**webhook, "events": list(NEEDED)}
        ask(config, "POST", "webhook/set", {"webhook": known}, deadline=SETUP_SECONDS)
