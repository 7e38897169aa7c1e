"""Channels at the desk: what rows, threads and verbs say of them."""

import asyncio
import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django.asserts import assertNumQueries

from accounts.models import User
from conversations.actions import reply
from conversations.enums import Direction, Light
from conversations.groups import conversation_group
from conversations.models import (
    Attachment,
    Conversation,
    Delivery,
    Inbox,
    InboxState,
    Message,
    MessageTemplate,
)
from core.actor import Actor
from desk.hub import Hub
from desk.queries.channels import GLYPHS, glyph
from desk.queries.messages import came_late, details_frame
from desk.queries.rows import find, light_frame, row_frame
from desk.queries.threads import item_frame, thread_events
from tests.channels import DAY, silent_for
from tests.desk.conftest import said
from tests.desk.test_hub import Ear
from tests.desk.test_views import post as do

pytestmark = pytest.mark.django_db
Json = dict[str, Any]


def messages(row: Conversation) -> list[Json]:
    """The messages of a thread as the desk gets them."""
    frames = [item_frame(event) for event in thread_events(row.pk)]
    return [frame["message"] for frame in frames if frame["event"] == "message.created"]


def first(row: Conversation, **fields: Any) -> Json:
    """The customer's first message, with other fields."""
    Message.objects.filter(conversation=row, seq=1).update(**fields)
    return messages(row)[0]


# --- Rows ------------------------------------------------------------------------------------------------


def test_a_row_says_its_channel_and_window(letter: Conversation) -> None:
    frame = row_frame(letter)
    assert frame["channel"] == {
        "kind": "post", "label": "Post", "has_templates": True, "quotes": True,
        "copies": True,
    }  # fmt: skip
    assert frame["window"]["is_open"] is True
    assert letter.last_contact_at is not None
    assert frame["window"]["until"] == (letter.last_contact_at + DAY).isoformat()


def test_a_row_of_the_widget_has_no_window_and_no_light(conversation: Conversation) -> None:
    frame = row_frame(conversation)
    assert (frame["channel"]["kind"], frame["window"], frame["light"]) == ("web", None, None)


@pytest.mark.parametrize(
    ("light", "shown"), [("unknown", False), ("green", False), ("yellow", True), ("red", True)]
)
def test_only_trouble_is_shown(post: Inbox, light: str, *, shown: bool) -> None:
    InboxState.objects.create(inbox=post, light=Light(light), detail="Token expired")
    post.refresh_from_db()
    assert light_frame(post) == ({"color": light, "detail": "Token expired"} if shown else None)


def test_rows_carry_no_settings_of_an_inbox(as_bruno: Client, letter: Conversation, post: Inbox) -> None:
    assert {"config", "secret"} <= find(Actor.system(), letter.pk).inbox.get_deferred_fields()
    post.config = {"secret": "hunter2"}
    post.save()
    InboxState.objects.create(inbox=post, details={"qr": "hunter2"})
    for path in ("", f"{letter.pk}/", "rows/", f"{letter.pk}/thread/", f"{letter.pk}/templates/"):
        assert b"hunter2" not in as_bruno.get(f"/admin/inbox/{path}").content


@pytest.mark.parametrize("count", [1, 3])
def test_channels_cost_a_page_no_query_more(as_bruno: Client, post: Inbox, count: int) -> None:
    for number in range(count):
        said(post, f"customer{number}")
    InboxState.objects.create(inbox=post, light=Light.RED)
    # Session, user, teams, rows, counts, lights.
    with assertNumQueries(6):
        rows = as_bruno.get("/admin/inbox/rows/", {"queue": "open"}).json()["rows"]
    assert [row["light"]["color"] for row in rows] == ["red"] * count


def test_the_list_may_be_that_of_one_inbox(
    as_bruno: Client, letter: Conversation, conversation: Conversation
) -> None:
    def ids(**query: Any) -> set[str]:
        return {row["id"] for row in as_bruno.get("/admin/inbox/rows/", query).json()["rows"]}

    assert ids(inbox=letter.inbox_id) == {str(letter.pk)}
    assert ids(inbox=conversation.inbox_id) == {str(conversation.pk)}
    assert ids() == ids(inbox="x") == ids(inbox="9" * 12) == {str(letter.pk), str(conversation.pk)}
    assert ids(inbox=0) == set()


# --- Messages --------------------------------------------------------------------------------------------


def test_a_message_says_how_far_it_has_come(letter: Conversation, bruno: User) -> None:
    sent = reply(conversation=letter, text="Here", by=bruno.as_actor())
    assert messages(letter)[-1]["delivery"] == {"status": "queued", "error": "", "can_retry": False}
    Delivery.objects.filter(message=sent).update(status="failed", error="Blocked")
    assert messages(letter)[-1]["delivery"] == {"status": "failed", "error": "Blocked", "can_retry": True}


def test_a_message_of_the_widget_has_nothing_to_deliver(conversation: Conversation, bruno: User) -> None:
    reply(conversation=conversation, text="Here", by=bruno.as_actor())
    assert [message["delivery"] for message in messages(conversation)] == [None, None]


@pytest.mark.parametrize("count", [1, 3])
def test_a_thread_with_deliveries_and_answers_costs_two_queries(
    letter: Conversation, bruno: User, count: int
) -> None:
    asked = Message.objects.get(conversation=letter)
    for number in range(count):
        reply(conversation=letter, text=f"{number}", by=bruno.as_actor())
    Message.objects.filter(direction=Direction.OUT).update(reply_to=asked)
    with assertNumQueries(2):
        found = messages(letter)
    assert [message["delivery"]["status"] for message in found[1:]] == ["queued"] * count
    assert {message["reply_to"]["text"] for message in found[1:]} == {"Is it here?"}


def test_the_whole_text_of_a_mail_is_read_only_when_asked_for(as_bruno: Client, letter: Conversation) -> None:
    """A thread of long mails would carry every quote of every quote."""
    details = {"kind": "email", "subject": "Parcel", "full_text": "Thanks\n> long ago <b>", "raw": "bytes"}
    message = first(letter, details=details)
    assert message["details"] == {"kind": "email", "subject": "Parcel", "has_full_text": True}
    answer = as_bruno.get(f"/admin/inbox/{letter.pk}/messages/{message['id']}/").json()
    assert answer == {"text": "Thanks\n> long ago <b>"}


def test_a_mail_that_was_not_trimmed_offers_no_longer_text(as_bruno: Client, letter: Conversation) -> None:
    message = first(letter, details={"kind": "email"})
    assert message["details"] == details_frame({"kind": "email"}) == {"kind": "email"}
    assert as_bruno.get(f"/admin/inbox/{letter.pk}/messages/{message['id']}/").json() == {
        "text": "Is it here?"
    }


def test_a_message_of_another_conversation_is_not_read_through_this_one(
    as_bruno: Client, letter: Conversation, conversation: Conversation
) -> None:
    other = conversation.messages.get()
    assert as_bruno.get(f"/admin/inbox/{letter.pk}/messages/{other.pk}/").status_code == 404


@pytest.mark.parametrize(("seconds", "is_late"), [(0, False), (120, False), (121, True), (-121, True)])
def test_a_providers_clock_is_told_when_it_differs(seconds: int, *, is_late: bool) -> None:
    now = timezone.now()
    assert came_late(Message(created_at=now, sent_at=now - timedelta(seconds=seconds))) is is_late
    assert came_late(Message(created_at=now, sent_at=None)) is False


def test_a_message_says_when_it_was_written_changed_and_by_what(letter: Conversation) -> None:
    then = timezone.now() - timedelta(days=2)
    message = first(letter, sent_at=then, edited_at=then, is_automatic=True, reactions={"👍": ["Eva"]})
    assert (message["sent_at"], message["edited_at"]) == (then.isoformat(), then.isoformat())
    assert (message["is_automatic"], message["reactions"]) == (True, {"👍": ["Eva"]})


def test_a_file_says_why_it_is_not_here(letter: Conversation, post: Inbox) -> None:
    message = Message.objects.get(conversation=letter)
    Attachment.objects.create(
        inbox=post, message=message, name="a.pdf", content_type="application/pdf", size=0,
        status="failed", error="Expired",
    )  # fmt: skip
    (file,) = messages(letter)[0]["attachments"]
    assert (file["status"], file["error"]) == ("failed", "Expired")


# --- What the thread asks for, and does --------------------------------------------------------------------


def test_states_are_asked_for_again(as_bruno: Client, letter: Conversation, bruno: User) -> None:
    sent = reply(conversation=letter, text="Here", by=bruno.as_actor())
    Delivery.objects.update(status="read")
    answer = as_bruno.get(f"/admin/inbox/{letter.pk}/deliveries/").json()
    assert answer["deliveries"] == {str(sent.pk): {"status": "read", "error": "", "can_retry": False}}


def test_templates_that_may_be_sent_are_the_approved_ones_of_the_inbox(
    as_bruno: Client, letter: Conversation, conversation: Conversation, template: MessageTemplate
) -> None:
    MessageTemplate.objects.create(
        inbox=letter.inbox, name="no", language="en", status="REJECTED", synced_at=timezone.now()
    )
    (shown,) = as_bruno.get(f"/admin/inbox/{letter.pk}/templates/").json()["templates"]
    assert shown == {
        "id": template.pk, "name": "parcel_here", "language": "en", "category": "UTILITY",
        "body": template.body, "variables": ["1", "2"], "header_format": "",
    }  # fmt: skip
    assert as_bruno.get(f"/admin/inbox/{conversation.pk}/templates/").json() == {"templates": []}


def test_a_reply_outside_the_window_is_a_conflict_with_a_code(as_bruno: Client, letter: Conversation) -> None:
    silent_for(letter, DAY)
    status, problem = do(as_bruno, letter, "reply", text="Sorry", client_id=str(uuid4()))
    assert (status, problem["code"]) == (409, "window_closed")


def test_the_template_verb_sends_it_once(
    as_bruno: Client, letter: Conversation, template: MessageTemplate
) -> None:
    silent_for(letter, DAY)
    data = {"template": template.pk, "variables": {"1": "Eva", "2": "7"}, "client_id": str(uuid4())}
    answers = [do(as_bruno, letter, "send-template", **data) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 200
    message = Message.objects.get(direction=Direction.OUT)
    assert (str(message.pk), message.seq) == (answers[0][1]["message"], answers[0][1]["seq"])
    assert message.text == "Hello Eva, your parcel 7 is here."


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"template": None}, 422),
        ({"template": 0}, 404),
        ({"variables": ["Eva"]}, 422),
        ({"variables": {"1": 7}}, 422),
        ({"client_id": "x"}, 422),
    ],
)
def test_the_template_verb_refuses_nonsense(
    as_bruno: Client, letter: Conversation, template: MessageTemplate, change: Json, status: int
) -> None:
    data = {"template": template.pk, "variables": {"1": "Eva", "2": "7"}, **change}
    assert do(as_bruno, letter, "send-template", **data)[0] == status
    assert not Message.objects.filter(direction=Direction.OUT).exists()


def test_a_reply_points_to_the_message_it_answers(as_bruno: Client, letter: Conversation) -> None:
    asked = Message.objects.get(conversation=letter)
    status, answer = do(as_bruno, letter, "reply", text="Yes", reply_to=str(asked.pk))
    assert status == 200
    shown = messages(letter)[-1]
    assert (shown["id"], shown["reply_to"]["id"]) == (answer["message"], str(asked.pk))
    assert do(as_bruno, letter, "reply", text="Yes", reply_to="first")[0] == 422


def test_what_failed_is_sent_again(as_bruno: Client, letter: Conversation, bruno: User) -> None:
    sent = reply(conversation=letter, text="Here", by=bruno.as_actor())
    Delivery.objects.update(status="failed", error="Blocked")
    status, answer = do(as_bruno, letter, "retry", message=str(sent.pk))
    assert status == 200
    assert answer["deliveries"][str(sent.pk)]["status"] in {"queued", "sending"}
    assert do(as_bruno, letter, "retry", message=str(sent.pk))[0] == 409


def test_nothing_of_another_conversation_is_sent_again(
    as_bruno: Client, letter: Conversation, conversation: Conversation, bruno: User
) -> None:
    sent = reply(conversation=letter, text="Here", by=bruno.as_actor())
    Delivery.objects.update(status="failed")
    assert do(as_bruno, conversation, "retry", message=str(sent.pk))[0] == 404
    assert do(as_bruno, conversation, "retry")[0] == 404
    assert Delivery.objects.get().status == "failed"


@pytest.mark.django_db(transaction=True)
async def test_the_hub_passes_on_how_far_a_message_has_come(conversation: Conversation, bruno: User) -> None:
    actor = await sync_to_async(bruno.as_actor)()
    hub, ear, other = Hub(), Ear(actor), Ear(actor)
    await hub.follow(ear, str(conversation.pk))
    await hub.enter(other)
    told = {"type": "delivery", "conversation": str(conversation.pk), "message": "m", "status": "sent"}
    await get_channel_layer().group_send(conversation_group(conversation.pk), told)
    async with asyncio.timeout(10):
        await ear.told.wait()
    assert json.loads(ear.frames[-1]) == told
    assert other.frames == []
    for each in (ear, other):
        await hub.leave(each)


def test_every_channel_has_a_glyph() -> None:
    """A channel that has none is drawn as a program's, which says nothing wrong."""
    page = (settings.BASE_DIR / "templates/desk/channels.html").read_text()
    assert set(re.findall(r'id="c-([a-z_]+)"', page)) == GLYPHS
    assert glyph(Inbox(channel="pigeon")) == "api"
    assert set(settings.CHANNEL_ADAPTERS) <= GLYPHS
