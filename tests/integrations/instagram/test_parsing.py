"""What Instagram tells, and what others did with it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from conversations.channels import adapter
from conversations.enums import DeliveryStatus
from conversations.exchange import Deleted, Echo, Edited, Ignored, Incoming, Parsed, Reacted, Receipt, Sender
from core.errors import Unauthenticated
from integrations.instagram.adapter import InstagramConfig
from tests.fakes.instagram import ACCOUNT
from tests.integrations.instagram.case import config
from tests.integrations.meta.webhooks import parsed, signed

PERSON = "1535148674817116"
CDN = "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id={}&signature=AbwJRuofDTtw03M7"


def settings(**more: Any) -> InstagramConfig:
    return InstagramConfig.model_validate({**config("https://graph.instagram.com"), **more})


def only(name: str) -> Parsed:
    (item,) = parsed("instagram", settings(), name)
    return item


def incoming(name: str) -> Incoming:
    item = only(name)
    assert isinstance(item, Incoming)
    return item


def addresses(item: Incoming | Echo) -> list[str]:
    return [file.reference["url"] for file in item.files]


def test_text_comes_with_its_sender_time_and_id() -> None:
    item = incoming("text")
    assert item.text == "Oi, vocês têm a bolsa azul? 💙"
    assert item.sender == Sender(PERSON)
    assert item.sent_at == datetime(2025, 11, 21, 10, 20, 54, 120000, tzinfo=UTC)
    assert item.external_id.startswith("aWdfZAG1faXRlbTox")
    assert not item.is_automatic


def test_every_attachment_of_a_message_is_announced() -> None:
    item = incoming("images")
    assert addresses(item) == [CDN.format(number) for number in ("17912", "17913", "17914")]
    assert [file.reference["kind"] for file in item.files] == ["image", "image", "video"]
    assert item.text == ""


def test_story_mention_brings_its_media_before_it_is_gone() -> None:
    item = incoming("story_mention")
    assert addresses(item) == [CDN.format("18074819347285670")]
    assert item.details == {"kind": "story_mention"}
    assert item.text == "Mentioned you in a story."


def test_answer_to_a_story_shows_the_story() -> None:
    item = incoming("story_reply")
    assert item.text == "Ainda tem no P?"
    assert addresses(item) == [CDN.format("18074819347285671")]
    assert item.details == {"kind": "story_reply", "story": "18074819347285671"}


def test_answer_to_a_message_names_it() -> None:
    item = incoming("reply")
    assert item.reply_to.endswith("0900ZD")
    assert item.files == ()


def test_shared_post_is_neither_refused_nor_shown_twice() -> None:
    """Chatwoot #12992: a post comes as `share` and as `ig_post`, and the second broke the job."""
    item = incoming("shared_post_twice")
    assert addresses(item) == [CDN.format("17931")]
    assert item.details["kind"] == "share"


def test_shared_story_and_reel_are_not_refused() -> None:
    """Chatwoot #12997: `ig_story` was no known type of file."""
    assert addresses(incoming("shared_story")) == [CDN.format("18090")]
    reel = incoming("shared_reel")
    assert reel.text == "Shared a reel: Como lavar linho"
    assert addresses(reel) == [CDN.format("18022")]


def test_disappearing_message_is_told_rather_than_dropped() -> None:
    """Chatwoot #13003 filters out what cannot be shown, and nobody learns that somebody wrote."""
    item = incoming("ephemeral")
    assert "ephemeral" in item.text
    assert item.details == {"kind": "unsupported", "type": "ephemeral"}


@pytest.mark.parametrize("name", ["unsupported", "unsupported_type", "kind_of_the_future"])
def test_unsupported_message_is_told_rather_than_stored_empty(name: str) -> None:
    """Chatwoot #5428: `unsupported_type` left an empty message, or none."""
    item = incoming(name)
    assert item.text.startswith("(Something of the kind")
    assert item.details["kind"] == "unsupported"


def test_heart_is_a_heart() -> None:
    assert incoming("like_heart").text == "❤️"


def test_choice_that_was_shortened_comes_back_whole() -> None:
    item = incoming("quick_reply")
    assert item.text == "Trocar um produto com defeito"
    assert item.details == {"kind": "choice", "payload": "Trocar um produto com defeito"}


def test_postback_says_what_the_button_said() -> None:
    item = incoming("postback")
    assert item.text == "Horário de funcionamento"
    assert item.details == {"kind": "postback", "payload": "HOURS"}


def test_origin_of_a_message_is_kept() -> None:
    assert incoming("product_question").details == {"referral": {"product": "4455667788"}}
    advertised = incoming("advertisement").details["referral"]
    assert advertised["ad_title"] == "Bolsas de linho"
    assert advertised["ad_id"] == "120210"


def test_link_that_was_followed_is_told_and_no_machine_answers() -> None:
    item = incoming("referral")
    assert item.text == "Came by a link or an advertisement: vitrine"
    assert item.is_automatic
    assert item.external_id == incoming("referral").external_id


def test_reaction_is_put_and_taken_back() -> None:
    put, taken = only("reaction"), only("reaction_removed")
    assert isinstance(put, Reacted)
    assert isinstance(taken, Reacted)
    assert (put.emoji, taken.emoji) == ("❤️", "")
    assert put.external_id == taken.external_id
    assert put.sender == Sender(PERSON)


def test_seen_names_the_message() -> None:
    item = only("seen")
    assert isinstance(item, Receipt)
    assert item.status == DeliveryStatus.READ
    assert item.provider_id.endswith("0900ZD")


@pytest.mark.parametrize("name", ["deleted", "deleted_in_quotes"])
def test_unsent_message_is_forgotten(name: str) -> None:
    """Chatwoot #4119, Airy #2139: a message that was taken back stayed. Some notifications say "true"."""
    item = only(name)
    assert isinstance(item, Deleted)
    assert item.external_id.endswith("0001ZD")


def test_edit_replaces_the_text() -> None:
    item = only("edit")
    assert isinstance(item, Edited)
    assert item.text == "Oi, vocês têm a bolsa verde?"


def test_edit_without_text_leaves_what_is_stored() -> None:
    assert only("edit_without_text") == Ignored("an edit without text")


def test_what_was_said_in_the_app_is_an_echo_to_the_customer() -> None:
    """Chatwoot #11275, Airy #2434: answers written on the phone did not show."""
    item = only("echo")
    assert isinstance(item, Echo)
    assert item.to == Sender(PERSON)
    assert item.text == "Temos sim! 💙"
    picture = only("echo_of_a_picture")
    assert isinstance(picture, Echo)
    assert addresses(picture) == [CDN.format("17950")]


def test_echo_without_its_flag_does_not_make_us_a_customer() -> None:
    event = {"sender": {"id": ACCOUNT}, "recipient": {"id": PERSON}, "message": {"mid": "m", "text": "oi"}}
    body = signed(
        b'{"object":"instagram","entry":[{"id":"%b","messaging":[%b]}]}'
        % (ACCOUNT.encode(), str(event).replace("'", '"').encode())
    ).body
    (item,) = parsed("instagram", settings(), body)
    assert isinstance(item, Echo)
    assert item.to == Sender(PERSON)


def test_message_of_the_account_to_itself_is_ignored() -> None:
    assert isinstance(only("to_itself"), Ignored)


def test_either_secret_of_an_app_may_sign() -> None:
    both = settings(app_secret="the-secret-of-meta", meta_app_secret="the-secret-of-instagram")
    instagram = adapter("instagram")
    instagram.verify(signed(b"{}", "the-secret-of-meta"), both)
    instagram.verify(signed(b"{}", "the-secret-of-instagram"), both)
    with pytest.raises(Unauthenticated):
        instagram.verify(signed(b"{}", ""), settings())
