"""A simulated WhatsApp Cloud API: takes messages and files, tells of their fate, lets customers write.

`say` takes one of:
- `{"messages": [ … ], "contacts": [ … ]}`: raw messages, all in one webhook (`phone_number_id` for another
  number); without `contacts` they are made from the messages' `from`.
- `{"text": "Hi", "from": "5511999990001", "name": "Davi", "count": 1, "batch": false}`: simple texts.
- `{"payload": { … }}`: a whole webhook. `{"media": "base64", "mime_type": "image/png"}`: a file to announce;
  its id is returned. `{"unsubscribe": true}`: nobody is told of anything until the app subscribes again.
  `{"lose_uploads": true}`: uploads are cut off. `{"media_host": "localhost"}`: files lie on another host.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from tests.fakes.provider import Accepted, Json, Provider

PHONE_NUMBER_ID = "106540352242922"
ACCOUNT_ID = "102290129340398"
NUMBER = "15550783881"
SECRET = "app-secret-of-the-tests"
PAGE_OF_TEMPLATES = 2
WITH_FILES = {"new_shoes": "IMAGE", "how_to": "VIDEO", "invoice": "DOCUMENT"}
APP: Json = {"whatsapp_business_api_data": {"id": "1", "name": "Helpdesk", "link": "/"}}
SENTENCES = {
    100: (400, "Invalid parameter"),
    190: (401, "Error validating access token: Session has expired"),
    130429: (429, "Rate limit hit"),
    131026: (400, "Message undeliverable"),
    132012: (400, "Parameter format does not match format in the created template"),
}


class WhatsAppCloud(Provider):
    """Graph API for one number."""

    name = "whatsapp_cloud"

    def __init__(self, hook: str = "", secret: str = "", ledger: str = "", seed: int = 1) -> None:
        super().__init__(hook, secret or SECRET, ledger, seed)
        self.run = f"{self.random.randrange(10**8):08}"
        self.count = 0
        self.media: dict[str, tuple[bytes, str]] = {}
        self.subscribed: list[Json] = [APP]
        self.address: Json = {}
        self.seen: list[Json] = []
        self.downloads = 0
        self.loses_uploads, self.media_host = False, ""
        self.templates = [template(name) for name in ("welcome", "order_ready", "survey")]
        self.templates += [template(name, header) for name, header in WITH_FILES.items()]

    def routes(self) -> list[web.RouteDef]:
        """Graph addresses; the version in front is whatever the caller says."""
        return [
            web.post("/{version}/{phone}/messages", self.messages),
            web.post("/{version}/{phone}/media", self.upload),
            web.get("/{version}/{account}/message_templates", self.list_templates),
            web.get("/{version}/{account}/subscribed_apps", self.list_apps),
            web.post("/{version}/{account}/subscribed_apps", self.subscribe),
            web.get("/media/{media}", self.download),
            web.get("/_state", self.state),
            web.get("/{version}/{node}", self.look),
            web.post("/{version}/{node}", self.change),
        ]

    def signed(self, body: bytes) -> Mapping[str, str]:
        """Meta signs with the app secret."""
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={digest}"}

    def refusal(self) -> web.Response:
        """Somebody who is not on WhatsApp."""
        return graph_error(131026)

    def slow_down(self) -> web.Response:
        """Graph's limit, with the seconds to wait."""
        return graph_error(130429, headers={"Retry-After": f"{self.faults.retry_after:g}"})

    async def messages(self, request: web.Request) -> web.Response:
        """Takes a message or the news that one was read."""
        if refused := self.refused_caller(request):
            return refused
        told = await request.json()
        if told.get("status") == "read":
            self.seen.append(told)
            return web.json_response({"success": True})
        if told.get("messaging_product") != "whatsapp" or told.get("type") not in told or too_much(told):
            return graph_error(100)
        if told["type"] == "template" and not self.has_its_header(told["template"]):
            return graph_error(132012)
        answer: web.Response = await self.misbehave(request, lambda: self.take(told))
        if answer.status == SENTENCES[131026][0]:
            self.note_refusal(told.get("to") or told["recipient"])
        return answer

    def note_refusal(self, to: str) -> None:
        """Writes down whose message was refused, beside the ledger of those that were taken."""
        if self.file:
            with self.file.with_suffix(".refused").open("a", encoding="utf-8") as file:
                file.write(f"{to}\n")

    def has_its_header(self, told: Json) -> bool:
        """Whether a template comes with the file that it was approved with, and with no other."""
        wanted = WITH_FILES.get(told["name"], "").lower()
        given = [each for each in told.get("components", ()) if each["type"] == "header"]
        if not wanted or not given:
            return not wanted and not given
        (parameter,) = given[0]["parameters"]
        media = self.media.get(parameter.get(wanted, {}).get("id", ""))
        is_shown = media is not None and (wanted == "document" or media[1].startswith(f"{wanted}/"))
        return parameter["type"] == wanted and is_shown

    async def take(self, told: Json) -> web.Response:
        """Accepts a message and has its receipts sent."""
        provider_id = self.new_id()
        to = told.get("to") or told["recipient"]
        receipts = self.receipts()
        row = self.accept(
            to,
            text_of(told),
            provider_id,
            key=told.get("biz_opaque_callback_data", ""),
            kind=told["type"],
            raw=told,
            fate=receipts[-1],
        )
        if self.hook and not self.faults.mute:
            for status in receipts:
                self.tell(self.change_of({"statuses": [self.status_of(row, status)]}))
        contact = {"input": to, "wa_id": to} if "to" in told else {"input": to, "user_id": to}
        return web.json_response(
            {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": provider_id}]}
        )

    def receipts(self) -> tuple[str, ...]:
        """What will be told of a message, as the faults say."""
        chance = self.random.random()
        if (chance := chance - self.faults.lost) < 0:
            return ("sent", "failed")
        if (chance := chance - self.faults.unseen) < 0:
            return ("sent",)
        return ("sent", "delivered") if chance < self.faults.unread else ("sent", "delivered", "read")

    def status_of(self, row: Accepted, status: str) -> Json:
        """One receipt, with our key in it."""
        failed = {"errors": [{"code": 131026, "title": SENTENCES[131026][1]}]} if status == "failed" else {}
        return {
            **failed,
            "id": row.provider_id,
            "status": status,
            "timestamp": str(int(time.time())),
            "recipient_id": row.to,
            "biz_opaque_callback_data": row.key,
        }

    async def upload(self, request: web.Request) -> web.Response:
        """Takes a file as multipart/form-data."""
        if refused := self.refused_caller(request):
            return refused
        if self.loses_uploads:
            return self._cut(request)
        form = await request.post()
        file = form.get("file")
        if form.get("messaging_product") != "whatsapp" or not isinstance(file, web.FileField):
            return graph_error(100)
        return web.json_response({"id": self.keep(file.file.read(), file.content_type)})

    def keep(self, content: bytes, content_type: str) -> str:
        """Stores a file and returns its id."""
        media_id = str(10**14 + len(self.media))
        self.media[media_id] = (content, content_type)
        return media_id

    async def look(self, request: web.Request) -> web.Response:
        """The number, or a file's address."""
        if refused := self.refused_caller(request):
            return refused
        node = request.match_info["node"]
        if node == PHONE_NUMBER_ID:
            return web.json_response(
                {
                    "id": node,
                    "display_phone_number": NUMBER,
                    "verified_name": "Jasper's Market",
                    "quality_rating": "GREEN",
                    "whatsapp_business_manager_messaging_limit": "TIER_2K",
                }
            )
        if node not in self.media:
            return graph_error(100, error_subcode=33)
        content, content_type = self.media[node]
        return web.json_response(
            {
                "messaging_product": "whatsapp",
                "url": str(
                    (request.url.with_host(self.media_host or "127.0.0.1")).with_path(f"/media/{node}")
                ),
                "mime_type": content_type,
                "sha256": hashlib.sha256(content).hexdigest(),
                "file_size": len(content),
                "id": node,
            }
        )

    async def download(self, request: web.Request) -> web.Response:
        """The bytes, for whoever shows the token."""
        self.downloads += 1
        if refused := self.refused_caller(request):
            return refused
        content, content_type = self.media[request.match_info["media"]]
        return web.Response(body=content, content_type=content_type)

    async def list_templates(self, request: web.Request) -> web.Response:
        """Templates, two a page."""
        if refused := self.refused_caller(request):
            return refused
        start = int(request.query.get("after") or 0)
        end = start + PAGE_OF_TEMPLATES
        paging: Json = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(self.templates):
            paging["next"] = f"{request.url.with_query(after=end, access_token='shown-to-nobody')}"
        return web.json_response({"data": self.templates[start:end], "paging": paging})

    async def list_apps(self, request: web.Request) -> web.Response:
        """Who is told of messages."""
        return self.refused_caller(request) or web.json_response({"data": self.subscribed})

    async def subscribe(self, request: web.Request) -> web.Response:
        """From now on the app is told."""
        if refused := self.refused_caller(request):
            return refused
        self.subscribed = [APP]
        return web.json_response({"success": True})

    async def change(self, request: web.Request) -> web.Response:
        """Sets the address of webhooks for the number."""
        if refused := self.refused_caller(request):
            return refused
        self.address = (await request.json())["webhook_configuration"]
        return web.json_response({"success": True})

    async def state(self, _request: web.Request) -> web.Response:
        """What a test wants to look at."""
        shown = ("subscribed", "address", "seen", "downloads")
        return web.json_response({name: getattr(self, name) for name in shown})

    def refused_caller(self, request: web.Request) -> web.Response | None:
        """Graph's answer to a caller without a good token."""
        token = request.headers.get("Authorization", "")
        return None if token.startswith("Bearer EAA") else graph_error(190)

    async def say(self, told: Json) -> Json:
        """Lets customers write; see the module."""
        if "payload" in told:
            self.tell(told["payload"])
            return {}
        if {"unsubscribe", "lose_uploads", "media_host"} & set(told):
            self.subscribed = [] if told.get("unsubscribe") else self.subscribed
            self.loses_uploads = bool(told.get("lose_uploads"))
            self.media_host = told.get("media_host", "")
            return {}
        if "media" in told:
            return {"id": self.keep(base64.b64decode(told["media"]), told["mime_type"])}
        messages = told.get("messages") or [
            self.text_from(told, number) for number in range(told.get("count", 1))
        ]
        batches = [messages] if told.get("batch") or "messages" in told else [[each] for each in messages]
        for batch in batches:
            contacts = told.get("contacts") or contacts_of(batch, told.get("name", "Davi"))
            self.tell(
                self.change_of(
                    {"contacts": contacts, "messages": batch},
                    phone_number_id=told.get("phone_number_id", PHONE_NUMBER_ID),
                )
            )
        return {"ids": [each["id"] for each in messages]}

    def text_from(self, told: Json, number: int) -> Json:
        """A simple text."""
        text = told.get("text", "Hi")
        return {
            "from": told.get("from", "5511999990001"),
            "id": told.get("id") or self.new_id(),
            "timestamp": str(int(time.time())),
            "type": "text",
            "text": {"body": f"{text} {number}" if told.get("count", 1) > 1 else text},
        }

    def change_of(self, value: Json, *, phone_number_id: str = PHONE_NUMBER_ID) -> Json:
        """A whole webhook around a value."""
        metadata = {"display_phone_number": NUMBER, "phone_number_id": phone_number_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **value}
        change = {"value": value, "field": "messages"}
        return {"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT_ID, "changes": [change]}]}

    def new_id(self) -> str:
        """An id as WhatsApp's: a name, a dot and base64."""
        self.count += 1
        return "wamid." + base64.b64encode(f"{self.run}-{self.count:012}".encode()).decode()


def contacts_of(messages: Iterable[Json], name: str) -> list[Json]:
    """One contact for each writer."""
    writers = dict.fromkeys(each["from"] for each in messages if "from" in each)
    return [{"profile": {"name": name}, "wa_id": each} for each in writers]


def text_of(told: Json) -> str:
    """What a recipient reads."""
    kind = told["type"]
    body: Any = told[kind]
    if kind == "text":
        return str(body["body"])
    if kind == "interactive":
        return str(body["body"]["text"])
    return str(body.get("caption") or body.get("name") or "")


def too_much(told: Json) -> bool:
    """Whether a message breaks one of Meta's limits."""
    body: Any = told[told["type"]]
    action = body.get("action", {})
    titles = [each["reply"]["title"] for each in action.get("buttons", ())]
    rows = [row for each in action.get("sections", ()) for row in each["rows"]]
    return (
        not 0 < len(str(body.get("body", "x"))) <= 4096
        or len(body.get("caption", "")) > 1024
        or len(str(body.get("body", {}).get("text", "")) if action else "") > 1024
        or len(titles) > 3
        or len(set(titles)) < len(titles)
        or len(rows) > 10
        or any(len(each) > 20 for each in titles)
        or any(len(each["title"]) > 24 or len(each.get("description", "")) > 72 for each in rows)
    )


def template(name: str, header: str = "TEXT") -> Json:
    """An approved template with two places, below a line or a file."""
    example = {"example": {"header_handle": ["https://scontent.whatsapp.net/v/t61"]}}
    above: Json = {"text": "Jasper's Market"} if header == "TEXT" else example
    return {
        "id": f"59448{len(name)}",
        "name": name,
        "language": "en_US",
        "status": "APPROVED",
        "category": "UTILITY",
        "parameter_format": "POSITIONAL",
        "components": [
            {"type": "HEADER", "format": header, **above},
            {"type": "BODY", "text": "Hello {{1}}, about {{2}}: write to us, {{1}}."},
        ],
    }


def graph_error(code: int, *, headers: Mapping[str, str] | None = None, **more: Any) -> web.Response:
    """An error in Graph's form."""
    status, sentence = SENTENCES[code]
    error = {
        "message": f"(#{code}) {sentence}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": sentence},
        "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam",
        **more,
    }
    return web.json_response({"error": error}, status=status, headers=headers)


if __name__ == "__main__":
    WhatsAppCloud.main()
