"""What WhatsApp tells about the account, the number and the templates rather than about a conversation.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from conversations.enums import Light
from conversations.exchange import Connection, Ignored, Incoming, Sender
from core.reasons import reason
from integrations.whatsapp_cloud.graph import BROKEN, explained
from integrations.whatsapp_cloud.people import sender_of

Row = Mapping[str, Any]

ACCOUNT_LIGHTS = {
    "DISABLED_UPDATE": Light.RED,
    "ACCOUNT_DELETED": Light.RED,
    "ACCOUNT_OFFBOARDED": Light.RED,
    "PARTNER_REMOVED": Light.RED,
    "ACCOUNT_RESTRICTION": Light.YELLOW,
    "ACCOUNT_VIOLATION": Light.YELLOW,
    "ACCOUNT_RECONNECTED": Light.GREEN,
}
BANS = {"REINSTATE": Light.GREEN, "SCHEDULE_FOR_DISABLE": Light.YELLOW, "DISABLE": Light.RED}
QUALITY = {"FLAGGED": Light.YELLOW, "UNFLAGGED": Light.GREEN}


def alert(name: str, value: Row) -> Connection | Ignored:
    """Returns what a change outside the conversations means for the inbox."""
    if name == "account_update":
        return _account(value)
    if name == "phone_number_quality_update" and value.get("event") in QUALITY:
        text = reason("Meta's rating of the number: %s", value["event"])
        return Connection(QUALITY[value["event"]], text, dict(value))
    if name == "account_alerts":
        return _account_alert(value)
    if name == "message_template_status_update":
        template = f"{value.get('message_template_name')} ({value.get('message_template_language')})"
        return Ignored(f"template {template}: {value.get('event')}")
    return Ignored(f"{name or 'no field'}: {str(value.get('event') or '')[:100]}")


def _account(value: Row) -> Connection | Ignored:
    event = str(value.get("event") or "")
    ban = value.get("ban_info")
    state = str(ban.get("waba_ban_state") or "") if isinstance(ban, dict) else ""
    light = BANS.get(state) or ACCOUNT_LIGHTS.get(event)
    if light is None:
        return Ignored(f"account_update: {event}")
    text = reason("Meta about the account: %s", " ".join(filter(None, [event, state])))
    return Connection(light, text, dict(value))


def _account_alert(value: Row) -> Connection | Ignored:
    told = value.get("alert_info")
    # Older versions have the fields of `alert_info` beside the others.
    told = told if isinstance(told, dict) else value
    kind = str(told.get("alert_type") or "")
    if told.get("alert_severity") not in {"CRITICAL", "WARNING"}:
        return Ignored(f"account_alerts: {kind}")
    text = reason("Meta about the account: %s", told.get("alert_description") or kind)
    return Connection(Light.YELLOW, text, dict(value))


def trouble(error: Row) -> Connection:
    """An error that concerns no single message."""
    light = Light.RED if error.get("code") in BROKEN else Light.YELLOW
    return Connection(light, explained(dict(error)), {"error": dict(error)})


def preference(row: Row, sender: Sender, at: datetime | None) -> Incoming:
    """Somebody stops or resumes marketing messages: people should see it, and campaigns must."""
    value, category = str(row.get("value") or ""), str(row.get("category") or "")
    text = str(row.get("detail") or f"{category}: {value}")
    # Nothing names this event but its content and time.
    external_id = f"preference:{sender.external_id}:{row.get('timestamp')}:{value}"[:255]
    details = {"kind": "preference", "category": category, "value": value}
    return Incoming(external_id, sender, text, sent_at=at, details=details, is_automatic=True)


def call(row: Row, contacts: Sequence[Any], at: datetime | None) -> Incoming | Ignored:
    """A call by voice that begins; how it ended is not worth a message."""
    if row.get("event") != "connect" or row.get("direction") == "BUSINESS_INITIATED":
        return Ignored(f"call: {row.get('event')}")
    details = {"kind": "call", "id": str(row["id"])}
    external_id = str(row["id"])[:255]
    sender = sender_of(row, contacts)
    return Incoming(external_id, sender, _("Called by voice"), sent_at=at, details=details, is_automatic=True)
