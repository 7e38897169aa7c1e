"""What an integrator may tell, item by item: one that is wrong does not take the others with it."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from conversations.enums import DeliveryStatus
from conversations.exchange import (
    Deleted,
    Echo,
    Edited,
    File,
    Ignored,
    Incoming,
    Parsed,
    Reacted,
    Receipt,
    Sender,
    Thread,
)
from core.errors import Invalid

LONGEST_URL = 4096
SHOWN_PROBLEMS = 20


def _clean(value: Any) -> Any:
    """Half an emoji, cut off by a program that counts UTF-16, becomes a replacement character."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "")


def _decoded(value: Any) -> Any:
    """Bytes of standard base64; line breaks are let through, other characters are not."""
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        # Not the error of base64, which may quote what was sent.
        message = "This is not base64."
        raise ValueError(message) from error


Text = Annotated[str, BeforeValidator(_clean)]
Id = Annotated[Text, Field(min_length=1, max_length=255)]
PersonId = Annotated[Text, Field(min_length=1, max_length=200)]
Content = Annotated[bytes, BeforeValidator(_decoded)]


class Part(BaseModel):
    """Ids may be numbers; a name that nobody knows is a mistake that would lose something."""

    model_config = ConfigDict(
        extra="forbid", coerce_numbers_to_str=True, str_strip_whitespace=True, hide_input_in_errors=True
    )


class Person(Part):
    """Who wrote. `verified`: the integrator's program has seen them log in."""

    id: PersonId
    name: Text = ""
    email: Text = ""
    phone: Text = ""
    locale: Text = ""
    verified: bool = False

    def sender(self) -> Sender:
        """As the spine knows people."""
        return Sender(
            self.id,
            name=self.name,
            email=self.email,
            phone=self.phone,
            locale=self.locale,
            is_verified=self.verified,
        )


class FilePart(Part):
    """A file by its address or with its content."""

    url: Annotated[str, Field(max_length=LONGEST_URL, pattern=r"^https?://")] = ""
    content_base64: Content | None = None
    name: Text = ""
    content_type: Text = ""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if bool(self.url) == (self.content_base64 is not None):
            message = "Give either url or content_base64."
            raise ValueError(message)
        return self

    def file(self) -> File:
        """As the spine knows files."""
        return File(
            reference={"url": self.url} if self.url else {},
            name=self.name,
            content_type=self.content_type,
            size=len(self.content_base64 or b""),
            content=self.content_base64,
        )


class ThreadPart(Part):
    """Where a message belongs: with earlier messages, or under a subject of its own."""

    subject: Text = ""
    answers: tuple[Id, ...] = ()


class Said(Part):
    """What a message and an echo have in common."""

    id: Id
    contact: Person
    text: Text = ""
    files: tuple[FilePart, ...] = ()
    sent_at: AwareDatetime | None = None
    reply_to: Text = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text and not self.files:
            message = "There is neither text nor a file."
            raise ValueError(message)
        return self


class MessageItem(Said):
    """A customer's message. `html` is shown instead of the text once cleaned, never alone."""

    html: Text = ""
    thread: ThreadPart | None = None
    automatic: bool = False

    def parsed(self) -> Parsed:
        """For the spine."""
        thread = Thread(self.thread.subject, answers=self.thread.answers) if self.thread else None
        return Incoming(
            self.id,
            self.contact.sender(),
            self.text,
            self.html,
            tuple(each.file() for each in self.files),
            self.sent_at,
            self.reply_to,
            thread=thread,
            is_automatic=self.automatic,
        )


class EchoItem(Said):
    """Something that the company said elsewhere, for the record."""

    def parsed(self) -> Parsed:
        """For the spine."""
        files = tuple(each.file() for each in self.files)
        return Echo(self.id, self.contact.sender(), self.text, files, self.sent_at, self.reply_to)


class ReceiptItem(Part):
    """What became of a message of ours: `id` as the callback answered, or `key` as we sent it."""

    id: Text = ""
    key: Text = ""
    status: Literal["sent", "delivered", "read", "failed"]
    at: AwareDatetime | None = None
    error: Text = ""

    @model_validator(mode="after")
    def _names_a_message(self) -> Self:
        if not self.id and not self.key:
            message = "Give id or key."
            raise ValueError(message)
        return self

    def parsed(self) -> Parsed:
        """For the spine."""
        status = DeliveryStatus(self.status)
        return Receipt(status, provider_id=self.id, key=self.key, at=self.at, error=self.error[:500])


class EditItem(Part):
    """The customer changed a message."""

    id: Id
    text: Text
    at: AwareDatetime | None = None

    def parsed(self) -> Parsed:
        """For the spine."""
        return Edited(self.id, self.text, self.at)


class DeletionItem(Part):
    """The customer took a message back."""

    id: Id
    at: AwareDatetime | None = None

    def parsed(self) -> Parsed:
        """For the spine."""
        return Deleted(self.id, self.at)


class ReactionItem(Part):
    """An emoji put to a message; an empty one takes it away."""

    id: Id
    contact: Person
    emoji: Annotated[Text, Field(max_length=32)]
    at: AwareDatetime | None = None

    def parsed(self) -> Parsed:
        """For the spine."""
        return Reacted(self.id, self.contact.sender(), self.emoji, self.at)


Item = MessageItem | EchoItem | EditItem | DeletionItem | ReactionItem | ReceiptItem


# The lists of a body, in the order in which they are read: what is said comes before what became of it.
KINDS: Mapping[str, type[Item]] = {
    "messages": MessageItem,
    "echoes": EchoItem,
    "edits": EditItem,
    "deletions": DeletionItem,
    "reactions": ReactionItem,
    "receipts": ReceiptItem,
}


def read(body: bytes) -> Iterator[Parsed]:
    """Yields every item that can be read; then raises Invalid, naming the ones that cannot."""
    data = _object(body)
    problems = [f"{name}: there is no such list." for name in sorted(data.keys() - KINDS.keys())]
    read_any = False
    for name, kind in KINDS.items():
        for number, item in enumerate(_list(data, name, problems)):
            try:
                parsed = kind.model_validate(item).parsed()
            except ValidationError as error:
                problems += _told(f"{name}[{number}]", error)
            else:
                read_any = True
                yield parsed
    if problems:
        raise Invalid(" ".join(problems[:SHOWN_PROBLEMS]))
    if not read_any:
        yield Ignored("It carries no item.")


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except RecursionError as error:
        raise Invalid("It is nested too deeply.") from error
    except ValueError as error:
        raise Invalid("It is not JSON.") from error
    if not isinstance(data, dict):
        raise Invalid("It is not a JSON object.")
    return data


def _list(data: Mapping[str, Any], name: str, problems: list[str]) -> list[Any]:
    found = data.get(name) or []
    if isinstance(found, list):
        return found
    problems.append(f"{name}: this must be a list.")
    return []


def _told(place: str, error: ValidationError) -> Iterator[str]:
    """Yields what is wrong and where, without quoting what was sent."""
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        told = each["msg"].removeprefix("Value error, ").rstrip(".")
        yield f"{'.'.join((place, *map(str, each['loc'])))}: {told}."
