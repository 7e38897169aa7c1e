"""A simulated Bot API (https://core.telegram.org/bots/api): webhooks and long polling, messages and files.

It refuses what Telegram refuses: markup that is not closed, text that is too long in UTF-16, buttons of more
than 64 bytes, polling beside a webhook or another poller. Without a webhook, updates wait to be fetched and
are forgotten once a later offset is asked for.

What `say` takes: `chat` and `text`, `name`; `message` with more fields; `content` (base64) of its file;
`update` for any other kind; `press` with a `message_id` for a button; `edit` with one; `restart_ids`.
"""

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from aiohttp import web

from tests.fakes.provider import Json, Provider

TOKEN = "123456789:AAE-simulated-token_of_nobody-00001"
BOT = {"id": 123456789, "is_bot": True, "first_name": "Aurora", "username": "aurora_bot"}
FILE_FIELDS = ("photo", "document", "voice", "audio", "video", "animation")
TAGS = {"b", "i", "u", "s", "a", "code", "pre", "blockquote"}
FETCH_LIMIT = 20 * 1024 * 1024


class Refused(Exception):
    """A 4xx of the Bot API."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        body: Json = {"ok": False, "error_code": status, "description": description}
        self.body = {**body, "parameters": parameters} if parameters else body
        self.status = status

    def answer(self) -> web.Response:
        return web.json_response(self.body, status=self.status)


class Telegram(Provider):
    """The Bot API for one bot."""

    name = "telegram"

    def __init__(self, hook: str = "", secret: str = "", ledger: str = "", seed: int = 1) -> None:
        super().__init__(hook, secret, ledger, seed)
        self.updates: list[Json] = []
        self.files: dict[str, bytes] = {}
        self.messages: dict[int, Json] = {}
        self.next_update, self.next_message = 700_000_001, 1
        self.poller = 0
        # Buttons that spin, and those that were told to stop.
        self.pressed: list[str] = []
        self.answered: list[str] = []
        self.allowed: list[str] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/bot{token}/{method}", self._called),
            web.get("/file/bot{token}/{path:.+}", self._file),
            web.get("/_pressed", self._what_was_pressed),
        ]

    def signed(self, body: bytes) -> Mapping[str, str]:
        del body
        return {"X-Telegram-Bot-Api-Secret-Token": self.secret} if self.secret else {}

    def refusal(self) -> web.Response:
        return Refused(403, "Forbidden: bot was blocked by the user").answer()

    def slow_down(self) -> web.Response:
        wait = self.faults.retry_after
        return Refused(429, f"Too Many Requests: retry after {wait:g}", retry_after=wait).answer()

    # Customers.

    async def say(self, told: Json) -> Json:
        if "restart_ids" in told:
            self.next_update = told["restart_ids"]
            return {}
        update = self._update(told)
        update = {"update_id": self.next_update, **update}
        self.next_update += 1
        if self.hook:
            self.tell(update)
        else:
            self.updates.append(update)
        return {
            "update_id": update["update_id"],
            "message_id": update.get("message", {}).get("message_id", 0),
        }

    def _update(self, told: Json) -> Json:
        if "update" in told:
            return dict(told["update"])
        person = {
            "id": told.get("chat", 555),
            "is_bot": False,
            "first_name": told.get("name", "Davi"),
            "language_code": "pt-br",
        }
        chat = {"id": person["id"], "type": "private", "first_name": person["first_name"]}
        if "press" in told:
            query = {
                "id": f"cb{self.next_update}",
                "from": person,
                "chat_instance": "1",
                "data": told["press"],
            }
            self.pressed.append(query["id"])
            return {"callback_query": {**query, "message": self.messages[told["message_id"]]}}
        message = {"from": person, "chat": chat, "date": int(time.time()), **told.get("message", {})}
        if "text" in told:
            message["text"] = told["text"]
        if "content" in told:
            message["document"] = self._kept(
                base64.b64decode(told["content"]), told.get("file_name", "a.bin")
            )
        if "edit" in told:
            edited = {"message_id": told["edit"], "edit_date": int(time.time())}
            return {"edited_message": {**message, **edited}}
        return {"message": {"message_id": self._message_id(), **message}}

    def _kept(self, content: bytes, name: str) -> Json:
        number = len(self.files) + 1
        file_id = f"file-{number}"
        self.files[file_id] = content
        return {
            "file_id": file_id,
            "file_unique_id": f"u{number}",
            "file_name": name,
            "mime_type": "application/octet-stream",
            "file_size": len(content),
        }

    def _message_id(self) -> int:
        self.next_message += 1
        return self.next_message - 1

    # The interface.

    async def _called(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        try:
            method = self._method(request.match_info["token"], name)
            told = await self._parameters(request)
            if name.lower().startswith("send"):
                answer: web.StreamResponse = await self.misbehave(
                    request, lambda: self._answered(method, told)
                )
                return answer
            return await self._answered(method, told)
        except Refused as error:
            return error.answer()

    def _method(self, token: str, name: str) -> Any:
        if token != TOKEN:
            raise Refused(401, "Unauthorized")
        if name.lower() not in METHODS:
            raise Refused(404, "Not Found: method not found")
        return METHODS[name.lower()]

    async def _answered(self, method: Any, told: Json) -> web.Response:
        return web.json_response({"ok": True, "result": await method(self, told)})

    async def _parameters(self, request: web.Request) -> Json:
        told: Json = dict(request.query)
        if request.content_type == "application/json":
            told |= await request.json()
        elif request.can_read_body:
            told |= dict(await request.post())
        for name in ("reply_markup", "reply_parameters", "allowed_updates"):
            if isinstance(told.get(name), str):
                told[name] = json.loads(told[name])
        return told

    async def _me(self, told: Json) -> Json:
        del told
        return {
            **BOT,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    async def _set_webhook(self, told: Json) -> bool:
        self.hook, self.secret = told.get("url", ""), told.get("secret_token", "")
        self.allowed = told.get("allowed_updates") or []
        self._drop(told)
        waiting, self.updates = (self.updates, []) if self.hook else ([], self.updates)
        for update in waiting:
            self.tell(update)
        return True

    async def _delete_webhook(self, told: Json) -> bool:
        self.hook = self.secret = ""
        self._drop(told)
        return True

    def _drop(self, told: Json) -> None:
        if told.get("drop_pending_updates") in {True, "true", "True"}:
            self.updates = []

    async def _webhook_info(self, told: Json) -> Json:
        del told
        info: Json = {
            "url": self.hook,
            "has_custom_certificate": False,
            "pending_update_count": self.waiting + len(self.updates),
            "allowed_updates": self.allowed,
        }
        if self.refused:
            info |= {
                "last_error_date": int(time.time()),
                "last_error_message": "Wrong response from the webhook: 500",
            }
        return info

    async def _get_updates(self, told: Json) -> list[Json]:
        if self.hook:
            raise Refused(409, "Conflict: can't use getUpdates method while webhook is active")
        self.poller += 1
        mine, offset = self.poller, int(told.get("offset", 0))
        if offset > 0:
            self.updates = [update for update in self.updates if update["update_id"] >= offset]
        end = time.monotonic() + float(told.get("timeout", 0))
        while not self.updates and time.monotonic() < end:
            await asyncio.sleep(0.02)
            if self.poller != mine:
                raise Refused(409, "Conflict: terminated by other getUpdates request")
        return self.updates[: int(told.get("limit", 100))]

    async def _get_file(self, told: Json) -> Json:
        content = self.files.get(str(told.get("file_id")))
        if content is None:
            raise Refused(400, "Bad Request: invalid file_id")
        if len(content) > FETCH_LIMIT:
            raise Refused(400, "Bad Request: file is too big")
        file_id = str(told["file_id"])
        known = {"file_id": file_id, "file_unique_id": f"u{file_id}", "file_size": len(content)}
        return {**known, "file_path": f"documents/{file_id}.bin"}

    async def _file(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["path"].removeprefix("documents/").removesuffix(".bin"))
        if request.match_info["token"] != TOKEN or content is None:
            return Refused(404, "Not Found").answer()
        return web.Response(body=content)

    async def _answer_press(self, told: Json) -> bool:
        name = told.get("callback_query_id")
        if name not in self.pressed:
            raise Refused(400, "Bad Request: query is too old or query ID is invalid")
        self.answered.append(name)
        return True

    async def _what_was_pressed(self, _request: web.Request) -> web.Response:
        return web.json_response({"pressed": self.pressed, "answered": self.answered})

    async def _send(self, told: Json) -> Json:
        field = next((name for name in FILE_FIELDS if name in told), "")
        said = "caption" if field else "text"
        text = self._text(told.get(said, ""), told.get("parse_mode"), 1024 if field else 4096)
        if not text.strip() and not field:
            raise Refused(400, "Bad Request: message text is empty")
        self._check(told)
        chat = int(told["chat_id"])
        message: Json = {
            "message_id": self._message_id(),
            "date": int(time.time()),
            "chat": {"id": chat, "type": "private", "first_name": "Davi"},
            "from": BOT,
            said: text,
        }
        if field:
            message[field] = self._uploaded(field, told[field])
        if "reply_markup" in told:
            message["reply_markup"] = told["reply_markup"]
        self.messages[message["message_id"]] = message
        raw = {name: value for name, value in told.items() if name != field}
        raw |= {"file": message[field]} if field else {}
        self.accept(str(chat), text, f"{chat}:{message['message_id']}", kind=field or "text", raw=raw)
        return message

    def _text(self, text: str, parse_mode: str | None, limit: int) -> str:
        if parse_mode == "HTML":
            text = _Html().read(text)
        if len(text.encode("utf-16-le")) // 2 > limit:
            raise Refused(400, f"Bad Request: message {'caption ' if limit == 1024 else ''}is too long")
        return text

    def _check(self, told: Json) -> None:
        if not str(told.get("chat_id", "")).lstrip("-").isdigit():
            raise Refused(400, "Bad Request: chat not found")
        for row in told.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                if not button["text"] or not 0 < len(button["callback_data"].encode()) <= 64:
                    raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
        replied = told.get("reply_parameters", {})
        known = replied.get("message_id", 0) < self.next_message
        if replied and not known and not replied.get("allow_sending_without_reply"):
            raise Refused(400, "Bad Request: message to be replied not found")

    def _uploaded(self, field: str, upload: Any) -> Any:
        if not isinstance(upload, web.FileField):
            raise Refused(400, "Bad Request: wrong file identifier/HTTP URL specified")
        content = upload.file.read()
        if field == "photo" and b"not a picture" in content:
            raise Refused(400, "Bad Request: IMAGE_PROCESS_FAILED")
        kept = self._kept(content, upload.filename)
        kept |= {"width": 1, "height": 1, "duration": 1, "mime_type": upload.content_type}
        return [kept] if field == "photo" else kept


class _Html(HTMLParser):
    """Reads the HTML that `parse_mode` allows, as strictly as Telegram does."""

    def read(self, html: str) -> str:
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        if self.open:
            raise Refused(400, f"Bad Request: can't parse entities: Can't find end tag for {self.open[-1]}")
        return self.text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            raise Refused(400, f"Bad Request: can't parse entities: Unsupported start tag {tag!r}")
        if tag == "blockquote" and tag in self.open:
            raise Refused(400, "Bad Request: can't parse entities: nested blockquote")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise Refused(400, f"Bad Request: can't parse entities: Unexpected end tag {tag!r}")

    def handle_data(self, data: str) -> None:
        self.text += data


METHODS = {
    "getme": Telegram._me,
    "setwebhook": Telegram._set_webhook,
    "deletewebhook": Telegram._delete_webhook,
    "getwebhookinfo": Telegram._webhook_info,
    "getupdates": Telegram._get_updates,
    "getfile": Telegram._get_file,
    "answercallbackquery": Telegram._answer_press,
    "sendmessage": Telegram._send,
    **{f"send{field}": Telegram._send for field in FILE_FIELDS},
}

if __name__ == "__main__":
    Telegram.main()
