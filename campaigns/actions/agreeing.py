"""What somebody said about a whole channel, entered by staff or told by a program."""

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.actions.consent import set_consent
from campaigns.actions.rights import require_lead
from campaigns.enums import ConsentState
from campaigns.queries.consents import consent_states
from conversations.models import Contact, ContactIdentity
from core.actor import Actor
from core.errors import Conflict, Invalid, NotFound
from core.versions import require_version


@transaction.atomic
def set_channel_consents(
    *, contact: Contact, states: Mapping[str, ConsentState], by: Actor, expected: str | None = None
) -> Contact:
    """Enters what a customer said, by channel, for every address there: the stricter word would win else.

    Channels that are not named stay as they are. All of it or nothing; the customer counts as changed. Raises
    Forbidden for all but leads, Invalid for a channel in which they are not known, Conflict where a program
    says yes for somebody who said no themselves: only they, or staff by hand, can take that back.
    """
    require_lead(by)
    known = ContactIdentity.objects.filter(contact=contact, same_as=None).select_related("inbox")
    # Whoever writes to them now holds one of these (`campaigns.actions.writing`).
    theirs = list(known.select_for_update(of=("self",), no_key=True).order_by("pk"))
    row = Contact.objects.select_for_update().filter(pk=contact.pk).first()
    if row is None:
        raise NotFound
    require_version(row, expected)
    for channel, state in states.items():
        here = [identity for identity in theirs if identity.inbox.channel == channel]
        if not here:
            raise Invalid(_("The customer is not known in this channel."), field=f"consents.{channel}")
        for identity in here:
            set_consent(identity=identity, state=state, by=by)
    said = consent_states(contact)
    if refused := [channel for channel, state in states.items() if said[channel] != state]:
        detail = _("They said no themselves; only they, or staff by hand, can take that back.")
        raise Conflict(detail, field=f"consents.{refused[0]}")
    row.save(update_fields=["updated_at"])
    return row
