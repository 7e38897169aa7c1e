"""Outgoing messages as the Graph API takes them."""

from typing import Any

import pytest

from conversations.channels import InboxBroken, SendFailed, SendLater, SendRefused, SendUnclear
from conversations.exchange import OutFile
from integrations.whatsapp_cloud.adapter import WhatsAppCloudAdapter as Adapter
from integrations.whatsapp_cloud.config import WhatsAppConfig as Config
from integrations.whatsapp_cloud.sending import choices, shown_as, template
from tests.fakes.provider import Simulator
from tests.integrations.whatsapp_cloud.case import fixture
from tests.integrations.whatsapp_cloud.conftest import Write, a_file

PIXEL = b"\x89PNG\r\n\x1a\n\x00boundary--\r\n"


@pytest.fixture
def sent(whatsapp: Adapter, config: Config, meta: Simulator, write: Write) -> Any:
    """Sends a message and returns what WhatsApp got."""

    def send(text: str = "", **more: Any) -> dict[str, Any]:
        provider_id = whatsapp.send(write(text, **more), config).provider_id
        row = meta.ledger()[-1]
        assert row["provider_id"] == provider_id
        raw: dict[str, Any] = row["raw"]
        return raw

    return send


def test_text_goes_out_in_whatsapps_marks(sent: Any) -> None:
    raw = sent("Hello **there**", key="k:0", reply_to="wamid.X")
    assert raw == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "16505551234",
        "biz_opaque_callback_data": "k:0",
        "context": {"message_id": "wamid.X"},
        "type": "text",
        "text": {"body": "Hello *there*", "preview_url": False},
    }


@pytest.mark.parametrize("person", ["BR.1502576394655843", "US.ENT.11815799212886844830"])
def test_user_id_is_no_number(sent: Any, person: str) -> None:
    """In `to` it would be accepted, cut to digits and lost (Chatwoot #15150)."""
    raw = sent("Hi", to=person)
    assert raw["recipient"] == person
    assert "to" not in raw


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/png", "image"),
        ("image/jpeg; q=1", "image"),
        ("video/mp4", "video"),
        ("audio/ogg; codecs=opus", "document"),
        ("application/pdf", "document"),
        ("image/gif", "document"),
        ("image/webp", "document"),
        ("", "document"),
    ],
)
def test_file_is_uploaded_and_shown_with_its_text(sent: Any, content_type: str, kind: str) -> None:
    raw = sent("Your *invoice*", files=(a_file(PIXEL, "fatura março.bin", content_type),))
    assert raw["type"] == kind
    assert raw[kind]["caption"] == "Your _invoice_"
    assert ("filename" in raw[kind]) == (kind == "document")


def test_upload_arrives_byte_for_byte(sent: Any, whatsapp: Adapter, config: Config, meta: Simulator) -> None:
    raw = sent(files=(a_file(PIXEL, 'na"me\r\n.png', "image/png"),))
    answer = meta.http.get(f"/media/{raw['image']['id']}", headers={"Authorization": "Bearer EAA"})
    assert answer.content == PIXEL
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("content_type", "size", "caption", "wants_sticker", "kind"),
    [
        ("image/png", 5 * 2**20, "", False, "image"),
        ("image/png", 5 * 2**20 + 1, "", False, "document"),
        ("video/mp4", 16 * 2**20 + 1, "", False, "document"),
        ("audio/ogg", 1, "", False, "audio"),
        ("audio/ogg", 1, "Listen", False, "document"),
        ("image/webp", 1, "", True, "sticker"),
        ("image/webp", 1, "Look", True, "document"),
    ],
)
def test_file_that_whatsapp_would_refuse_or_strip_is_a_document(
    *, content_type: str, size: int, caption: str, wants_sticker: bool, kind: str
) -> None:
    file = a_file(b"", "f", content_type, size)
    assert shown_as(file, caption=caption, wants_sticker=wants_sticker) == kind


def test_refused_upload_sends_nothing(
    whatsapp: Adapter, meta: Simulator, write: Write, config: Config
) -> None:
    before = len(meta.ledger())
    locked_out = config.model_copy(update={"access_token": type(config.access_token)("expired")})
    with pytest.raises(InboxBroken):
        whatsapp.send(write(files=(a_file(PIXEL, "a.png", "image/png"),)), locked_out)
    assert len(meta.ledger()) == before


def test_upload_that_was_cut_off_is_tried_again(
    whatsapp: Adapter, config: Config, meta: Simulator, write: Write
) -> None:
    """It reached nobody: the message as a whole is not in doubt."""
    before = len(meta.ledger())
    meta.say(lose_uploads=True)
    with pytest.raises(SendLater):
        whatsapp.send(write(files=(a_file(PIXEL, "a.png", "image/png"),)), config)
    meta.say(lose_uploads=False)
    assert len(meta.ledger()) == before


def test_too_much_for_one_message_is_refused_rather_than_cut(
    whatsapp: Adapter, config: Config, meta: Simulator, write: Write
) -> None:
    before = len(meta.ledger())
    file = a_file(PIXEL, "a.png", "image/png")
    for outgoing in (
        write("x" * 4097),
        write(""),
        write("x" * 1025, files=(file,)),
        write("two", files=(file, file)),
    ):
        with pytest.raises(SendRefused):
            whatsapp.send(outgoing, config)
    assert len(meta.ledger()) == before


# --- Buttons ------------------------------------------------------------------------------------------------
def offered(*labels: str) -> tuple[dict[str, str], ...]:
    return tuple({"label": each, "value": f"I choose {each}"} for each in labels)


def test_three_choices_are_buttons_that_say_their_value(sent: Any) -> None:
    raw = sent("Which?", choices=offered("Red", "Green", "Blue"))
    assert raw["interactive"]["type"] == "button"
    assert raw["interactive"]["body"] == {"text": "Which?"}
    first = raw["interactive"]["action"]["buttons"][0]["reply"]
    assert first == {"id": "say:I choose Red", "title": "Red"}


def test_more_choices_are_a_list(sent: Any) -> None:
    long = "A very long description of a thing"
    raw = sent("Which?", choices=offered("1", "2", "3", long))
    rows = raw["interactive"]["action"]["sections"][0]["rows"]
    assert raw["interactive"]["type"] == "list"
    assert rows[3] == {"id": f"say:I choose {long}", "title": "A very long description…", "description": long}
    assert len(rows[3]["title"]) == 24


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Which?", tuple("abcdefghijk")),
        ("Which?", ("x" * 73,)),
        ("Which?", ("twice", "twice")),
        ("", ("a", "b")),
        ("x" * 1025, ("a", "b")),
    ],
)
def test_choices_that_fit_nowhere_are_lines(sent: Any, text: str, labels: tuple[str, ...]) -> None:
    raw = sent(text, choices=offered(*labels))
    assert raw["type"] == "text"
    assert raw["text"]["body"].endswith("\n".join(f"• {each}" for each in labels))


def test_two_choices_with_one_label_are_lines(sent: Any) -> None:
    twice = ({"label": "Go", "value": "left"}, {"label": "Go", "value": "right"})
    assert sent("Where?", choices=twice)["text"]["body"] == "Where?\n• Go\n• Go"


def test_nothing_offered_needs_no_buttons() -> None:
    assert choices("Which?", ()) is None


def test_choices_beside_a_file_stand_in_its_caption(sent: Any) -> None:
    raw = sent("This one?", choices=offered("Yes"), files=(a_file(PIXEL, "a.png", "image/png"),))
    assert raw["image"]["caption"] == "This one?\n• Yes"


# --- Templates ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("variables", "parameters"),
    [
        ({"2": "b", "1": "a", "10": "c"}, [{"text": "a"}, {"text": "b"}, {"text": "c"}]),
        (["a", "b"], [{"text": "a"}, {"text": "b"}]),
        (
            {"name": "Davi", "day": "Monday"},
            [{"parameter_name": "name", "text": "Davi"}, {"parameter_name": "day", "text": "Monday"}],
        ),
    ],
)
def test_template_is_filled_in(sent: Any, variables: Any, parameters: list[dict[str, str]]) -> None:
    details = {"kind": "template", "name": "order_ready", "language": "en_US", "variables": variables}
    raw = sent("Hello Davi", details=details)
    (body,) = raw["template"]["components"]
    assert raw["template"]["language"] == {"code": "en_US"}
    assert body["type"] == "body"
    assert body["parameters"] == [{"type": "text", **each} for each in parameters]


def test_template_without_places_has_no_components() -> None:
    told = {"kind": "template", "name": "hello", "language": "pt_BR", "variables": {}}
    assert template(told) == {"name": "hello", "language": {"code": "pt_BR"}}


def test_components_are_passed_on_as_given() -> None:
    components = [{"type": "header", "parameters": [{"type": "text", "text": "x"}]}]
    told = {"kind": "template", "name": "hello", "language": "pt_BR", "components": components}
    assert template(told)["components"] == components


PICTURE = a_file(b"\x89PNG\r\n\x1a\n", "shoes.png", "image/png")
FILM = a_file(b"\x00\x00\x00\x18ftypmp42", "how.mp4", "video/mp4; codecs=avc1")
BILL = a_file(b"%PDF-1.7", "bill.pdf", "application/pdf")


def above(name: str, header: str, file: OutFile | None) -> dict[str, Any]:
    """What a message by a template is made of."""
    details = {"kind": "template", "name": name, "language": "en_US", "variables": {"1": "a", "2": "b"}}
    return {"details": {**details, "header_format": header}, "files": (file,) if file else ()}


@pytest.mark.parametrize(
    ("name", "header", "file"),
    [("new_shoes", "IMAGE", PICTURE), ("how_to", "VIDEO", FILM), ("invoice", "DOCUMENT", BILL)],
)
def test_file_stands_above_a_template(sent: Any, name: str, header: str, file: OutFile) -> None:
    """Meta refused each template that was approved with a picture above it."""
    raw = sent("Hello a", **above(name, header, file))
    top, body = raw["template"]["components"]
    assert (top["type"], body["type"]) == ("header", "body")
    (parameter,) = top["parameters"]
    assert parameter["type"] == header.lower()
    assert parameter[header.lower()]["id"].isdigit()
    assert parameter[header.lower()].get("filename", "") == ("bill.pdf" if header == "DOCUMENT" else "")


@pytest.mark.parametrize(
    ("name", "header", "file"),
    [
        ("new_shoes", "IMAGE", BILL),
        ("new_shoes", "IMAGE", a_file(b"", "large.png", "image/png", 6 * 1024 * 1024)),
        ("how_to", "VIDEO", PICTURE),
        ("order_ready", "", PICTURE),
        ("order_ready", "LOCATION", PICTURE),
    ],
)
def test_file_that_does_not_fit_above_a_template_is_refused_before_it_is_uploaded(
    *, whatsapp: Adapter, config: Config, write: Write, name: str, header: str, file: OutFile
) -> None:
    nowhere = config.model_copy(update={"api_url": "http://127.0.0.1:9"})
    with pytest.raises(SendRefused, match="above a template"):
        whatsapp.send(write("Hello a", **above(name, header, file)), nowhere)


def test_template_without_its_file_is_refused_by_meta(
    whatsapp: Adapter, config: Config, write: Write
) -> None:
    with pytest.raises(SendRefused) as caught:
        whatsapp.send(write("Hello a", **above("new_shoes", "IMAGE", None)), config)
    assert caught.value.provider_code == "132012"


# --- Faults -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("faults", "error", "code"),
    [
        ({"too_many": 1, "retry_after": 9}, SendLater, "130429"),
        ({"refuse": 1}, SendRefused, "131026"),
        ({"drop": 1}, SendUnclear, ""),
        ({"cut": 1}, SendUnclear, ""),
    ],
)
def test_failure_of_a_message_is_told_by_its_kind(
    *,
    whatsapp: Adapter,
    config: Config,
    meta: Simulator,
    write: Write,
    faults: dict[str, float],
    error: type[SendFailed],
    code: str,
) -> None:
    meta.set_faults(**faults)
    with pytest.raises(error) as caught:
        whatsapp.send(write("Hi"), config)
    assert caught.value.provider_code == code


def test_answer_without_an_id_is_unclear(
    whatsapp: Adapter, config: Config, meta: Simulator, write: Write
) -> None:
    # The address of the number itself answers with success and names no message.
    elsewhere = config.model_copy(update={"api_url": f"{meta.url}/v25.0/{config.phone_number_id}"})
    with pytest.raises(SendFailed):
        whatsapp.send(write("Hi"), elsewhere)


def test_message_is_marked_as_read(whatsapp: Adapter, config: Config, meta: Simulator) -> None:
    message = fixture("text")["entry"][0]["changes"][0]["value"]["messages"][0]["id"]
    whatsapp.mark_read(["wamid.older", message], config, to="5511999990001", typing=True)
    assert meta.http.get("/_state").json()["seen"][-1] == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": message,
        "typing_indicator": {"type": "text"},
    }
