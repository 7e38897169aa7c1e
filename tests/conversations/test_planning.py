"""What has to be sent for a message: nothing, one thing or several, each as its channel takes it."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from conversations.actions import add_attachment, hand_back, note, reply, send_template
from conversations.actions.planning import split_text
from conversations.actions.record import add_message, lock, save_locked, system_draft
from conversations.channels import Capabilities
from conversations.models import Conversation, Delivery, Inbox, MessageTemplate
from core.actor import Actor
from tests.conversations.lines import hand_out, planned, say
from tests.conversations.scripted import ScriptedAdapter

Scripted = type[ScriptedAdapter]
pytestmark = pytest.mark.django_db


def uploaded(inbox: Inbox, count: int) -> dict[str, Any]:
    """Files that an operator is about to send."""
    rows = [
        add_attachment(
            inbox=inbox, uploader="op", upload=SimpleUploadedFile(f"{n}.txt", b"abc", "text/plain")
        )
        for n in range(count)
    ]
    return {"attachment_ids": [row.pk for row in rows], "uploader": "op"}


def parts() -> list[tuple[int, str, str]]:
    rows = Delivery.objects.order_by("seq", "part").select_related("attachment")
    return [(row.part, row.text, row.attachment.name if row.attachment else "") for row in rows]


@given(st.text(st.sampled_from("ab \né😀"), max_size=400), st.integers(1, 50), st.booleans())
def test_text_is_cut_into_pieces_that_fit_and_lose_no_word(text: str, limit: int, in_bytes: bool) -> None:  # noqa: FBT001
    pieces = list(split_text(text, limit, in_bytes=in_bytes))
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(pieces)
    if in_bytes:
        assert all(len(piece.encode()) <= limit or len(piece) == 1 for piece in pieces)
    else:
        assert all(len(piece) <= limit for piece in pieces)


def test_text_is_cut_where_it_hurts_least() -> None:
    assert list(split_text("one two\n\nthree four", 12)) == ["one two", "three four"]
    assert list(split_text("one two three", 9)) == ["one two", "three"]
    assert list(split_text("a" * 25, 10)) == ["a" * 10, "a" * 10, "a" * 5]


def test_long_text_goes_in_parts_in_order(chat: Conversation, scripted: Scripted) -> None:
    text = " ".join(f"word{number}" for number in range(60))
    say(chat, text, choices=[{"label": "Yes", "value": "yes"}])
    hand_out(chat)
    assert " ".join(call.text for call in scripted.calls) == text
    assert [call.part for call in scripted.calls] == list(range(len(scripted.calls)))
    # What can be chosen stands under the last part.
    assert [len(call.choices) for call in scripted.calls] == [0] * (len(scripted.calls) - 1) + [1]


def test_limit_in_bytes_is_kept(chat: Conversation, scripted: Scripted, monkeypatch: Any) -> None:
    """Instagram takes a thousand bytes, not characters."""
    monkeypatch.setattr(ScriptedAdapter, "capabilities", Capabilities(text_limit=20, text_bytes=True))
    say(chat, "ação é útil às três")
    assert [len(text.encode()) <= 20 for _, text, _ in parts()] == [True, True]


@pytest.mark.parametrize(
    ("limit", "wanted"), [(5, [(0, "olá", "0.txt")]), (2, [(0, "olá", ""), (1, "", "0.txt")])]
)
def test_text_stands_under_the_file_where_it_fits(
    chat: Conversation, line: Inbox, monkeypatch: Any, limit: int, wanted: Any
) -> None:
    monkeypatch.setattr(ScriptedAdapter, "capabilities", Capabilities(captions=True, caption_limit=limit))
    say(chat, "olá", **uploaded(line, 1))
    assert parts() == wanted


def test_each_of_several_files_is_a_part_of_its_own(
    chat: Conversation, line: Inbox, scripted: Scripted
) -> None:
    say(chat, "olá", **uploaded(line, 2))
    assert parts() == [(0, "olá", ""), (1, "", "0.txt"), (2, "", "1.txt")]
    hand_out(chat)
    [file] = scripted.calls[1].files
    assert (file.name, file.read(), file.size) == ("0.txt", b"abc", 3)
    assert file.url.startswith("http")


def test_channel_that_takes_all_in_one_piece_gets_it(
    chat: Conversation, line: Inbox, scripted: Scripted
) -> None:
    Inbox.objects.update(channel="safe")
    chat.refresh_from_db()
    text = "long " * 1500
    say(chat, text, **uploaded(line, 2))
    hand_out(chat)
    [call] = scripted.calls
    assert (call.text, len(call.files), call.thread) == (text.strip(), 2, ("hello",))


def test_everybody_who_speaks_to_the_customer_is_delivered(
    chat: Conversation, line: Inbox, lia: Actor, bruno: Any
) -> None:
    """Operator, agent, the system's own notices and templates: no way around the delivery."""
    hand_back(conversation=chat, by=Actor.system())
    reply(conversation=chat, text="agent", by=lia)
    reply(conversation=chat, text="operator", by=bruno.as_actor())
    with transaction.atomic():
        row = lock(chat.pk, by=Actor.system())
        add_message(row, system_draft("system"))
        save_locked(row, "preview")
    template = MessageTemplate.objects.create(
        inbox=line, name="t", language="en", status="APPROVED", body="Hi {{1}}", variables=["1"],
        synced_at=chat.created_at,
    )  # fmt: skip
    send_template(conversation=chat, template=template, variables={"1": "Davi"}, by=bruno.as_actor())
    assert [text for _, text, _ in parts()] == ["agent", "operator", "system", "Hi Davi"]
    assert planned("conversations.deliver") == [{"conversation_id": str(chat.pk)}]


def test_notes_and_the_widget_send_nothing(
    chat: Conversation, conversation: Conversation, bruno: Any
) -> None:
    note(conversation=chat, text="among us", by=bruno.as_actor())
    reply(conversation=conversation, text="on the page", by=bruno.as_actor())
    assert not Delivery.objects.exists()
    assert planned("conversations.deliver") == []


def test_answer_that_quotes_names_the_providers_id(chat: Conversation, scripted: Scripted) -> None:
    delivery = say(chat)
    delivery.message.reply_to = chat.messages.get(external_id="hello")
    delivery.message.save(update_fields=["reply_to"])
    hand_out(chat)
    assert scripted.calls[0].reply_to == "hello"
