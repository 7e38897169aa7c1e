"""One recipient's message: by which address, in which words, or why there is none."""

import logging
from datetime import datetime
from typing import cast
from uuid import UUID, uuid5

from django.db import transaction

from campaigns.actions.consent import unsubscribe_token
from campaigns.addresses import LONGEST_ADDRESS
from campaigns.enums import ConsentState, RecipientState, Skip
from campaigns.models import Campaign, Recipient, Variant
from campaigns.queries.consents import wishes
from campaigns.queries.words import details_of, link_of, words_for
from conversations.actions.notifying import Notice, locked_for_notice, notify
from conversations.enums import Status
from conversations.errors import WindowClosed
from conversations.models import Contact, ContactIdentity, Conversation, Message
from conversations.queries.recipients import known_ids, recipient_at
from conversations.queries.windows import capabilities
from core import rows
from core.errors import Invalid, TooLarge
from core.outages import is_outage
from core.reasons import reason

logger = logging.getLogger(__name__)
MESSAGES = UUID("f3f1b6f2-5a7c-4f93-8a44-5f1f0a4c9a55")
CHANGED = ("contact", "identity", "conversation", "message", "state", "written_at")
# Asked for each of a hundred thousand, and written out for that (see `core.rows`).
KNOWN = f"""
SELECT {rows.columns(ContactIdentity, "identity")} FROM conversations_contactidentity identity
WHERE contact_id = %s AND inbox_id = %s AND same_as_id IS NULL
ORDER BY unreachable_since IS NOT NULL, id DESC LIMIT 1
FOR NO KEY UPDATE
"""  # noqa: S608 (names of ours)
TWIN = "SELECT 1 FROM campaigns_recipient WHERE campaign_id = %s AND identity_id = %s AND id <> %s"


class _LeftOut(Exception):
    """Nothing is said to this one, and no conversation is left behind."""

    def __init__(self, skip: Skip) -> None:
        super().__init__(skip)
        self.skip = skip


def write(
    campaign: Campaign, recipient: Recipient, variant: Variant | None, now: datetime
) -> Skip | str | None:
    """Writes to one recipient; returns why not to this one (Skip), or to nobody (a reason).

    Needs the transaction in which the recipient and the campaign are locked.
    """
    if variant is None or (not variant.text and variant.template is None):
        return reason("There is nothing to say: the template is gone, or the text is empty.")
    if variant.template is not None and variant.template.header_format and variant.file is None:
        return reason("The file that stands above the text of the template is gone.")
    identity = _addressed(campaign, recipient)
    message = identity if isinstance(identity, Skip) else _said(campaign, recipient, identity, variant)
    if not isinstance(message, Message):
        return message
    recipient.message, recipient.conversation_id = message, message.conversation_id
    recipient.state, recipient.written_at = RecipientState.WRITTEN, now
    rows.update(recipient, *CHANGED)
    return None


def _addressed(campaign: Campaign, recipient: Recipient) -> ContactIdentity | Skip:
    """Settles who the recipient is by now, and by which id they are written to; nobody else may have it."""
    contact = _present(cast("Contact", recipient.contact))
    if contact.pk != recipient.contact_id:
        if Recipient.objects.filter(campaign=campaign, contact=contact).exists():
            return Skip.DUPLICATE
        recipient.contact = contact
    identity = _identity(campaign, contact)
    if isinstance(identity, Skip):
        return identity
    recipient.identity = identity
    return Skip.DUPLICATE if _has_twin(recipient, identity) else identity


def _said(
    campaign: Campaign, recipient: Recipient, identity: ContactIdentity, variant: Variant
) -> Message | Skip | str:
    try:
        with transaction.atomic():
            return _say(campaign, recipient, identity, variant)
    except _LeftOut as left:
        return left.skip
    except Invalid as error:
        return error.detail
    except Exception as error:
        if is_outage(error):
            raise
        # One who cannot be written to must not keep the others from it for ever.
        logger.exception("recipient %s of a campaign cannot be written to", recipient.pk)
        return Skip.BROKEN


def leave_out(recipient: Recipient, skip: Skip) -> None:
    """Notes why somebody gets nothing."""
    recipient.state, recipient.reason = RecipientState.SKIPPED, skip
    rows.update(recipient, "state", "reason")


def _has_twin(recipient: Recipient, identity: ContactIdentity) -> bool:
    """Says whether somebody else's turn led to the same address."""
    with rows.prepared_cursor() as cursor:
        cursor.execute(TWIN, [recipient.campaign_id, identity.pk, recipient.pk])
        return cursor.fetchone() is not None


def _say(campaign: Campaign, recipient: Recipient, identity: ContactIdentity, variant: Variant) -> Message:
    link = link_of(unsubscribe_token(recipient, identity))
    words = words_for(variant, identity.contact, more=recipient.values, link=link)
    if words.missing:
        raise _LeftOut(Skip.MISSING_VALUE)
    client_id = uuid5(MESSAGES, str(recipient.pk))
    conversation = locked_for_notice(identity, subject=words.subject, client_id=client_id)
    # Asked under the lock, for which whoever takes a word to the machine waits, or we for them.
    if skip := _unwanted(campaign, identity, conversation):
        raise _LeftOut(skip)
    details = details_of(campaign, link)
    notice = Notice(words.text, variant.template, words.values, variant.file, details)
    try:
        return notify(conversation=conversation, notice=notice, client_id=client_id)
    except WindowClosed as error:
        raise _LeftOut(Skip.WINDOW_CLOSED) from error
    except TooLarge as error:
        raise _LeftOut(Skip.TOO_LONG) from error


def _present(contact: Contact) -> Contact:
    """Returns who stands for a contact that was merged into another."""
    for _number in range(10):
        if contact.merged_into_id is None:
            break
        contact = cast("Contact", contact.merged_into)
    return contact


def _identity(campaign: Campaign, contact: Contact) -> ContactIdentity | Skip:
    """Returns the id under which somebody is written to; makes one where their address is known.

    It is held until the message is written: whoever notes meanwhile that they want none waits for it.
    """
    inbox = campaign.inbox
    with rows.prepared_cursor() as cursor:
        cursor.execute(KNOWN, [contact.pk, inbox.pk])
        found = cursor.fetchone()
    if found is None:
        return _stranger(campaign, contact)
    identity, _rest = rows.from_columns(ContactIdentity, found)
    identity.inbox, identity.contact = inbox, contact
    return Skip.UNREACHABLE if identity.unreachable_since else identity


def _stranger(campaign: Campaign, contact: Contact) -> ContactIdentity | Skip:
    """Makes an id of an address; of one that the inbox knows as somebody else's, it is theirs."""
    inbox = campaign.inbox
    addresses = (contact.phone, contact.email) if capabilities(inbox).opens else ()
    for address in filter(None, addresses):
        told = recipient_at(inbox, address)
        if told is not None and len(told.external_id) <= LONGEST_ADDRESS:
            name = known_ids(inbox, [told.external_id])[told.external_id]
            made, _new = ContactIdentity.objects.get_or_create(
                inbox=inbox, external_id=name, defaults={"contact": contact}
            )
            held = ContactIdentity.objects.select_for_update(of=("self",), no_key=True)
            root = held.select_related("contact").get(pk=made.same_as_id or made.pk)
            root.inbox = inbox
            return Skip.UNREACHABLE if root.unreachable_since else root
    return Skip.NO_ADDRESS


def _unwanted(campaign: Campaign, identity: ContactIdentity, conversation: Conversation) -> Skip | None:
    told = wishes(identity)
    if ConsentState.WITHDRAWN in told:
        return Skip.OPTED_OUT
    if campaign.needs_consent and ConsentState.GIVEN not in told:
        return Skip.NO_CONSENT
    if campaign.leaves_busy and conversation.status != Status.RESOLVED:
        return Skip.BUSY
    return None
