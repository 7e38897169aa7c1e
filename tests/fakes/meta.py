"""What the simulators of Instagram and Messenger share: a Graph API that checks what it is given.

A customer speaks by `say(**{"from": "24001", "text": "Hello"})`; `event` gives any other messaging event,
`late` closes the window in which this person may be written to, `subscribed` sets what the account sends to
the app. Sent messages are told back as echoes and read at once, unless it is muted. A message to 24066 gets
an answer without an id, one to 24077 is refused without a tag; `m_gone` cannot be quoted. It knows nothing of
our code: signatures and limits are its own.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from tests.fakes.provider import Json, Provider

TOKEN = "EAAGm0PX4ZCpsBAtoken"
SECRET = "4b5c1f0e9d8a7b6c5d4e3f2a1b0c9d8e"
VERIFY_TOKEN = "a-token-we-made-up"
APP = "1517776481860111"
MARK = "helpdesk:"
ACTIONS = {"mark_seen", "typing_on", "typing_off"}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Graph(Provider):
    """A Graph API for one account."""

    kind: ClassVar[str]
    account: ClassVar[str]
    nodes: ClassVar[tuple[str, ...]]
    has_proof: ClassVar[bool] = True

    def __init__(self, hook: str = "", secret: str = SECRET, ledger: str = "", seed: int = 1) -> None:
        super().__init__(hook, secret or SECRET, ledger, seed)
        self.late: set[str] = set()
        self.subscribed = ["messages", "messaging_postbacks"]
        self.count = 0
        self.acts: list[Json] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/media/{name}", self._media),
            web.get("/me", self._me),
            web.post("/{node}/messages", self._messages),
            web.get("/_acts", self._what_was_acted),
            web.get("/{node}/subscribed_apps", self._subscribed),
            web.post("/{node}/subscribed_apps", self._subscribe),
            web.post("/{app}/subscriptions", self._subscriptions),
            web.get("/{person}", self._person),
        ]

    # What the two differ in.

    def mid(self) -> str:
        """A new id, in the shape of the provider's own."""
        raise web.HTTPNotFound

    def who(self) -> Json:
        """Whose token it is."""
        raise web.HTTPNotFound

    def wrong(self, message: Mapping[str, Any]) -> str:
        """What is wrong with a message, or nothing."""
        raise web.HTTPNotFound

    def told_back(self, row: Json, to: str) -> list[Json]:
        """The events that follow a message of ours."""
        raise web.HTTPNotFound

    # Webhooks.

    def signed(self, body: bytes) -> Mapping[str, str]:
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={digest}"}

    async def say(self, told: Json) -> Json:
        person = str(told.get("from", "24001"))
        if "subscribed" in told:
            self.subscribed = told["subscribed"]
            return {}
        if told.get("late"):
            self.late.add(person)
            return {}
        self.late.discard(person)
        mid = self.mid()
        event = told.get("event") or {"message": {"mid": mid, "text": told.get("text", "")}}
        self.notify(self.event(person, self.account, **event))
        return {"mid": event.get("message", {}).get("mid", "")}

    def event(self, sender: str, recipient: str, **what: Any) -> Json:
        return {
            "sender": {"id": sender},
            "recipient": {"id": recipient},
            "timestamp": int(time.time() * 1000),
            **what,
        }

    def notify(self, *events: Json) -> None:
        entry = {"id": self.account, "time": int(time.time() * 1000), "messaging": list(events)}
        self.tell({"object": self.kind, "entry": [entry]})

    # The API.

    def refusal(self) -> web.Response:
        return error(551, "This person isn't available right now.", subcode=1545041)

    def slow_down(self) -> web.Response:
        headers = {"Retry-After": f"{self.faults.retry_after:g}"}
        return error(613, "Calls to this api have exceeded the rate limit.", headers=headers)

    def check(self, request: web.Request) -> None:
        """Lets in who has the token, and the proof where one is asked for."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        proof = hmac.new(self.secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if token not in {TOKEN, f"{APP}|{self.secret}"} or "access_token" in request.query:
            raise failed(190, "Error validating access token: the session has expired.", status=401)
        if self.has_proof and request.query.get("appsecret_proof") != proof:
            raise failed(100, "Invalid appsecret_proof provided in the API argument")
        node = request.match_info.get("node")
        if node and node not in self.nodes:
            raise failed(100, f"Object with ID '{node}' does not exist", subcode=33)

    async def _messages(self, request: web.Request) -> Any:
        self.check(request)
        body = await _body(request)
        to = str(body["recipient"]["id"])
        if "sender_action" in body:
            return self._act(body, to)
        if to in self.late and body.get("tag") != "HUMAN_AGENT":
            return self.closed()
        if body.get("reply_to", {}).get("mid") == "m_gone":
            return error(100, "Invalid parameter: reply_to", subcode=2018109)
        if problem := self.wrong(body["message"]):
            return error(100, problem)
        if to == "24077" and "tag" not in body:
            return self.refusal()
        if to == "24066":
            return web.json_response({"recipient_id": to})

        async def take() -> web.Response:
            return self._take(body, to)

        return await self.misbehave(request, take)

    def _act(self, body: Json, to: str) -> web.Response:
        """A sign that something was seen or is being written; it goes alone."""
        if set(body) != {"recipient", "sender_action"} or body["sender_action"] not in ACTIONS:
            return error(100, "sender_action must be sent alone")
        self.acts.append(body)
        return web.json_response({"recipient_id": to})

    async def _what_was_acted(self, _request: web.Request) -> web.Response:
        return web.json_response(self.acts)

    def closed(self) -> web.Response:
        """Too late."""
        return error(10, "This message is sent outside of allowed window.", subcode=2018278, status=400)

    def _take(self, body: Json, to: str) -> web.Response:
        message, mid = body["message"], self.mid()
        key = str(message.get("metadata", "")).removeprefix(MARK)
        kind = message.get("attachment", {}).get("type", "text")
        self.accept(to, message.get("text", ""), mid, key=key, kind=kind, raw=body)
        if not self.faults.mute:
            self.later(self._tell_back({**message, "mid": mid}, to))
        return web.json_response({"recipient_id": to, "message_id": mid})

    async def _tell_back(self, row: Json, to: str) -> None:
        for event in self.told_back(row, to):
            await asyncio.sleep(0.05)
            self.notify(event)

    async def _me(self, request: web.Request) -> web.Response:
        self.check(request)
        return web.json_response(self.who())

    async def _person(self, request: web.Request) -> web.Response:
        self.check(request)
        person = request.match_info["person"]
        if person in self.nodes:
            return web.json_response({"id": person, "username": "lojadaana"})
        if person.startswith("17841"):
            return error(100, f"Object with ID '{person}' does not exist", subcode=33)
        if person.startswith("9"):
            return error(230, "User consent is required to access user profile", status=403)
        names = {"name": "Davi Souza", "username": "davi.s", "id": person}
        return web.json_response({name: names[name] for name in request.query["fields"].split(",")})

    async def _subscribed(self, request: web.Request) -> web.Response:
        self.check(request)
        app = {"id": APP, "name": "Helpdesk", "subscribed_fields": self.subscribed}
        return web.json_response({"data": [app] if self.subscribed else []})

    async def _subscribe(self, request: web.Request) -> web.Response:
        self.check(request)
        self.subscribed = request.query["subscribed_fields"].split(",")
        return web.json_response({"success": True})

    async def _subscriptions(self, request: web.Request) -> web.Response:
        """Asks the address whether it is ours, as the dashboard does."""
        self.check(request)
        told = await request.json()
        query = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
        query["hub.verify_token"] = told["verify_token"]
        async with self.session.get(told["callback_url"], params=query) as answer:
            if answer.status != 200 or await answer.text() != "1158201444":
                return error(2200, "Callback verification failed")
        self.hook = told["callback_url"]
        return web.json_response({"success": True})

    async def _media(self, request: web.Request) -> web.Response:
        """A file server: no token, and old files are gone."""
        if "Authorization" in request.headers or request.match_info["name"].startswith("gone"):
            raise web.HTTPForbidden(text="URL signature expired")
        if request.match_info["name"].startswith("busy"):
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "3"})
        if request.match_info["name"].startswith("odd"):
            return web.Response(status=418, text="I'm a teapot")
        return web.Response(body=PIXEL, content_type="image/png")


async def _body(request: web.Request) -> Json:
    if request.content_type == "application/json":
        body: Json = await request.json()
        return body
    form = await request.post()
    file = form["filedata"]
    assert isinstance(file, web.FileField)
    content = await asyncio.to_thread(file.file.read)
    read = {name: _json(value) for name, value in form.items() if name != "filedata"}
    told = {"name": file.filename, "type": file.content_type, "size": len(content)}
    return {**read, "filedata": {**told, "sha256": hashlib.sha256(content).hexdigest()}}


def _json(value: Any) -> Any:
    return json.loads(value) if value.startswith("{") else value


def _error(code: int, message: str, subcode: int) -> Json:
    told: Json = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code}
    if subcode:
        told["error_subcode"] = subcode
    return {"error": {**told, "fbtrace_id": "BLBz/WZt8dN"}}


def error(
    code: int,
    message: str,
    *,
    subcode: int = 0,
    status: int = 400,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """An error as the API tells it: nearly always with status 400."""
    return web.json_response(_error(code, message, subcode), status=status, headers=headers)


def failed(code: int, message: str, *, subcode: int = 0, status: int = 400) -> web.HTTPException:
    """The same, to raise."""
    kind = web.HTTPUnauthorized if status == 401 else web.HTTPBadRequest
    return kind(text=json.dumps(_error(code, message, subcode)), content_type="application/json")


def too_many_buttons(message: Mapping[str, Any]) -> str:
    """What both say of quick replies that nobody could show."""
    replies = message.get("quick_replies", [])
    if len(replies) > 13:
        return "quick_replies must have at most 13 elements"
    if any(len(each["title"]) > 20 or len(each["payload"]) > 1000 for each in replies):
        return "quick_replies: title must be at most 20 characters"
    return ""
