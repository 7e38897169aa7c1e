"""Beside messages: files to fetch, templates to list, the connection to test and to make."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from conversations.adapters import bright, call
from conversations.channels import InboxBroken, SendLater, SendRefused
from conversations.enums import Light
from conversations.exchange import Check, File, Media, Template
from core.errors import TooLarge
from core.reasons import reason
from integrations.whatsapp_cloud.config import WhatsAppConfig
from integrations.whatsapp_cloud.graph import bearer, graph, judged
from integrations.whatsapp_cloud.sending import FILE_HEADERS

LOOK_SECONDS, DOWNLOAD_SECONDS, CONNECT_SECONDS = 4.0, 14.0, 7.0
TEMPLATE_SECONDS = 18.0
PAGE = 100
TEMPLATE_FIELDS = "id,name,language,status,category,components,parameter_format"
# Where Meta keeps media; nobody else is shown the token.
MEDIA_HOSTS = (".fbsbx.com", ".facebook.com", ".fbcdn.net", ".whatsapp.net")
# To how many people a business may write first in 24 hours, all its numbers together; 0: as many as it likes.
# https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits
LIMIT_FIELD = "whatsapp_business_manager_messaging_limit"
TIERS = {
    "TIER_50": 50, "TIER_250": 250, "TIER_1K": 1_000, "TIER_2K": 2_000, "TIER_10K": 10_000,
    "TIER_100K": 100_000, "TIER_UNLIMITED": 0,
}  # fmt: skip
PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def fetch(file: File, config: WhatsAppConfig, *, max_bytes: int) -> Media:
    """Fetches an announced file: its id gives an address that is good for minutes, the address the bytes.

    Meta keeps a file for 30 days. Raises TooLarge before it downloads what is larger than allowed.
    """
    told = graph(
        "GET",
        str(file.reference["id"]),
        config,
        deadline=LOOK_SECONDS,
        query={"phone_number_id": config.phone_number_id},
    )
    size = told.get("file_size")
    if isinstance(size, int) and size > max_bytes:
        raise TooLarge
    address = str(told.get("url") or "")
    answer = call(
        "GET",
        address,
        headers=bearer(config) if _is_trusted(address, config) else {},
        deadline=DOWNLOAD_SECONDS,
        max_bytes=max_bytes,
        judge=judged,
    )
    content_type = str(told.get("mime_type") or answer.content_type).partition(";")[0].strip()
    return Media(answer.content, content_type, file.name)


def _is_trusted(address: str, config: WhatsAppConfig) -> bool:
    target, own = urlsplit(address), urlsplit(config.api_url)
    if (target.scheme, target.netloc) == (own.scheme, own.netloc):
        return True
    return target.scheme == "https" and f".{target.hostname or ''}".endswith(MEDIA_HOSTS)


def templates(config: WhatsAppConfig) -> list[Template]:
    """Returns every template of the account, page by page; SendLater where they cannot be read in time."""
    found: list[Template] = []
    ends_at = time.monotonic() + TEMPLATE_SECONDS
    after: dict[str, str] = {}
    while (left := ends_at - time.monotonic()) > 0:
        page = graph(
            "GET",
            f"{config.business_account_id}/message_templates",
            config,
            deadline=left,
            query={"fields": TEMPLATE_FIELDS, "limit": PAGE, **after},
        )
        found += [_template(row) for row in page.get("data") or ()]
        paging = page.get("paging") or {}
        # The address of the next page carries the token; the cursor does not.
        if not paging.get("next"):
            return found
        after = {"after": str(paging["cursors"]["after"])}
    raise SendLater(reason("Meta took too long to list the templates."))


def _template(row: Mapping[str, Any]) -> Template:
    components = [each for each in row.get("components") or () if isinstance(each, dict)]
    body = next((str(each.get("text") or "") for each in components if each.get("type") == "BODY"), "")
    return Template(
        name=str(row["name"]),
        language=str(row["language"]),
        status=str(row.get("status") or ""),
        category=str(row.get("category") or ""),
        body=body,
        variables=tuple(dict.fromkeys(PLACE.findall(body))),
        details={"id": str(row.get("id") or ""), "components": components},
        header_format=_header_format(components),
    )


def _header_format(components: Sequence[Mapping[str, Any]]) -> str:
    """The kind of file above the text, if there is one."""
    told = (str(each.get("format") or "") for each in components if each.get("type") == "HEADER")
    return next((each for each in told if each in FILE_HEADERS), "")


def check(config: WhatsAppConfig) -> Check:
    """Asks for the number, and whether anything is told of what comes in for it."""
    number = graph(
        "GET",
        config.phone_number_id,
        config,
        deadline=LOOK_SECONDS,
        query={"fields": f"display_phone_number,verified_name,quality_rating,{LIMIT_FIELD}"},
    )
    apps = graph("GET", f"{config.business_account_id}/subscribed_apps", config, deadline=LOOK_SECONDS)
    name, shown = str(number.get("verified_name") or ""), str(number.get("display_phone_number") or "")
    quality = str(number.get("quality_rating") or "")
    tier = TIERS.get(str(number.get(LIMIT_FIELD) or ""), 0)
    if not apps.get("data"):
        detail = reason("%s can send, but Meta passes no message on to us yet: connect the inbox.", shown)
        return Check(Light.YELLOW, detail, {"number": shown, "name": name})
    if quality == "RED":
        detail = reason("%s works, but Meta rates its quality as low.", shown)
        told = {"number": shown, "name": name, "quality": quality, "daily_limit": tier}
        return Check(Light.YELLOW, detail, told)
    said = reason("Connected as %s", f"{name} {shown}".strip())
    return bright(said, number=shown, name=name, quality=quality, daily_limit=tier)


def connect(config: WhatsAppConfig, *, url: str) -> Check:
    """Has Meta pass on what comes in for this number, to our address.

    The address is set for the number, not for the account: another number of the same account may be another
    inbox. Meta asks our door for the verify token while this call runs.
    """
    graph("POST", f"{config.business_account_id}/subscribed_apps", config, deadline=LOOK_SECONDS)
    address = {"override_callback_uri": url, "verify_token": config.verify_token.get_secret_value()}
    try:
        graph(
            "POST",
            config.phone_number_id,
            config,
            deadline=CONNECT_SECONDS,
            payload={"webhook_configuration": address},
        )
    except SendRefused as error:
        raise InboxBroken(error.detail, provider_code=error.provider_code) from error
    return check(config)
