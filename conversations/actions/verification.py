"""Proving who a customer is: a one-time code to the address we have, typed into the conversation."""

import hmac
import re
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.mails import Letter
from conversations.actions.record import add_event, add_message, lock, save_locked, system_draft
from conversations.enums import EventType
from conversations.models import Contact, Conversation, Message, Verification
from conversations.queries.proof import is_denied
from conversations.tasks import plan_code
from core.actor import Actor, ActorKind
from core.errors import Conflict, TooMany
from core.language import spoken

GOOD_FOR = timedelta(minutes=10)
MOST_TRIES = 5
AN_HOUR = timedelta(hours=1)
# Codes in an hour: for a customer, and for an address, whoever claims it.
MOST_FOR_CONTACT, MOST_FOR_ADDRESS = 3, 5
DIGITS = 6
_CODE = re.compile(rf"(?<![0-9]){'[0-9]' * DIGITS}(?![0-9])", re.ASCII)


@transaction.atomic
def request_verification(*, conversation: Conversation, by: Actor) -> Verification:
    """Has a code mailed to the address that the contact's row has, and returns what was asked for.

    The code of before is void. The mail is sent by a job. Raises NotFound where the actor does not see the
    conversation, Conflict where a code would prove nothing (no address, or a channel that says that the
    sender is not proven), TooMany beyond three codes an hour for a customer or five for an address.
    """
    row = lock(conversation.pk, by=Actor.system() if by.kind == ActorKind.AGENT else by)
    # One code at a time is counted for a customer who writes in several conversations.
    contact = Contact.objects.select_for_update().get(pk=row.contact_id)
    if not contact.email:
        raise Conflict(_("There is no e-mail address of this customer."))
    if is_denied(row):
        raise Conflict(_("Whoever wrote last is not proven to be this customer."))
    _check_pace(contact)
    now = timezone.now()
    _open(row).update(expires_at=now)
    made = Verification.objects.create(
        conversation=row, contact=contact, email=contact.email, expires_at=now + GOOD_FOR
    )
    plan_code(made.pk)
    return made


def _check_pace(contact: Contact) -> None:
    lately = Verification.objects.filter(asked_at__gt=timezone.now() - AN_HOUR)
    same_address = lately.filter(email__iexact=contact.email).count()
    if lately.filter(contact=contact).count() >= MOST_FOR_CONTACT or same_address >= MOST_FOR_ADDRESS:
        raise TooMany(retry_after=AN_HOUR.seconds)


def take_code(conversation: Conversation, message: Message) -> None:
    """Looks for the code in a customer's message, in the transaction that stores it under the lock.

    Only code decides: no model is told the code, and none is asked. A message with a six-digit number is a
    try while a code is open; after five the code is void. The customer is told either way.
    """
    typed = _CODE.findall(message.text)
    if not typed or is_denied(conversation):
        return
    row = _open(conversation).select_for_update(of=("self",)).first()
    if row is None:
        return
    # Counted before it is compared.
    Verification.objects.filter(pk=row.pk).update(tries=F("tries") + 1)
    # Only the first number: a message full of them is one try.
    if hmac.compare_digest(code_of(row), typed[0]) and row.email == Contact.objects.values_list(
        "email", flat=True
    ).get(pk=row.contact_id):
        _verified(row, conversation)
    else:
        _say(conversation, _wrong)
    save_locked(conversation, "preview")


def _open(conversation: Conversation) -> "QuerySet[Verification]":
    """The code that may be typed now, if there is one."""
    rows = Verification.objects.filter(conversation=conversation, contact=conversation.contact_id)
    good = rows.filter(verified_at=None, tries__lt=MOST_TRIES, expires_at__gt=timezone.now())
    return good.order_by("-asked_at")


def _verified(row: Verification, conversation: Conversation) -> None:
    row.verified_at = timezone.now()
    row.save(update_fields=["verified_at"])
    add_event(conversation, EventType.IDENTITY_VERIFIED, by=conversation.contact.as_actor(), is_internal=True)
    _say(conversation, _right)


def _say(conversation: Conversation, words: Callable[[], str]) -> None:
    with translation.override(spoken(conversation.contact.locale)):
        add_message(conversation, system_draft(words()))


def _right() -> str:
    return _("Thank you, the code is right.")


def _wrong() -> str:
    return _("That is not the code that we sent you.")


def code_of(row: Verification) -> str:
    """Returns the code of a verification: a keyed digest of its number, so that it stands in no table."""
    digest = salted_hmac("conversations.verification", f"{row.pk}:{row.email}", algorithm="sha256").digest()
    return f"{int.from_bytes(digest, 'big') % 10**DIGITS:0{DIGITS}}"


def write_code(verification_id: int) -> Letter | None:
    """Returns the mail with the code, or None when it is of no use any more."""
    row = Verification.objects.select_related("contact").filter(pk=verification_id).first()
    if row is None or row.verified_at or row.expires_at <= timezone.now() or row.contact.email != row.email:
        return None
    with translation.override(spoken(row.contact.locale)):
        text = render_to_string(
            "conversations/mail/code.txt",
            {"code": code_of(row), "minutes": GOOD_FOR.seconds // 60, "site": settings.PUBLIC_URL},
        )
    subject, _blank, body = text.strip().partition("\n\n")
    return Letter(row.email, " ".join(subject.split()), f"{body.strip()}\n")
