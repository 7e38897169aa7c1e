"""What was approved beforehand: filled in, written once, sent at any time."""

import base64
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from conversations.actions import add_attachment, send_template
from conversations.actions.outbound import PLACE, rendered
from conversations.enums import AuthorKind, DeliveryStatus, Direction, Status
from conversations.models import Conversation, Delivery, Inbox, Message, MessageTemplate
from core.errors import Forbidden, Invalid, NotFound, TooLarge
from tests.channels import silent_for

pytestmark = pytest.mark.django_db
VALUES = {"1": "Eva", "2": "#77"}


def test_a_template_says_its_text_with_the_places_filled_in(
    letter: Conversation, template: MessageTemplate, bruno: User
) -> None:
    silent_for(letter, timedelta(days=30))
    message = send_template(
        conversation=letter, template=template, variables={"2": " #77\n", "1": "Eva"}, by=bruno.as_actor()
    )
    assert message.text == "Hello Eva, your parcel #77 is here."
    assert (message.direction, message.author_kind) == (Direction.OUT, AuthorKind.OPERATOR)
    assert message.details == {
        "kind": "template", "name": "parcel_here", "language": "en", "variables": VALUES
    }  # fmt: skip
    assert list(message.details["variables"]) == ["1", "2"]


def test_a_template_is_delivered_and_takes_the_conversation_over(
    letter: Conversation, template: MessageTemplate, bruno: User
) -> None:
    message = send_template(conversation=letter, template=template, variables=VALUES, by=bruno.as_actor())
    letter.refresh_from_db()
    assert (letter.status, letter.assignee, letter.waiting_since) == (Status.OPEN, bruno, None)
    assert letter.first_reply_at is not None
    assert letter.preview.startswith("Hello Eva")
    assert Delivery.objects.get(message=message).status == DeliveryStatus.QUEUED


def test_a_template_is_no_markdown(letter: Conversation, template: MessageTemplate, bruno: User) -> None:
    """The customer reads what the provider approved, not our rendering of it."""
    values = {"1": "**Eva** <b>", "2": "x"}
    message = send_template(conversation=letter, template=template, variables=values, by=bruno.as_actor())
    assert message.html == "<p>Hello **Eva** &lt;b&gt;, your parcel x is here.</p>"


def test_a_template_that_is_sent_again_is_one_message(
    letter: Conversation, template: MessageTemplate, bruno: User
) -> None:
    once = uuid4()
    told = [
        send_template(
            conversation=letter, template=template, variables=VALUES, by=bruno.as_actor(), client_id=once
        )
        for _ in range(2)
    ]
    assert told[0] == told[1]
    assert Message.objects.filter(direction=Direction.OUT).count() == 1


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"1": "Eva"}, "2"),
        ({"1": "Eva", "2": "  \n"}, "2"),
        ({"1": "x" * 1025, "2": "y"}, "1"),
        ({**VALUES, "3": "more"}, "3"),
    ],
)
def test_a_template_with_wrong_values_is_refused(
    letter: Conversation, template: MessageTemplate, bruno: User, variables: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        send_template(conversation=letter, template=template, variables=variables, by=bruno.as_actor())
    assert refusal.value.extra == {"field": field}
    assert not Message.objects.filter(direction=Direction.OUT).exists()


def test_a_template_is_never_cut_in_two(letter: Conversation, template: MessageTemplate, bruno: User) -> None:
    """A second part would be the same template once more."""
    for length, fits in [(60, True), (100, False)]:
        values = {"1": "x" * length, "2": "y"}
        if fits:
            message = send_template(
                conversation=letter, template=template, variables=values, by=bruno.as_actor()
            )
            assert Delivery.objects.get(message=message).part == 0
            continue
        with pytest.raises(TooLarge):
            send_template(conversation=letter, template=template, variables=values, by=bruno.as_actor())


# --- A file above the text ----------------------------------------------------------------------------------
BYTES = {
    "text/plain": b"the bill",
    "image/png": base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    ),
}


def with_file(template: MessageTemplate, header_format: str) -> MessageTemplate:
    template.details = {**template.details, "header_format": header_format}
    return template


def uploaded(inbox: Inbox, *kinds: str) -> dict[str, Any]:
    """Files of an operator that wait for their message."""
    files = [
        add_attachment(inbox=inbox, uploader="op", upload=SimpleUploadedFile("a", BYTES[kind], kind))
        for kind in kinds
    ]
    return {"attachment_ids": [file.pk for file in files], "uploader": "op"}


@pytest.mark.parametrize(("header", "kind"), [("IMAGE", "image/png"), ("DOCUMENT", "text/plain")])
def test_a_template_goes_out_in_one_piece_with_the_file_above_it(
    letter: Conversation, template: MessageTemplate, bruno: User, header: str, kind: str
) -> None:
    """As text and file apart it would have been sent twice, once without what it was approved with."""
    message = send_template(
        conversation=letter, template=with_file(template, header), variables=VALUES, by=bruno.as_actor(),
        **uploaded(letter.inbox, kind),
    )  # fmt: skip
    assert message.details["header_format"] == header
    delivery = Delivery.objects.get(message=message)
    assert delivery.text == message.text
    assert delivery.attachment == message.attachments.get()


@pytest.mark.parametrize(
    ("header", "kinds"),
    [
        ("IMAGE", []),
        ("IMAGE", ["text/plain"]),
        ("IMAGE", ["image/png", "image/png"]),
        ("VIDEO", ["image/png"]),
        ("", ["image/png"]),
    ],
)
def test_a_template_takes_exactly_the_file_it_was_approved_with(
    letter: Conversation, template: MessageTemplate, bruno: User, header: str, kinds: list[str]
) -> None:
    with pytest.raises(Invalid) as refusal:
        send_template(
            conversation=letter, template=with_file(template, header), variables=VALUES, by=bruno.as_actor(),
            **uploaded(letter.inbox, *kinds),
        )  # fmt: skip
    assert refusal.value.extra == {"field": "attachments"}
    assert not Message.objects.filter(direction=Direction.OUT).exists()


def test_a_template_takes_no_file_of_somebody_else(
    letter: Conversation, template: MessageTemplate, bruno: User
) -> None:
    files = {**uploaded(letter.inbox, "image/png"), "uploader": "other"}
    with pytest.raises(NotFound):
        send_template(
            conversation=letter, template=with_file(template, "IMAGE"), variables=VALUES,
            by=bruno.as_actor(), **files,
        )  # fmt: skip


# --- Which may be sent, and by whom -------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["PENDING", "REJECTED", "", "PAUSED"])
def test_a_template_that_is_not_approved_is_refused(
    letter: Conversation, template: MessageTemplate, bruno: User, status: str
) -> None:
    template.status = status
    with pytest.raises(Invalid, match="not approved"):
        send_template(conversation=letter, template=template, variables=VALUES, by=bruno.as_actor())


def test_a_template_of_another_inbox_is_not_found(
    conversation: Conversation, template: MessageTemplate, bruno: User
) -> None:
    with pytest.raises(NotFound):
        send_template(conversation=conversation, template=template, variables=VALUES, by=bruno.as_actor())


def test_a_template_is_for_staff_who_see_the_conversation(
    letter: Conversation, template: MessageTemplate, clara: User
) -> None:
    with pytest.raises(NotFound):
        send_template(conversation=letter, template=template, variables=VALUES, by=clara.as_actor())
    with pytest.raises(Forbidden):
        send_template(conversation=letter, template=template, variables=VALUES, by=letter.contact.as_actor())


names = st.from_regex(re.compile(r"\A[a-z0-9_]{1,8}\Z", re.ASCII))


@given(st.lists(st.one_of(st.text().filter(lambda text: "{{" not in text), names.map("{{{{{}}}}}".format))))
def test_rendering_fills_every_place_and_touches_nothing_else(parts: list[str]) -> None:
    body = "|".join(parts)
    asked = set(PLACE.findall(body))
    full = rendered(body, dict.fromkeys(asked, "\\1"))
    assert full == PLACE.sub(lambda _: "\\1", body)
    assert rendered(body, {}) == body


def test_inboxes_do_not_share_templates(post: Inbox, template: MessageTemplate) -> None:
    assert template.inbox == post
    assert str(template) == "parcel_here (en)"
