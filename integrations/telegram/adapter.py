"""A Telegram bot as a channel."""

import hmac
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.adapters import BaseAdapter, bright
from conversations.channels import Capabilities, Repeat, SendRefused
from conversations.enums import Light
from conversations.exchange import Batch, Check, Details, File, Media, Outgoing, Parsed, Sent, Webhook
from core.errors import TooLarge, Unauthenticated
from core.reasons import reason
from integrations.telegram.client import FETCH_LIMIT, UPLOAD_LIMIT, ask, download, tell
from integrations.telegram.config import Mode, TelegramConfig
from integrations.telegram.markup import TEXT_LIMIT
from integrations.telegram.polling import ALLOWED_UPDATES, batches
from integrations.telegram.sending import sent
from integrations.telegram.updates import PRESSED, name_of, parsed

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 (the name of a header)
# An error of Telegram's that is older says nothing of today.
RECENT_SECONDS = 3600
MANY_PENDING = 100


class TelegramAdapter(BaseAdapter):
    """Bot API in and out, by webhook or by polling. Telegram tells nothing of delivery or reading."""

    label = gettext_lazy("Telegram")
    config = TelegramConfig
    # Thirty messages a second for a bot (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits).
    capabilities = Capabilities(
        text_limit=TEXT_LIMIT,
        per_second=25.0,
        file_limit=UPLOAD_LIMIT,
        captions=True,
        quotes=True,
        repeat=Repeat.DOUBTFUL,
    )

    def setup_steps(self, *, key: str, public_url: str) -> Sequence[str]:
        """Five steps, two of them in Telegram."""
        url = self.setup_text(key=key, public_url=public_url)
        return [
            _("In Telegram write /newbot to @BotFather and follow it; it gives you the bot token."),
            _("Enter the token below. Use one bot for this inbox only, and no other program on that bot."),
            _("With a public https address keep the mode `webhook`; without one choose `polling`."),
            _("Save and connect: Telegram is told to send messages to %s. There is nothing to copy.") % url,
            _("Write to your bot; the message appears here."),
        ]

    def verify(self, webhook: Webhook, config: TelegramConfig) -> None:
        """By the secret that we gave Telegram with the address."""
        given = webhook.headers.get(SECRET_HEADER, "").encode("utf-8", "replace")
        expected = config.webhook_secret().encode()
        if not given or not hmac.compare_digest(given, expected):
            raise Unauthenticated

    def event_id(self, webhook: Webhook) -> str:
        """The update's own: the same at each attempt, and by either way it comes."""
        try:
            data = json.loads(webhook.body)
        except (ValueError, RecursionError):
            return ""
        return name_of(data) if isinstance(data, dict) else ""

    def pulls(self, config: TelegramConfig) -> bool:
        """In polling mode."""
        return config.mode == Mode.POLLING

    def pull(self, config: TelegramConfig, cursor: Details) -> Iterator[Batch]:
        """Long polls; raises InboxBroken while somebody else fetches the same bot's updates."""
        return batches(config, cursor)

    def parse(self, webhook: Webhook, config: TelegramConfig) -> Iterable[Parsed]:
        """One update; or many, where a whole answer of `getUpdates` is given. One bad one spoils no other."""
        unread: Exception | None = None
        for update in _updates(webhook.body):
            try:
                yield from parsed(update, config)
            except (ValueError, TypeError, AttributeError) as error:
                unread = unread or error
        if unread is not None:
            raise unread

    def send(self, outgoing: Outgoing, config: TelegramConfig) -> Sent:
        """Sends a text, or a file with a caption; the provider's id is `chat:message`."""
        return sent(outgoing, config)

    def acknowledge(self, external_id: str, config: TelegramConfig) -> None:
        """Ends the waiting sign on a button that was pressed; Telegram shows it until somebody does."""
        if external_id.startswith(PRESSED):
            tell(config, "answerCallbackQuery", {"callback_query_id": external_id.removeprefix(PRESSED)})

    def fetch(self, file: File, config: TelegramConfig, *, max_bytes: int) -> Media:
        """Asks where the file is, which holds for an hour, and fetches it; 20 MB are the most for a bot."""
        if file.size > min(FETCH_LIMIT, max_bytes):
            raise TooLarge(reason("The file is too large to be fetched."))
        try:
            found = ask(config, "getFile", result=dict, file_id=str(file.reference.get("file_id", "")))
        except SendRefused as error:
            if "too big" in error.detail:
                raise TooLarge(reason("Telegram gives bots no file above 20 MB.")) from error
            raise
        path = found.get("file_path")
        if not isinstance(path, str) or not path:
            raise SendRefused(reason("Telegram does not say where the file is."))
        content = download(config, path, max_bytes=min(FETCH_LIMIT, max_bytes))
        return Media(content, file.content_type, file.name or path.rpartition("/")[2])

    def test(self, config: TelegramConfig) -> Check:
        """Asks who the bot is, and how its webhook stands."""
        me, info = ask(config, "getMe", result=dict), ask(config, "getWebhookInfo", result=dict)
        name = f"@{me.get('username', '')}"
        details = {
            "bot": name,
            "webhook": info.get("url", ""),
            "pending": info.get("pending_update_count", 0),
            "last_error": config.scrubbed(str(info.get("last_error_message", ""))),
        }
        trouble = _trouble(config, info)
        if trouble:
            return Check(
                Light.YELLOW,
                config.scrubbed(reason("%(bot)s: %(trouble)s", bot=name, trouble=trouble)),
                details,
            )
        return bright(reason("%s is connected.", name), **details)

    def connect(self, config: TelegramConfig, *, url: str, secret: str) -> Check:
        """Sets the webhook with its secret, or takes it away for polling. Nothing that waits is dropped."""
        # The inbox's own secret signs other things; `verify` only knows the settings.
        del secret
        if config.mode == Mode.POLLING:
            tell(config, "deleteWebhook", {"drop_pending_updates": False})
            return bright(reason("The bot is polled; it needs no address."))
        payload = {
            "url": url,
            "secret_token": config.webhook_secret(),
            "allowed_updates": list(ALLOWED_UPDATES),
            "drop_pending_updates": False,
        }
        tell(config, "setWebhook", payload)
        return bright(reason("Telegram sends messages to %s.", url))


def _updates(body: bytes) -> Iterator[Mapping[str, Any]]:
    """Yields the updates in a body: one, a list, or an answer of the Bot API; raises ValueError otherwise."""
    try:
        data = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if isinstance(data, dict) and isinstance(data.get("result"), list):
        data = data["result"]
    updates = data if isinstance(data, list) else [data]
    yield from (update for update in updates if _is_update(update))
    if not updates or not all(map(_is_update, updates)):
        raise ValueError("this is no update of the Bot API")


def _is_update(data: Any) -> bool:
    return isinstance(data, dict) and type(data.get("update_id")) is int


def _trouble(config: TelegramConfig, info: Mapping[str, Any]) -> str:
    """Says what is wrong with the webhook, or ""."""
    url, pending = info.get("url"), int(info.get("pending_update_count") or 0)
    if config.mode == Mode.POLLING:
        return reason("a webhook is still set; connect to take it away.") if url else ""
    if not url:
        return reason("no webhook is set; connect, or choose polling.")
    failed_at = info.get("last_error_date") or 0
    if time.time() - failed_at < RECENT_SECONDS:
        at = datetime.fromtimestamp(failed_at, UTC)
        said = info.get("last_error_message", "")
        return reason("Telegram could not reach us at %(at)s UTC: %(error)s", at=f"{at:%H:%M}", error=said)
    if pending > MANY_PENDING:
        return reason("%d messages wait at Telegram.", pending)
    return ""
