"""An Evolution API v2 server with a phone: instances, pairing, messages, files, webhooks with its key in.

`say` takes `sender`, `name`, `text`; or any kind as `message` with `messageType` left to be guessed; `group`
writes in a group, `mine` on the phone itself, `lid` hides the number, `times` repeats it under the same key,
`content` (base64) can be fetched afterwards. `event` with `data` is told as it is; `state` changes the
connection and tells of it.
"""

import asyncio
import base64
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from tests.fakes.provider import Json, Provider

API_KEY = "evolution-key-that-nobody-may-log"
INSTANCE = "shop"
OWN = "5511900000000@s.whatsapp.net"
NOT_ON_WHATSAPP = "5511000000000@s.whatsapp.net"
# 68 bytes: one grey pixel.
QR = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYPhfDwAChwGA60e6kgAA"
    "AABJRU5ErkJggg=="
)
EVENTS = {
    *("APPLICATION_STARTUP", "QRCODE_UPDATED", "MESSAGES_SET", "MESSAGES_UPSERT", "MESSAGES_EDITED"),
    *("MESSAGES_UPDATE", "MESSAGES_DELETE", "SEND_MESSAGE", "SEND_MESSAGE_UPDATE", "CONTACTS_SET"),
    *("CONTACTS_UPSERT", "CONTACTS_UPDATE", "PRESENCE_UPDATE", "CHATS_SET", "CHATS_UPSERT", "CHATS_UPDATE"),
    *("CHATS_DELETE", "GROUPS_UPSERT", "GROUP_UPDATE", "GROUP_PARTICIPANTS_UPDATE", "CONNECTION_UPDATE"),
    *("LABELS_EDIT", "LABELS_ASSOCIATION", "CALL", "TYPEBOT_START", "TYPEBOT_CHANGE_STATUS"),
}
Take = Callable[[Json], Awaitable[web.Response]]


def error(status: int, name: str, *message: Any) -> web.Response:
    """An error as Evolution words it."""
    return web.json_response(
        {"status": status, "error": name, "response": {"message": list(message)}}, status=status
    )


class Evolution(Provider):
    """The server. One instance is connected from the start; others are made."""

    name = "evolution"

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.states = {INSTANCE: "open"}
        self.files: dict[str, str] = {}
        self.headers: dict[str, str] = {"x-hook-secret": self.secret} if self.secret else {}
        self.set_up: list[Json] = []
        self.ids = itertools.count(1)
        self.seen: list[Json] = []
        self.old = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/message/sendText/{instance}", partial(self._send, self._text)),
            web.post("/message/sendMedia/{instance}", partial(self._send, self._media)),
            web.post("/message/sendWhatsAppAudio/{instance}", partial(self._send, self._audio)),
            web.post("/chat/getBase64FromMediaMessage/{instance}", self._file),
            web.post("/chat/markMessageAsRead/{instance}", self._mark_read),
            web.get("/_seen", self._what_was_seen),
            web.post("/instance/create", self._create),
            web.get("/instance/connect/{instance}", self._connect),
            web.get("/instance/connectionState/{instance}", self._state),
            web.post("/webhook/set/{instance}", self._webhook),
            web.get("/_set_up", self._what_was_set_up),
        ]

    def signed(self, body: bytes) -> Mapping[str, str]:
        del body
        return self.headers or {"x-hook-secret": self.secret}

    def refusal(self) -> web.Response:
        gone = {"jid": NOT_ON_WHATSAPP, "exists": False, "number": NOT_ON_WHATSAPP}
        return error(400, "Bad Request", gone)

    # What it tells.

    def emit(self, event: str, data: Any) -> None:
        """Tells something, in the envelope of every webhook."""
        self.tell(
            {
                "event": event,
                "instance": INSTANCE,
                "data": data,
                "destination": self.hook,
                "date_time": time.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "sender": OWN,
                "server_url": "http://evolution:8080",
                "apikey": API_KEY,
            }
        )

    def entry(self, told: Json) -> Json:
        """One of `messages.upsert`."""
        chat = told.get("group") or told.get("sender", "5511987654321@s.whatsapp.net")
        key: Json = {
            "remoteJid": chat,
            "fromMe": bool(told.get("mine")),
            "id": told.get("id") or self.new_id(),
        }
        if told.get("group"):
            key["participant"] = told.get("sender", "5511987654321@s.whatsapp.net")
        if told.get("lid"):
            key |= {"remoteJidAlt": told["lid"], "addressingMode": "pn"}
        message = told.get("message") or {"conversation": told.get("text", "Hello")}
        return {
            "key": key,
            "pushName": told.get("name", "Davi"),
            "status": "DELIVERY_ACK",
            "message": {**message, "messageContextInfo": {"deviceListMetadataVersion": 2}},
            "messageType": next(iter(message)),
            "messageTimestamp": told.get("at") or int(time.time()),
            "instanceId": "5f1b6a52-6e0e-4f6b-9b4c-0b0a4ad1c1aa",
            "source": "android",
            **({"contextInfo": {"stanzaId": told["reply_to"]}} if told.get("reply_to") else {}),
        }

    def new_id(self) -> str:
        return f"3EB0{next(self.ids):04X}{self.random.getrandbits(64):016X}"

    async def say(self, told: Json) -> Json:
        if "state" in told:
            self.states[INSTANCE] = told["state"]
            data = {"instance": INSTANCE, "state": told["state"], "statusReason": told.get("reason", 200)}
            self.emit("connection.update", data)
            return {}
        if "event" in told:
            self.emit(told["event"], told["data"])
            return {}
        if "old" in told:
            self.old = told["old"]
            return {}
        entry = self.entry(told)
        identifier = str(entry["key"]["id"])
        if told.get("content"):
            self.files[identifier] = told["content"]
        for _ in range(told.get("times", 1)):
            self.emit("messages.upsert", entry)
        return {"id": identifier, "entry": entry}

    async def _receipts(self, key: Json) -> None:
        statuses = ["SERVER_ACK", "DELIVERY_ACK", "READ"]
        if self.faults.shuffle:
            self.random.shuffle(statuses)
        for status in statuses:
            await asyncio.sleep(self.random.uniform(0.01, 0.05))
            self.emit(
                "messages.update",
                {"keyId": key["id"], **key, "status": status, "participant": key["remoteJid"]},
            )

    # What it is asked.

    def _stranger(self, request: web.Request, *, known: bool = True) -> web.Response | None:
        if request.headers.get("apikey") != API_KEY:
            return error(401, "Unauthorized", "Unauthorized")
        instance = request.match_info.get("instance", "")
        if known and instance not in self.states:
            return error(404, "Not Found", f'The "{instance}" instance does not exist')
        return None

    async def _send(self, take: Take, request: web.Request) -> Any:
        if refused := self._stranger(request):
            return refused
        told = await request.json()

        async def taken() -> web.Response:
            if self.states[request.match_info["instance"]] != "open":
                return error(400, "Bad Request", "Error: Connection Closed")
            if told.get("number") == NOT_ON_WHATSAPP:
                return self.refusal()
            return await take(told)

        return await self.misbehave(request, taken)

    async def _text(self, told: Json) -> web.Response:
        if not isinstance(told.get("text"), str):
            return error(400, "Bad Request", ['instance requires property "text"'])
        return self._took(told, told["text"], "text", {"conversation": told["text"]})

    async def _media(self, told: Json) -> web.Response:
        if told.get("mediatype") not in {"image", "document", "video", "audio"}:
            return error(400, "Bad Request", ['instance requires property "mediatype"'])
        name = f"{told['mediatype']}Message"
        body = {
            "mimetype": told.get("mimetype"),
            "caption": told.get("caption"),
            "fileName": told.get("fileName"),
        }
        return self._took(told, told.get("caption", ""), told["mediatype"], {name: body}, told["media"])

    async def _audio(self, told: Json) -> web.Response:
        return self._took(told, "", "audio", {"audioMessage": {"ptt": True}}, told["audio"])

    def _took(self, told: Json, text: str, kind: str, message: Json, content: str = "") -> web.Response:
        base64.b64decode(content, validate=True)
        number = told["number"]
        chat = number if "@" in number else f"{number}@s.whatsapp.net"
        key: Json = {"remoteJid": chat, "fromMe": True, "id": self.new_id()}
        self.files[key["id"]] = content
        self.accept(chat, text, key["id"], kind=kind, raw=told)
        entry = {
            "key": key,
            "pushName": "",
            "status": "PENDING",
            "message": message,
            "messageType": next(iter(message)),
            "messageTimestamp": int(time.time()),
        }
        self.emit("send.message", entry)
        if not self.faults.mute:
            self.later(self._receipts(key))
        return web.json_response(entry, status=201)

    async def _file(self, request: web.Request) -> web.Response:
        if refused := self._stranger(request):
            return refused
        message = (await request.json())["message"]
        content = self.files.get(message["key"]["id"])
        if not content:
            return error(400, "Bad Request", "Message not found")
        return web.json_response({"mimetype": "image/png", "base64": content, "fileName": "x"}, status=201)

    async def _mark_read(self, request: web.Request) -> web.Response:
        if refused := self._stranger(request):
            return refused
        told = (await request.json()).get("readMessages")
        if not told or any({*key} != {"remoteJid", "fromMe", "id"} for key in told):
            return error(400, "Bad Request", ['instance requires property "readMessages"'])
        self.seen += told
        return web.json_response({"message": "Read messages", "read": "success"}, status=201)

    async def _what_was_seen(self, _request: web.Request) -> web.Response:
        return web.json_response(self.seen)

    async def _create(self, request: web.Request) -> web.Response:
        if refused := self._stranger(request, known=False):
            return refused
        told = await request.json()
        if told["instanceName"] in self.states:
            return error(403, "Forbidden", f'This name "{told["instanceName"]}" is already in use.')
        self.states[told["instanceName"]] = "connecting"
        self.set_up.append({"create": told})
        answer = {"instance": {"instanceName": told["instanceName"], "status": "connecting"}, "hash": "A-B-C"}
        return web.json_response({**answer, "qrcode": {"count": 0}}, status=201)

    async def _connect(self, request: web.Request) -> web.Response:
        if refused := self._stranger(request):
            return refused
        if self.states[request.match_info["instance"]] == "open":
            return await self._state(request)
        return web.json_response({"pairingCode": "WZYEH1YY", "code": "2@y8e", "base64": QR, "count": 1})

    async def _state(self, request: web.Request) -> web.Response:
        if refused := self._stranger(request):
            return refused
        name = request.match_info["instance"]
        return web.json_response({"instance": {"instanceName": name, "state": self.states[name]}})

    async def _webhook(self, request: web.Request) -> web.Response:
        if refused := self._stranger(request):
            return refused
        webhook = (await request.json()).get("webhook") or {}
        known = EVENTS - {"MESSAGES_EDITED"} if self.old else EVENTS
        if not webhook.get("url") or set(webhook.get("events", ())) - known:
            return error(400, "Bad Request", "instance.webhook.events is not one of enum values")
        self.set_up.append({"webhook": webhook})
        self.hook, self.headers = webhook["url"], webhook.get("headers") or {}
        return web.json_response({"id": "cl1", **webhook}, status=201)

    async def _what_was_set_up(self, _request: web.Request) -> web.Response:
        return web.json_response(self.set_up)


if __name__ == "__main__":
    Evolution.main()
