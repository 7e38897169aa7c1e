"""An integrator's program: takes our callbacks, which `standardwebhooks` judges, and tells us things.

`say(**{"from": …, "text": …})` lets a customer write, `say(raw={…})` sends any body. A callback that came
before is answered as it was then, and marked `repeated`: the id of a webhook is what doubles are told by.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from tests.fakes.provider import Json, Provider

SECRET = "whsec_" + base64.b64encode(b"an integrator's secret, 32 bytes").decode()


class ApiChannel(Provider):
    """The other side of the API channel."""

    name = "api"

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/callback", self._callback)]

    def signed(self, body: bytes) -> Mapping[str, str]:
        # The same for each attempt to deliver a body, as the specification asks.
        event_id = f"evt_{hashlib.sha256(body).hexdigest()[:24]}"
        now = datetime.now(UTC)
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._judge().sign(event_id, now, body.decode()),
        }

    async def say(self, told: Json) -> Json:
        if "raw" in told:
            self.tell(told["raw"])
            return {}
        message_id = told.get("id") or f"m-{uuid4().hex}"
        contact = {"id": told["from"], **({"name": told["name"]} if "name" in told else {})}
        more = {name: told[name] for name in ("files", "sent_at", "reply_to", "html") if name in told}
        self.tell(
            {"messages": [{"id": message_id, "contact": contact, "text": told.get("text", ""), **more}]}
        )
        return {"id": message_id}

    def _judge(self) -> Webhook:
        return Webhook(self.secret or SECRET)

    async def _callback(self, request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            event = self._judge().verify(raw, dict(request.headers))
        except WebhookVerificationError as error:
            return web.json_response({"error": str(error)}, status=401)
        if event["type"] == "ping":
            return web.json_response({})

        async def take() -> web.Response:
            return web.json_response({"id": self._taken(event["data"], request.headers["webhook-id"])})

        answer: web.Response = await self.misbehave(request, take)
        return answer

    def _taken(self, data: Json, key: str) -> str:
        known = next((row for row in self.accepted if row.key == key), None)
        if known:
            known.raw["repeated"] = True
            return known.provider_id
        row = self.accept(data["contact"]["id"], data["text"], f"their-{uuid4().hex}", key=key, raw=data)
        if not self.faults.mute:
            self._tell_receipts(row.provider_id, key)
        return row.provider_id

    def _tell_receipts(self, provider_id: str, key: str) -> None:
        """Half of them by our key, half by the id that we were answered."""
        for status, named in (("delivered", {"key": key}), ("read", {"id": provider_id})):
            now = datetime.now(UTC).isoformat()
            self.tell(json.dumps({"receipts": [{**named, "status": status, "at": now}]}).encode())


if __name__ == "__main__":
    ApiChannel.main()
