"""Messages on a site: shown to each visitor once; who takes one up has it in their conversation."""

from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.actions.preparing import variant_for
from campaigns.enums import CampaignStatus, Kind, RecipientState
from campaigns.models import Campaign, Recipient, Variant
from campaigns.queries.onsite import offers, words_for_anybody
from campaigns.queries.words import details_of
from conversations.actions.inbound import locked_conversation
from conversations.actions.notifying import Notice, notify
from conversations.enums import Direction, Status
from conversations.exchange import Sender
from conversations.invitations import Invitation, Offer
from conversations.models import Conversation, Inbox, Message
from core.errors import Conflict, NotFound
from core.html import markdown_to_html

VISITORS = UUID("6c1d5f0e-5f0b-4c53-9a55-0a3a4f6f0d21")
# Shared: visitors do not wait for each other, while whoever pauses or cancels waits for those just answered.
AT_WORK = f"""
SELECT * FROM {Campaign._meta.db_table}
WHERE id = %s AND inbox_id = %s AND kind = '{Kind.ONSITE}' AND status = '{CampaignStatus.RUNNING}'
FOR SHARE
"""  # noqa: S608 (names of ours)


class OnSite:
    """The inviter that settings name; `conversations.invitations.Inviter` says what each part promises.

    Campaign, conversation, recipient: locks are taken in this order, the last two as a reply takes them.
    """

    def offers(self, inbox: Inbox) -> list[Offer]:
        """Returns what the sites of an inbox may show just now."""
        return offers(inbox)

    @transaction.atomic(durable=True)
    def show(self, *, inbox: Inbox, visitor: str, offer: UUID) -> Invitation:
        """Notes that a visitor sees a campaign's message; the unique constraint decides who of many tabs."""
        campaign = _running(inbox, offer)
        if _is_in_conversation(inbox, visitor):
            raise Conflict(_("This visitor is in conversation with us."))
        variant = variant_for(list(campaign.variants.all()), campaign.pk, uuid5(VISITORS, visitor))
        if variant is None:
            raise NotFound
        told = {"variant": variant, "state": RecipientState.WRITTEN, "written_at": timezone.now()}
        _row, is_new = Recipient.objects.get_or_create(campaign=campaign, visitor=visitor, defaults=told)
        if not is_new:
            raise Conflict(_("This visitor has seen it."))
        text = words_for_anybody(variant).text
        return Invitation(campaign.pk, text, markdown_to_html(text))

    @transaction.atomic(durable=True)
    def accept(self, *, inbox: Inbox, sender: Sender, offer: UUID) -> Message:
        """Says in the visitor's conversation what they were shown, once; nobody waits for anything by it."""
        campaign = _running(inbox, offer)
        rows = Recipient.objects.select_related("variant__file", "message")
        recipient = rows.filter(campaign=campaign, visitor=sender.external_id).first()
        if recipient is None or recipient.variant is None:
            raise NotFound
        if recipient.message is not None:
            return recipient.message
        conversation = locked_conversation(inbox, sender)
        message = _said(campaign, recipient.variant, conversation)
        _note_accepted(recipient, conversation, message)
        return message

    @transaction.atomic
    def recognise(self, *, inbox: Inbox, visitor: str, customer: str) -> None:
        """Makes what somebody was shown as a visitor what they were shown as a customer.

        Where they were shown the same as both, what they took up stays, else what they saw first; nothing
        that was taken up goes away.
        """
        shown = Recipient.objects.filter(campaign__inbox=inbox, campaign__kind=Kind.ONSITE, visitor=visitor)
        # Two who sign in as the same customer do so one after the other, and so does who shows it to them.
        campaigns = Campaign.objects.filter(pk__in=shown.values("campaign")).order_by("pk")
        list(campaigns.select_for_update(of=("self",), no_key=True).values_list("pk"))
        for row in shown.select_for_update(of=("self",)).order_by("campaign"):
            _rename(row, customer)


def _rename(row: Recipient, visitor: str) -> None:
    there = Recipient.objects.select_for_update(of=("self",)).filter(
        campaign=row.campaign_id, visitor=visitor
    )
    other = there.first()
    if other is not None:
        kept, gone = sorted((row, other), key=lambda each: (each.message_id is None, each.written_at))
        if gone.message_id is not None:
            return
        gone.delete()
        if kept is other:
            return
    row.visitor = visitor
    row.save(update_fields=["visitor"])


def _running(inbox: Inbox, offer: UUID) -> Campaign:
    """Returns a campaign that runs on this inbox's sites, and goes on running until the transaction ends."""
    found = next(iter(Campaign.objects.raw(AT_WORK, [offer, inbox.pk])), None)
    if found is None:
        raise NotFound
    return found


def _is_in_conversation(inbox: Inbox, visitor: str) -> bool:
    theirs = Conversation.objects.filter(identity__inbox=inbox, identity__external_id=visitor)
    return theirs.exclude(status=Status.RESOLVED).exists()


def _said(campaign: Campaign, variant: Variant, conversation: Conversation) -> Message:
    notice = Notice(words_for_anybody(variant).text, file=variant.file, details=details_of(campaign, link=""))
    message = notify(conversation=conversation, notice=notice, client_id=campaign.pk)
    if message.direction != Direction.OUT:
        # Somebody has given a message of their own the invitation's id.
        raise Conflict
    return message


def _note_accepted(recipient: Recipient, conversation: Conversation, message: Message) -> None:
    """Ties the row of a visitor to who they are now.

    Somebody with two browsers who was merged into one customer stays two visitors: a campaign has a customer
    once.
    """
    others = Recipient.objects.filter(campaign=recipient.campaign_id).exclude(pk=recipient.pk)
    if not others.filter(contact=conversation.contact_id).exists():
        recipient.contact_id = conversation.contact_id
    if not others.filter(identity=conversation.identity_id).exists():
        recipient.identity_id = conversation.identity_id
    recipient.conversation, recipient.message = conversation, message
    recipient.save(update_fields=["contact", "identity", "conversation", "message"])
