"""Who can be written to: at an address that somebody typed, and beside the customer in a thread."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from conversations.channels import adapter
from conversations.enums import AuthorKind, Direction
from conversations.exchange import Sender
from conversations.models import ContactIdentity, Conversation, Inbox, Message
from conversations.queries.windows import capabilities
from core.errors import NotFound

# Of a long thread the newest messages say who takes part.
LOOKED_AT = 50
SHOWN = 8
WRITING = (AuthorKind.CONTACT, AuthorKind.OPERATOR)


class Person(TypedDict):
    """Somebody in a thread; `name` may be empty."""

    name: str
    address: str


class Recipients(TypedDict):
    """To whom an answer goes: the customer, who else would get it, and who else takes part in the thread."""

    to: str
    cc: list[Person]
    known: list[Person]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a message says of its people, by address."""

    key: UUID
    is_in: bool
    is_customers: bool
    author: dict[str, str]
    copied: dict[str, str]
    others: dict[str, str]


def recipient_at(inbox: Inbox, address: str) -> Sender | None:
    """Returns who is reached at an address that a person typed; None for what is none, or is our own.

    Nobody is, through an inbox whose settings cannot be read.
    """
    found = adapter(inbox.channel)
    try:
        config = found.config.model_validate(inbox.config)
    except ValueError:
        return None
    return found.recipient(address, config)


def known_ids(inbox: Inbox, external_ids: Iterable[str]) -> dict[str, str]:
    """Returns, for ids that people gave, those by which the inbox knows the same person; each as it is, else.

    Of two that are known, the one that wrote; of two that are not, the first. At most one query.
    """
    given = list(dict.fromkeys(external_ids))
    spoken = adapter(inbox.channel)
    others = {each: other for each in given if (other := spoken.other_id(each))}
    if not others:
        return {each: each for each in given}
    theirs = Q(identity=OuterRef("pk")) | Q(identity=OuterRef("same_as"))
    wrote = Exists(Conversation.objects.filter(theirs, last_contact_at__isnull=False))
    rows = ContactIdentity.objects.filter(inbox=inbox, external_id__in={*others, *others.values()})
    known = dict(rows.annotate(wrote=wrote).values_list("external_id", "wrote"))
    chosen: dict[str, str] = {}
    for each in given:
        other = others.get(each, each)
        weight = (other in known, known.get(other, False)), (each in known, known.get(each, False))
        usual = chosen.get(other, each)
        chosen[each] = other if weight[0] > weight[1] else usual
    return chosen


def address_of(identity: ContactIdentity) -> str:
    """Returns where replies to somebody go."""
    return identity.address or identity.external_id


def recipients(conversation: Conversation, *, answers: UUID | None = None) -> Recipients:
    """Returns to whom an answer to a message goes as mail programs would have it (`answers`: to the newest).

    Who got a copy of the customer's message, or of ours, gets one of the answer. Somebody else who wrote into
    the thread is only offered, unless the customer or we had named them before: they may know no more than an
    id. So is who is named in a message that is not proven to be the customer's, where the channel could prove
    it. Our own addresses are left out. Raises NotFound for a message of elsewhere.
    """
    to = address_of(conversation.identity)
    if not capabilities(conversation.inbox).copies:
        return Recipients(to=to, cc=[], known=[])
    said = list(_said(conversation, to))
    answered = next((one for one in said if answers in {None, one.key}), None)
    if answered is None and answers is not None:
        raise NotFound(field="answers")
    trusted: dict[str, str] = {}
    heard: dict[str, str] = {}
    for one in said:
        named = {**one.copied, **one.others}
        heard |= {**one.author, **named}
        trusted |= named if one.is_customers or not one.is_in else {}
    chosen = _copied_by(answered, trusted) if answered else {}
    others = _reachable(conversation.inbox, {**chosen, **heard}, without=to)
    return Recipients(
        to=to,
        cc=[one for one in others if one["address"] in chosen],
        known=[one for one in others if one["address"] not in chosen][:SHOWN],
    )


def _copied_by(answered: _Said, trusted: dict[str, str]) -> dict[str, str]:
    if answered.is_customers or not answered.is_in:
        return answered.copied
    return {one: name for one, name in {**answered.author, **answered.copied}.items() if one in trusted}


def _said(conversation: Conversation, customer: str) -> Iterator[_Said]:
    """Reads the people of the newest messages, newest first, and nothing long of them."""
    written = Message.objects.filter(conversation=conversation, author_kind__in=WRITING)
    rows = written.exclude(direction=Direction.NOTE).order_by("-seq").values(
        "pk", "direction", "author_id", "details__from", "details__to", "details__cc",
        "details__proven",
    )  # fmt: skip
    for row in rows[:LOOKED_AT]:
        author = _people(row["details__from"])
        is_in = row["direction"] == Direction.IN
        is_named = row["author_id"] == str(conversation.contact_id) or customer in author
        is_customers = is_in and is_named and row["details__proven"] is not False
        copied, others = _people(row["details__cc"]), _people(row["details__to"])
        yield _Said(row["pk"], is_in, is_customers, author, copied, others)


def _people(told: Any) -> dict[str, str]:
    """Returns names by address, as a channel told them or as we stored them."""
    found = {}
    for one in told if isinstance(told, list) else ():
        address = one.get("address") if isinstance(one, dict) else one
        if isinstance(address, str) and address:
            found[address.lower()] = str(one.get("name") or "") if isinstance(one, dict) else ""
    return found


def _reachable(inbox: Inbox, people: dict[str, str], *, without: str) -> list[Person]:
    """Leaves out the customer, what is no address, and every mailbox of ours: each would open a thread."""
    ours = _inboxes_like(inbox)
    return [
        Person(name=name, address=address)
        for address, name in people.items()
        if address != without.lower() and all(recipient_at(each, address) for each in ours)
    ]


def _inboxes_like(inbox: Inbox) -> Sequence[Inbox]:
    others: Iterable[Inbox] = Inbox.objects.filter(channel=inbox.channel, is_active=True).exclude(pk=inbox.pk)
    return [inbox, *others]
