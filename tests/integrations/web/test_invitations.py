"""Invitations at the widget's doors: config, HTTP and socket, with the token and the pace of messages."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from asgiref.sync import sync_to_async

from campaigns import actions
from campaigns.actions import Wording
from campaigns.models import Campaign, Recipient
from conversations.models import Contact, Conversation, Inbox, Message
from core.actor import Actor
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)
in_db = sync_to_async
TEXT = "Need **help**?"


@pytest.fixture
def campaign(inbox: Inbox) -> Campaign:
    """A message that runs on the shop's site."""
    by, wordings = Actor.system(), [Wording(TEXT)]
    made = actions.create_campaign(
        by=by, inbox=inbox, name="Checkout", kind="onsite", brief="secret", wordings=wordings, seconds=3
    )
    actions.approve(campaign=made, by=by)
    return actions.start(campaign=made, by=by)


class Page:
    """A page of a site, as the widget speaks for it over HTTP."""

    def __init__(self, server: LiveServer, key: str) -> None:
        self.client = httpx.AsyncClient(base_url=f"{server.url}/api/v1/widget/{key}", timeout=20)
        self.token = ""

    async def hello(self) -> None:
        answer = await self.client.post("/hello", json={"type": "hello", "v": 1})
        self.token = answer.raise_for_status().json()["token"]

    async def tell(self, frame: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        answer = await self.client.post("/messages", json=frame, headers=headers)
        return answer.status_code, answer.json()

    async def show(self, campaign: Campaign) -> tuple[int, dict[str, Any]]:
        return await self.tell({"type": "show", "invitation": str(campaign.pk)})

    async def accept(self, campaign: Campaign) -> tuple[int, dict[str, Any]]:
        return await self.tell({"type": "accept", "client_id": str(campaign.pk)})


@pytest.fixture
async def page(quiet_server: LiveServer, inbox: Inbox) -> AsyncIterator[Page]:
    page = Page(quiet_server, inbox.key)
    await page.hello()
    yield page
    await page.client.aclose()


async def test_the_config_says_when_to_ask_and_nothing_of_the_campaign(
    page: Page, campaign: Campaign, inbox: Inbox
) -> None:
    answer = await page.client.get("/config")
    offer = {"id": str(campaign.pk), "page": "", "seconds": 3, "visitors": "any"}
    assert answer.json()["invitations"] == [offer]
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert not any(word in answer.text for word in (TEXT, "Checkout", "secret"))
    await in_db(actions.pause)(campaign=campaign, by=Actor.system())
    assert (await page.client.get("/config")).json()["invitations"] == []


async def test_over_http_it_is_shown_once_and_taken_up_once(page: Page, campaign: Campaign) -> None:
    shown = {"type": "invitation", "id": str(campaign.pk), "text": TEXT}
    assert await page.show(campaign) == (200, {**shown, "html": "<p>Need <strong>help</strong>?</p>\n"})
    status, refused = await page.show(campaign)
    assert (status, refused["code"]) == (409, "conflict")
    assert not await Contact.objects.aexists()
    first, second = await page.accept(campaign), await page.accept(campaign)
    assert first == second
    message = await Message.objects.aget()
    ack = {"type": "ack", "client_id": str(campaign.pk), "seq": 1, "message_id": str(message.pk)}
    assert first == (200, ack)
    assert await Conversation.objects.acount() == 1


async def test_over_the_socket_it_comes_as_a_message_and_the_reply_follows(
    quiet_server: LiveServer, campaign: Campaign, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.tell({"type": "show", "invitation": str(campaign.pk)})
        assert (await visitor.until("invitation"))["id"] == str(campaign.pk)
        await visitor.tell({"type": "accept", "client_id": str(campaign.pk)})
        assert (await visitor.until("ack"))["client_id"] == str(campaign.pk)
        message = await visitor.message_from("operator")
        assert (message["text"], message["client_id"]) == (TEXT, str(campaign.pk))
        assert message["author"]["name"] == "Aurora"
        assert "secret" not in str(visitor.frames)
        ack = await visitor.send("Yes please")
        assert ack["seq"] == 2
    assert (await Recipient.objects.aget()).replied_at is not None


async def test_a_second_tab_without_the_conversation_finds_it_by_the_ack(
    quiet_server: LiveServer, campaign: Campaign, inbox: Inbox
) -> None:
    async with quiet_server.visitor(inbox.key) as one:
        token = one.token
        async with quiet_server.visitor(inbox.key, token=token) as two:
            await one.tell({"type": "show", "invitation": str(campaign.pk)})
            await one.until("invitation")
            for tab in (one, two):
                await tab.tell({"type": "accept", "client_id": str(campaign.pk)})
            ids = {(await tab.message_from("operator"))["id"] for tab in (one, two)}
    assert len(ids) == 1
    assert await Message.objects.acount() == 1


async def test_refusals_name_the_invitation_that_was_taken_up(
    quiet_server: LiveServer, campaign: Campaign, inbox: Inbox, page: Page
) -> None:
    status, answer = await page.accept(campaign)
    assert (status, answer["code"], answer["client_id"]) == (404, "not_found", str(campaign.pk))
    status, answer = await page.tell({"type": "show", "invitation": str(uuid4())})
    assert (status, answer["code"]) == (404, "not_found")
    async with quiet_server.visitor(inbox.key) as visitor:
        await visitor.tell({"type": "accept", "client_id": str(campaign.pk)})
        refused = await visitor.until("error")
        assert (refused["code"], refused["client_id"]) == ("not_found", str(campaign.pk))


async def test_a_campaign_that_is_stopped_shows_nothing_more_though_pages_know_it(
    page: Page, campaign: Campaign
) -> None:
    assert (await page.show(campaign))[0] == 200
    await in_db(actions.cancel)(campaign=campaign, by=Actor.system())
    assert (await page.accept(campaign))[0] == 404
    await page.hello()
    assert (await page.show(campaign))[0] == 404


async def test_without_a_token_or_from_a_foreign_site_nothing_is_shown(
    page: Page, campaign: Campaign, inbox: Inbox
) -> None:
    await Inbox.objects.filter(pk=inbox.pk).aupdate(allowed_origins=["https://shop.example"])
    frame = {"type": "show", "invitation": str(campaign.pk)}
    assert (await page.tell(frame, Origin="https://other.example"))[0] == 403
    assert (await page.tell(frame, Authorization="Bearer nonsense"))[0] == 401
    assert not await Recipient.objects.aexists()
    assert (await page.tell(frame, Origin="https://shop.example"))[0] == 200


@pytest.mark.usefixtures("still_minute")
async def test_invitations_share_the_pace_of_messages(page: Page, campaign: Campaign, settings: Any) -> None:
    settings.CHAT_MESSAGES_PER_MINUTE = 3
    assert (await page.show(campaign))[0] == 200
    assert (await page.accept(campaign))[0] == 200
    frame = {"type": "send", "client_id": str(uuid4()), "text": "Yes"}
    assert (await page.tell(frame))[0] == 200
    for refused in (await page.show(campaign), await page.accept(campaign)):
        assert (refused[0], refused[1]["code"], refused[1]["retry_after"]) == (429, "too_many", 42)
