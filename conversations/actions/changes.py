"""What happens to messages after they were written: edited, taken back, reacted to, told back."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import signals
from conversations.actions.endpoints import wake_deliveries
from conversations.actions.files import keep_file
from conversations.actions.inbound import (
    FULL_TEXT,
    MAX_TEXT,
    checked_text,
    locked_conversation,
    stored_message,
)
from conversations.actions.planning import plan_fetching
from conversations.actions.receipts import advance
from conversations.actions.record import (
    Draft,
    add_event,
    add_message,
    announce,
    lock,
    save_locked,
    tell_change,
)
from conversations.enums import (
    AuthorKind,
    DeliveryStatus,
    Direction,
    EventType,
    Light,
    Status,
    Validation,
)
from conversations.errors import NotYet
from conversations.exchange import Connection, Deleted, Echo, Edited, Incoming, Reacted, Receipt, Sender
from conversations.models import (
    UNFINISHED,
    Attachment,
    ContactIdentity,
    Conversation,
    Delivery,
    Inbox,
    InboxState,
    Message,
)
from core.actor import Actor
from core.html import plain_to_html

# Where a message keeps who put which emoji, as [emoji, name], and when each person reacted to it: both by an
# id in the inbox, since two in a group may bear one name.
REACTED, REACTED_AT = "reacted", "reacted_at"
# In front of a name that was stored before ids were.
BY_NAME = "name:"
# How long a call of ours may take to return the id that its echo names.
SETTLING = timedelta(minutes=2)


def message_of(inbox: Inbox, provider_id: str) -> Message:
    """Returns the message that a provider's id names, ours or a customer's; raises NotYet."""
    found = stored_message(inbox, provider_id)
    if found is None:
        sent = Delivery.objects.filter(inbox=inbox, provider_id=provider_id).select_related("message")
        delivery = sent.first()
        found = delivery.message if delivery else None
    if found is None:
        raise NotYet
    return found


def _is_theirs(message: Message, sender: Sender | None) -> bool:
    """Says whether somebody may change a message: a customer none of ours, and none of another customer.

    An id that is new here may be a further one of the same person.
    """
    if sender is None:
        return True
    known = ContactIdentity.objects.filter(
        inbox=message.inbox_id, external_id__in=[sender.external_id, *sender.aliases]
    )
    is_of_another = known.exclude(contact=message.conversation.contact_id).exists()
    return message.direction == Direction.IN and not is_of_another


@transaction.atomic
def edit(inbox: Inbox, item: Edited) -> str | None:
    """Replaces the text of a customer's message; the former one stays in the log, for staff only."""
    message = message_of(inbox, item.external_id)
    if not _is_theirs(message, item.sender):
        return _("it is about a message of somebody else")
    row = lock(message.conversation_id, by=Actor.system())
    message.refresh_from_db()
    text = checked_text(item.text[:MAX_TEXT], has_files=True)
    is_older = item.at is not None and message.edited_at is not None and item.at < message.edited_at
    if message.deleted_at or is_older or message.text == text or message.direction != Direction.IN:
        return _("nothing changed")
    former, message.text, message.html = message.text, text, plain_to_html(text) if text else ""
    message.details = {name: value for name, value in message.details.items() if name != "full_text"}
    if len(item.text) > MAX_TEXT:
        message.details["full_text"] = item.text[:FULL_TEXT]
    message.edited_at = item.at or timezone.now()
    message.save(update_fields=["text", "html", "details", "edited_at"])
    tell_change(row, message, former=former)
    return None


@transaction.atomic
def take_back(inbox: Inbox, item: Deleted) -> str | None:
    """Forgets the content of a message that its sender took back: text, files and what the log knew of it."""
    message = message_of(inbox, item.external_id)
    if not _is_theirs(message, item.sender):
        return _("it is about a message of somebody else")
    # Before the conversation, as whoever sends or is told of a failure has them.
    list(Delivery.objects.select_for_update().filter(message=message).order_by("part").values("pk"))
    row = lock(message.conversation_id, by=Actor.system())
    message.refresh_from_db()
    if message.deleted_at:
        return _("nothing changed")
    message.text = message.html = ""
    message.details, message.reactions = {}, {}
    message.deleted_at = item.at or timezone.now()
    message.save(update_fields=["text", "html", "details", "reactions", "deleted_at"])
    for event in row.events.filter(message=message).exclude(payload={}):
        event.payload = {}
        event.save(update_fields=["payload"])
    for file in message.attachments.all():
        transaction.on_commit(partial(file.file.delete, save=False), robust=True)
    message.attachments.all().delete()
    Delivery.objects.filter(message=message).exclude(status__in=UNFINISHED).update(text="")
    tell_change(row, message)
    return None


@transaction.atomic
def react(inbox: Inbox, item: Reacted) -> str | None:
    """Notes what somebody thinks of a message, one emoji for each person: the one they chose last."""
    message = message_of(inbox, item.external_id)
    row = lock(message.conversation_id, by=Actor.system())
    message.refresh_from_db()
    who = item.sender.name or row.contact.kept_name
    reacted = _reacted(message)
    ids = (item.sender.external_id, *item.sender.aliases)
    key = next((each for each in ids if each in reacted), ids[0])
    if message.deleted_at or not _note_reaction_time(message, key, who, item.at):
        return _("nothing changed")
    reacted.pop(f"{BY_NAME}{who}", None)
    if item.emoji:
        reacted[key] = [item.emoji[:16], who]
    else:
        reacted.pop(key, None)
    reactions: dict[str, list[str]] = {}
    for emoji, name in reacted.values():
        reactions.setdefault(emoji, []).append(name)
    message.details = {**message.details, REACTED: reacted}
    is_same, message.reactions = reactions == message.reactions, reactions
    message.save(update_fields=["reactions", "details"])
    if is_same:
        return _("nothing changed")
    add_event(row, EventType.MESSAGE_REACTED, message=message, emoji=item.emoji[:16], name=who)
    save_locked(row)
    return None


def _reacted(message: Message) -> dict[str, list[str]]:
    """Returns who put which emoji to a message; what was stored before ids were, by name."""
    if REACTED in message.details:
        return dict(message.details[REACTED])
    return {f"{BY_NAME}{name}": [emoji, name] for emoji, names in message.reactions.items() for name in names}


def _note_reaction_time(message: Message, key: str, who: str, at: datetime | None) -> bool:
    """Notes when somebody reacted, by the provider's clock; False where they have chosen anew since.

    Kept for a reaction that was taken away as well: the one before it may be told later.
    """
    times = dict(message.details.get(REACTED_AT, {}))
    if at is None:
        return True
    # By name: stored before ids were.
    last = times.get(key) or times.get(who)
    if last and at < datetime.fromisoformat(last):
        return False
    message.details = {**message.details, REACTED_AT: {**times, key: at.isoformat()}}
    return True


def record_echo(inbox: Inbox, item: Echo) -> str | None:
    """Stores what somebody wrote to a customer on the provider's screen; it takes over from the agent.

    What we sent ourselves is recognised by its id. While a call of ours to that person is open, its echo
    waits (NotYet); one that nobody confirmed is confirmed by its echo.
    """
    with transaction.atomic():
        if stored_message(inbox, item.external_id) or _is_ours(inbox, item):
            return _("our own message")
    # Outside any transaction: they may lie on somebody else's server.
    uploader = f"echo:{item.external_id}"[:210]
    files = [
        keep_file(inbox, file, uploader=uploader, number=number) for number, file in enumerate(item.files)
    ]
    return _store_echo(inbox, item, files)


@transaction.atomic
def _store_echo(inbox: Inbox, item: Echo, files: Sequence[Attachment]) -> str | None:
    row = locked_conversation(inbox, item.to)
    if stored_message(inbox, item.external_id):
        # A twin was quicker.
        return _("our own message")
    no_text = "" if files else _("(no text)")
    draft = Draft(
        AuthorKind.OPERATOR,
        "",
        _("On the phone"),
        Direction.OUT,
        checked_text(item.text[:MAX_TEXT] or no_text, has_files=bool(files)),
        external_id=item.external_id,
        attachments=files,
        origin=Incoming(
            item.external_id, item.to, sent_at=item.sent_at, reply_to=item.reply_to, details=item.details
        ),
        validated_by=Validation.HUMAN,
    )
    if row.status == Status.BOT:
        row.status = Status.OPEN
        announce(row, by=Actor.system())
        signals.conversation_taken_over.send(Conversation, conversation=row)
    row.waiting_since = None
    row.first_reply_at = row.first_reply_at or timezone.now()
    message = add_message(row, draft, save=("status", "waiting_since", "first_reply_at"))
    for file in files:
        plan_fetching(file)
    signals.message_sent.send(Message, conversation=row, message=message)
    return None


def _is_ours(inbox: Inbox, item: Echo) -> bool:
    """Says whether we sent it; raises NotYet while that cannot be known."""
    deliveries = Delivery.objects.filter(inbox=inbox)
    if deliveries.filter(provider_id=item.external_id).exists():
        return True
    theirs = Q(conversation__identity__external_id__in=[item.to.external_id, *item.to.aliases])
    theirs |= Q(conversation__identity__aliases__external_id=item.to.external_id)
    recent = deliveries.filter(theirs, claimed_at__gt=timezone.now() - SETTLING, provider_id=None)
    if recent.filter(status=DeliveryStatus.SENDING).exists():
        raise NotYet
    unknown = recent.filter(status=DeliveryStatus.UNKNOWN).select_for_update(of=("self",))
    doubted = next(
        (row for row in unknown.order_by("conversation_id", "seq", "part") if _may_be(row, item)), None
    )
    if doubted is None:
        return False
    advance(doubted, Receipt(DeliveryStatus.SENT, provider_id=item.external_id, at=item.sent_at))
    return True


def _may_be(delivery: Delivery, item: Echo) -> bool:
    """Says whether an echo tells of that delivery, by what both say."""
    if bool(item.files) != (delivery.attachment_id is not None):
        return False
    ours, told = _words(delivery.text), _words(item.text)
    # Only choices stand behind what we wrote: any other end makes it somebody else's, who began alike.
    return told.startswith(ours) if delivery.message.choices else told == ours


def _words(text: str) -> str:
    """Returns what a text says, not how it looks: an echo has lost our Markdown and gained choices."""
    return "".join(filter(str.isalnum, text)).casefold() or text.strip()


@transaction.atomic
def record_connection(inbox: Inbox, item: Connection) -> None:
    """Notes how a provider says that an inbox stands; what waited for it to be well is sent at once."""
    is_well = item.light == Light.GREEN
    if is_well:
        wake_deliveries(inbox)
    InboxState.objects.update_or_create(
        inbox=inbox,
        defaults={
            "light": item.light,
            "detail": item.detail[:500],
            "details": dict(item.details),
            "checked_at": timezone.now(),
            **({"failures": 0, "not_before": None} if is_well else {}),
        },
    )
