"""The one door for what customers say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import signals
from conversations.actions.identities import join_identities
from conversations.actions.marking import plan_acknowledging
from conversations.actions.planning import plan_asking, plan_fetching
from conversations.actions.record import Draft, add_message, announce, lock, waits_now
from conversations.actions.resolution import reopen_locked
from conversations.actions.verification import take_code
from conversations.enums import AuthorKind, Direction, Status
from conversations.exchange import Incoming, Sender, Thread
from conversations.models import Contact, ContactIdentity, Conversation, Delivery, Inbox, Message
from conversations.queries.commands import Command, command_in
from conversations.queries.threads import unsent_attachments
from core import rows
from core.actor import Actor
from core.crash_points import crash_point
from core.errors import Invalid, TooLarge

MAX_TEXT = 10_000
# Of a longer one so much is kept beside it.
FULL_TEXT = 200_000

LATE_AFTER = timedelta(hours=24)

# What every message asks first, written out since the ORM would compile it anew each time (see `core.rows`).
CURRENT = f"""
SELECT {rows.columns(Conversation, "conversation")}, {rows.columns(Contact, "contact")}
FROM conversations_contactidentity identity
JOIN conversations_conversation conversation
    ON conversation.identity_id = COALESCE(identity.same_as_id, identity.id)
JOIN conversations_contact contact ON contact.id = conversation.contact_id
WHERE identity.inbox_id = %s AND identity.external_id = %s
ORDER BY conversation.created_at DESC LIMIT 1
FOR UPDATE OF conversation
"""  # noqa: S608 (names of ours)
STORED = "SELECT id FROM conversations_message WHERE inbox_id = %s AND external_id = %s"
KNOWN = """
SELECT id FROM conversations_message WHERE conversation_id = %s AND client_id = %s
UNION ALL
SELECT id FROM conversations_message WHERE inbox_id = %s AND external_id = %s
"""


@dataclass(frozen=True, slots=True)
class Received:
    """The stored message; `created` is False when it had been stored before."""

    message: Message
    conversation: Conversation
    created: bool


@transaction.atomic(durable=True)
def receive(
    *,
    inbox: Inbox,
    sender: Sender,
    text: str,
    client_id: UUID | None = None,
    external_id: str | None = None,
    attachment_ids: Sequence[UUID] = (),
    uploader: str = "",
    origin: Incoming | None = None,
) -> Received:
    """Stores a customer's message once and in order; returns when it is safe to acknowledge it.

    Finds or makes the contact and the conversation, reopens a resolved one, starts the waiting clock and
    signals `message_received`. The same `client_id` (of the client) or `external_id` (of the provider) again
    returns what is stored and changes nothing. It takes no `by`: the sender is the actor. It sends nothing
    and asks no model. `attachment_ids` are files that `uploader` sent before. `origin` is what a channel
    knows beyond the text: when it was written, what it answers, in which thread, whether a machine wrote it
    (which reopens nothing and lets nobody wait, as does a command to the machine itself). Raises Invalid for
    an empty message, TooLarge above 10,000 characters, NotFound for a file that is not the uploader's.
    """
    text = checked_text(text, has_files=bool(attachment_ids))
    if origin is not None and (stored := stored_message(inbox, external_id)):
        return Received(stored, stored.conversation, created=False)
    conversation, author = _place(inbox, sender, origin)
    if known := known_message(conversation, client_id, external_id):
        return Received(known, conversation, created=False)
    asks = _asks_for_an_answer(conversation, text, origin)
    if conversation.status == Status.RESOLVED and asks:
        reopen_locked(conversation, by=conversation.contact.as_actor())
    draft = Draft(
        AuthorKind.CONTACT,
        str(author.pk),
        author.kept_name,
        Direction.IN,
        text,
        client_id=client_id,
        external_id=external_id,
        attachments=unsent_attachments(attachment_ids, uploader=uploader) if attachment_ids else (),
        origin=origin,
    )
    is_guest = author.pk != conversation.contact_id
    changed = _note_arrival(conversation, origin, is_guest=is_guest, asks=asks)
    message = add_message(conversation, draft, save=changed)
    for file in draft.attachments:
        plan_fetching(file)
    if origin is not None and origin.is_awaited:
        plan_acknowledging(inbox, origin.external_id)
    if not is_guest:
        take_code(conversation, message)
    signals.message_received.send(Message, conversation=conversation, message=message)
    crash_point("receive.before_commit")
    return Received(message, conversation, created=True)


def _asks_for_an_answer(conversation: Conversation, text: str, origin: Incoming | None) -> bool:
    """Says whether somebody waits after this message: not a machine, nor who said a word to ours.

    Where people have the conversation the word may be meant for them.
    """
    if origin is not None and origin.is_automatic:
        return False
    is_with_people = conversation.status == Status.OPEN and conversation.last_seq > 0
    return is_with_people or command_in(conversation.inbox, text) != Command.STOP


def _note_arrival(
    conversation: Conversation, origin: Incoming | None, *, is_guest: bool, asks: bool
) -> tuple[str, ...]:
    """Sets what a message changes in its conversation; returns the names of the fields."""
    now = timezone.now()
    written = min(origin.sent_at, now) if origin and origin.sent_at else now
    conversation.last_contact_at = max(written, conversation.last_contact_at or written)
    names: tuple[str, ...] = ("last_contact_at",)
    if asks or (origin is not None and origin.is_automatic):
        conversation.last_contact_seq = conversation.last_seq + 1
        names = ("last_contact_seq", *names)
    if not asks:
        if conversation.status == Status.OPEN and not (origin and origin.is_automatic):
            # Their first word to us was to the machine: there is nothing to do for people.
            conversation.status, conversation.resolved_at = Status.RESOLVED, now
            names = ("status", "resolved_at", *names)
        return names
    waits_now(conversation)
    if conversation.status == Status.BOT and (is_guest or now - written > LATE_AFTER):
        # What was asked a day ago wants a person to judge what it still means. And the agent would act for
        # its customer, and answer them, upon the words of anybody who knows an id of the thread.
        conversation.status = Status.OPEN
        announce(conversation, by=Actor.system())
        conversation.last_contact_seq = conversation.last_seq + 1
        names = (*names, "status")
    return (*names, "waiting_since")


def stored_message(inbox: Inbox, external_id: str | None) -> Message | None:
    """Returns the message that the inbox has under the provider's id."""
    if external_id is None:
        return None
    with rows.prepared_cursor() as cursor:
        cursor.execute(STORED, [inbox.pk, external_id])
        found = cursor.fetchone()
    # Erased between the two statements, it is as if it had never been.
    return Message.objects.select_related("conversation").filter(pk=found[0]).first() if found else None


def checked_text(text: str, *, has_files: bool) -> str:
    """Returns the text without what Postgres cannot hold; raises Invalid when nothing is left to say."""
    clean = text.replace("\x00", "").encode("utf-8", "replace").decode().strip()
    if not clean and not has_files:
        detail = _("The message is empty.")
        raise Invalid(detail, field="text")
    if len(clean) > MAX_TEXT:
        detail = _("A message may have %d characters.") % MAX_TEXT
        raise TooLarge(detail, field="text")
    return clean


def _place(inbox: Inbox, sender: Sender, origin: Incoming | None) -> tuple[Conversation, Contact]:
    """Returns the conversation that a message belongs to, locked, and the contact who wrote it.

    In a thread that somebody else began, the author is a participant: the conversation stays its customer's.
    """
    if sender.aliases:
        join_identities(inbox, sender)
    thread = origin.thread if origin is not None else None
    if thread is None:
        conversation = locked_conversation(inbox, sender)
        return conversation, conversation.contact
    identity = locked_identity(inbox, sender)
    _note_proof(identity, sender)
    # A twin may have stored it, and opened its conversation, before the identity was ours.
    twin = stored_message(inbox, origin.external_id) if origin else None
    found = twin.conversation_id if twin else thread_conversation(inbox, thread)
    if found is None:
        conversation = _opened(inbox, identity, subject=thread.subject)
    else:
        conversation = lock(found, by=Actor.system())
    _learn(identity.contact, sender)
    if conversation.contact_id == identity.contact_id:
        conversation.contact = identity.contact
    return conversation, identity.contact


def thread_conversation(inbox: Inbox, thread: Thread) -> UUID | None:
    """Returns the conversation a thread points to, by our signed address first, then by what it answers."""
    if thread.conversation_id is not None:
        named = Conversation.objects.filter(pk=thread.conversation_id, inbox=inbox)
        if named.exists():
            return thread.conversation_id
    for answered in thread.answers:
        known = Message.objects.filter(inbox=inbox, external_id=answered).values_list("conversation_id")
        sent = Delivery.objects.filter(inbox=inbox, provider_id=answered).values_list("conversation_id")
        for (conversation_id,) in known.union(sent)[:1]:
            return conversation_id
    return None


def locked_conversation(inbox: Inbox, sender: Sender) -> Conversation:
    """Returns the sender's current conversation, locked; makes identity, contact and conversation if new.

    The usual case is one query. A new conversation is made under the lock of the identity's row, so that
    twenty first messages at once still make one.
    """
    if found := _current(inbox, sender.external_id):
        _learn(found.contact, sender)
        return found
    identity = locked_identity(inbox, sender)
    conversation = _current(inbox, sender.external_id) or _opened(inbox, identity)
    _learn(conversation.contact, sender)
    return conversation


def _opened(inbox: Inbox, identity: ContactIdentity, *, subject: str = "") -> Conversation:
    conversation = Conversation(
        inbox=inbox, contact=identity.contact, identity=identity, team_id=inbox.team_id, subject=subject[:200]
    )
    signals.conversation_opened.send(Conversation, conversation=conversation)
    conversation.save(force_insert=True)
    return conversation


def _current(inbox: Inbox, external_id: str) -> Conversation | None:
    with rows.prepared_cursor() as cursor:
        cursor.execute(CURRENT, [inbox.pk, external_id])
        found = cursor.fetchone()
    if found is None:
        return None
    conversation, rest = rows.from_columns(Conversation, found)
    conversation.contact, _ = rows.from_columns(Contact, rest)
    return conversation


def locked_identity(inbox: Inbox, sender: Sender) -> ContactIdentity:
    """Returns the identity's row locked; the unique constraint decides who of many creates it.

    Of somebody with several ids in the inbox, the one that conversations hang on.
    """
    identities = ContactIdentity.objects.select_for_update(of=("self",)).select_related("contact", "same_as")
    found = identities.filter(inbox=inbox, external_id=sender.external_id).first()
    if found is None:
        contact = Contact.objects.create(**_details(sender))
        row = ContactIdentity(
            inbox=inbox, external_id=sender.external_id, contact=contact, is_verified=sender.is_verified
        )
        ContactIdentity.objects.bulk_create([row], ignore_conflicts=True)
        found = identities.get(inbox=inbox, external_id=sender.external_id)
        if found.contact_id != contact.pk:
            contact.delete()
        elif not sender.name:
            plan_asking(found)
    return identities.get(pk=found.same_as_id) if found.same_as_id else found


def _note_proof(identity: ContactIdentity, sender: Sender) -> None:
    """Notes whether the newest message was its sender's: what proved an older one vouches for no other."""
    if identity.is_verified != sender.is_verified:
        identity.is_verified = sender.is_verified
        identity.save(update_fields=["is_verified"])


def _details(sender: Sender) -> dict[str, str]:
    return {
        "name": sender.name[:120],
        "email": sender.email[:254],
        "phone": sender.phone[:32],
        "locale": sender.locale[:12],
    }


def _learn(contact: Contact, sender: Sender) -> None:
    """Fills what was not known of a contact; never overwrites what an operator may have corrected."""
    news = {name: value for name, value in _details(sender).items() if value and not getattr(contact, name)}
    for name, value in news.items():
        setattr(contact, name, value)
    if news:
        contact.save(update_fields=list(news))


def known_message(
    conversation: Conversation, client_id: UUID | None, external_id: str | None = None
) -> Message | None:
    """Returns the message if it is stored; asked after the lock, which a twin may have held meanwhile."""
    with rows.prepared_cursor() as cursor:
        cursor.execute(KNOWN, [conversation.pk, client_id, conversation.inbox_id, external_id])
        found = cursor.fetchone()
    return Message.objects.get(pk=found[0]) if found else None
