"""Wanting messages, and not wanting them: by a word, by a link, by staff."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from django.core import signing
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.actions.rights import require_lead
from campaigns.addresses import language_of
from campaigns.enums import ConsentSource, ConsentState, RecipientState
from campaigns.models import Campaign, Consent, Recipient
from campaigns.queries.consents import consents_about, has_opted_out, identities_of
from campaigns.tasks import plan_taking_back
from conversations.actions import lock
from conversations.actions.notifying import Notice, notify, withdraw
from conversations.channels import adapter
from conversations.enums import DeliveryStatus, Withdrawn
from conversations.errors import WindowClosed
from conversations.models import Contact, ContactIdentity, Delivery, Message
from conversations.queries.commands import Command, command_in, language_of_word
from core.actor import Actor, ActorKind
from core.errors import NotFound
from core.language import spoken
from core.reasons import reason

SALT = "campaigns.unsubscribe"
CONFIRMATIONS = UUID("0f6c9a4e-6c1e-4f0e-9a54-5b0d8f3f4a11")
WANTED_NOT = gettext_noop("The customer wants no messages.")
STOPPED = gettext_noop("You will get no more news from us. Write %s if you want them again.")
STARTED = gettext_noop("You will get our news again. Write %s if you no longer want them.")
# The words that the confirmation names, by the language in which it is given.
STOP_WORDS = {"pt": "PARAR", "es": "BAJA"}
START_WORDS = {"pt": "VOLTAR", "es": "ALTA"}
# What a provider tells that somebody chose there (`details` of kind "preference").
PREFERENCES = {"stop": Command.STOP, "resume": Command.START}


def note_consent(
    *,
    identity: ContactIdentity,
    state: ConsentState,
    source: ConsentSource,
    by: Actor,
    campaign: Campaign | None = None,
) -> Consent:
    """Writes down what somebody last said about being written to. Says nothing to them.

    A list or a program's list cannot take back what the person said: WITHDRAWN stays until they, or staff by
    hand, say otherwise.
    """
    root = identity.same_as or identity
    known = Consent.objects.filter(identity=root).first()
    is_weak = source in {ConsentSource.LIST, ConsentSource.API} and state == ConsentState.GIVEN
    if known is not None and is_weak and known.state == ConsentState.WITHDRAWN:
        return known
    if state == ConsentState.GIVEN and not is_weak:
        # What they said under another id of theirs, or to another inbox of the channel, holds no more.
        before = consents_about(root).filter(state=ConsentState.WITHDRAWN)
        before.update(state=state, source=source, actor_name=by.name[:120], changed_at=timezone.now())
    row, _made = Consent.objects.update_or_create(
        identity=root,
        defaults={
            "state": state,
            "source": source,
            "campaign": campaign or (known.campaign if known else None),
            "actor_name": by.name[:120],
        },
    )
    return row


def note_agreements(identities: Sequence[ContactIdentity], *, by: Actor) -> None:
    """Writes down that everybody on a list has agreed; what `note_consent` would, in two statements."""
    roots = {identity.same_as_id or identity.pk for identity in identities}
    told = {"state": ConsentState.GIVEN, "source": ConsentSource.LIST, "actor_name": by.name[:120]}
    agreed = Consent.objects.filter(identity__in=roots, state=ConsentState.GIVEN)
    agreed.update(**told, changed_at=timezone.now())
    # Whoever has said something keeps it.
    Consent.objects.bulk_create(
        (Consent(identity_id=root, **told) for root in sorted(roots)), ignore_conflicts=True
    )


@transaction.atomic
def set_consent(*, identity: ContactIdentity, state: ConsentState, by: Actor) -> Consent:
    """Enters what a customer told somebody of us; raises Forbidden for all but leads."""
    require_lead(by)
    source = ConsentSource.API if by.kind == ActorKind.API_KEY else ConsentSource.STAFF
    if state == ConsentState.WITHDRAWN:
        _hold(identity)
        plan_taking_back(identity.pk)
    return note_consent(identity=identity, state=state, source=source, by=by)


def heed(message: Message) -> bool:
    """Takes a customer's word to the machine as their will; says whether it was one.

    Said to us, or to the provider, who tells of it in a message of its own. Runs in the transaction that
    stores the message; what has to be taken back and said comes in a job.
    """
    conversation = message.conversation
    asked, source = _asked(message)
    # Others may take part in a customer's thread: they speak for themselves.
    if asked is None or message.author_id != str(conversation.contact_id):
        return False
    stops = asked == Command.STOP
    if not stops and not has_opted_out(conversation.identity):
        # From somebody who gets our news anyway it is a word like any other.
        return False
    last = _last_written(conversation.identity)
    state = ConsentState.WITHDRAWN if stops else ConsentState.GIVEN
    note_consent(
        identity=conversation.identity,
        state=state,
        source=source,
        by=conversation.contact.as_actor(),
        campaign=last.campaign if last else None,
    )
    if stops and last is not None:
        Recipient.objects.filter(pk=last.pk, opted_out_at=None).update(opted_out_at=timezone.now())
    return True


def _asked(message: Message) -> tuple[Command | None, ConsentSource]:
    """Returns what a message asks of the machine, and who says that the customer does."""
    if not message.is_automatic:
        return command_in(message.conversation.inbox, message.text), ConsentSource.WORD
    told = message.details if message.details.get("kind") == "preference" else {}
    return PREFERENCES.get(str(told.get("value"))), ConsentSource.PROVIDER


def heed_provider(delivery: Delivery) -> bool:
    """Takes a refused message for a no where the provider refused it because somebody told it so.

    Says whether it was one; what else is on its way to them is taken back in a job. The message does not
    count as what made them say no: they had said it before.
    """
    conversation = delivery.conversation
    if delivery.error_code not in adapter(conversation.inbox.channel).capabilities.unwanted:
        return False
    note_consent(
        identity=conversation.identity,
        state=ConsentState.WITHDRAWN,
        source=ConsentSource.PROVIDER,
        by=conversation.contact.as_actor(),
    )
    return True


def _last_written(identity: ContactIdentity) -> Recipient | None:
    """Returns the campaign's message that somebody got last through an inbox: what they may speak of."""
    rows = Recipient.objects.filter(
        conversation__identity=identity.same_as_id or identity.pk, state=RecipientState.WRITTEN
    )
    return rows.select_related("campaign").order_by("-written_at").first()


def confirm(identity_id: int, message_id: str) -> None:
    """Takes back what is on its way to somebody who wants nothing, and says that they were understood.

    Once for each word: the confirmation's id is made from the message's. Nothing is said where they told
    their provider, which has confirmed it itself.
    """
    message = Message.objects.select_related("conversation__inbox").filter(pk=message_id).first()
    identity = _identity(identity_id)
    if message is None or identity is None:
        return
    asked, source = _asked(message)
    if asked == Command.STOP:
        take_back(identity_id)
    if source == ConsentSource.WORD:
        _say_so(message, identity, stops=asked == Command.STOP)


@transaction.atomic(durable=True)
def _say_so(message: Message, identity: ContactIdentity, *, stops: bool) -> None:
    client_id = uuid5(CONFIRMATIONS, str(message.pk))
    conversation = lock(message.conversation_id, by=Actor.system())
    language = _language(identity.contact, message.text)
    with translation.override(language):
        words = START_WORDS if stops else STOP_WORDS
        word = words.get(language[:2], "START" if stops else "STOP")
        text = _(STOPPED if stops else STARTED) % word
    try:
        notify(conversation=conversation, notice=Notice(text, is_system=True), client_id=client_id)
    except WindowClosed:
        # They have just written, so this is a message that came a day late.
        return


def _language(contact: Contact, text: str) -> str:
    """Returns in which of our languages somebody is answered: theirs, the word's, their country's, ours.

    English words are understood everywhere: before one of these tells, the country does.
    """
    told = language_of_word(text)
    theirs = (contact.locale, "" if told == "en" else told, language_of(contact.phone), told)
    return spoken(next(filter(None, theirs), translation.get_language() or ""))


def take_back(identity_id: int) -> None:
    """Takes back the campaigns' messages that are on their way to somebody who wants none.

    Whoever writes to them holds one of their identities (`campaigns.actions.writing`): once these were ours,
    they have written, or will read the no. Two transactions, since deliveries come before identities in the
    order of locks.
    """
    identity = _identity(identity_id)
    if identity is None:
        return
    with transaction.atomic(durable=True):
        _hold(identity)
    with transaction.atomic(durable=True):
        _take_back(identity)


def _identity(pk: int) -> ContactIdentity | None:
    return ContactIdentity.objects.select_related("inbox", "contact", "same_as").filter(pk=pk).first()


def _hold(identity: ContactIdentity) -> None:
    """Waits until nobody is writing to somebody, and has whoever would wait until what is noted now is."""
    list(identities_of(identity).select_for_update(of=("self",), no_key=True).order_by("pk"))


def _take_back(identity: ContactIdentity) -> None:
    written = Recipient.objects.filter(identity__in=identities_of(identity), state=RecipientState.WRITTEN)
    under_way = written.filter(
        message__deliveries__status__in=(DeliveryStatus.QUEUED, DeliveryStatus.SENDING)
    )
    withdraw(under_way.values("message_id"), error=reason(WANTED_NOT), code=Withdrawn.OPTED_OUT)


# --- The link ----------------------------------------------------------------------------------------------
def unsubscribe_token(recipient: Recipient, identity: ContactIdentity | None = None) -> str:
    """Returns what the link in a message carries: whom it is for, signed, without an end.

    The identity goes with it: the link works when the campaign has long been deleted.
    """
    known = identity.pk if identity else recipient.identity_id
    return signing.Signer(salt=SALT).sign_object([recipient.pk, known])


def recipient_of(token: str) -> Recipient:
    """Returns the recipient for whom a link was made; raises NotFound for a link that is not ours.

    One without a row, and without a campaign, where that was deleted.
    """
    try:
        pk, identity_id = signing.Signer(salt=SALT).unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise NotFound from error
    if not (isinstance(pk, int) and isinstance(identity_id, int)):
        raise NotFound
    rows = Recipient.objects.select_related("campaign", "identity__inbox", "identity__contact")
    found = rows.filter(pk=pk, identity__isnull=False).first()
    if found is not None:
        return found
    identity = _identity(identity_id)
    if identity is None:
        raise NotFound
    return Recipient(contact=identity.contact, identity=identity)


@transaction.atomic(durable=True)
def unsubscribe(recipient: Recipient) -> None:
    """Does what the link in a message promises; again, it changes nothing."""
    identity = recipient.identity
    if identity is None:
        raise NotFound
    _hold(identity)
    plan_taking_back(identity.pk)
    note_consent(
        identity=identity,
        state=ConsentState.WITHDRAWN,
        source=ConsentSource.LINK,
        by=identity.contact.as_actor(),
        campaign=recipient.campaign if recipient.pk else None,
    )
    Recipient.objects.filter(pk=recipient.pk, opted_out_at=None).update(opted_out_at=timezone.now())
