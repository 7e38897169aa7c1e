"""Learning from a provider who somebody is."""

import logging
from uuid import UUID

from django.utils import timezone

from conversations.channels import SendFailed, adapter
from conversations.exchange import Sender
from conversations.models import Contact, ContactIdentity
from core.reasons import in_english
from core.threads import in_network_thread, in_thread

logger = logging.getLogger(__name__)


async def learn(identity_id: int) -> None:
    """Asks once for the name behind an id; a provider that does not say leaves the visitor's number shown."""
    identity = await in_thread(_nameless, identity_id)
    if identity is None:
        return
    channel = adapter(identity.inbox.channel)
    config = channel.config.model_validate(identity.inbox.config)
    try:
        found = await in_network_thread(channel.profile, identity.external_id, config)
    except SendFailed as error:
        logger.info("nobody says who identity %s is: %s", identity_id, in_english(error.detail))
        return
    if found is not None:
        await in_thread(_fill, identity.contact_id, found)


def _nameless(identity_id: int) -> ContactIdentity | None:
    rows = ContactIdentity.objects.filter(pk=identity_id, contact__name="")
    return rows.select_related("inbox").first()


def _fill(contact_id: UUID, found: Sender) -> None:
    """Fills what is empty; never what an operator wrote meanwhile."""
    for name, size in (("name", 120), ("email", 254), ("phone", 32), ("locale", 12)):
        if value := getattr(found, name)[:size]:
            unknown = Contact.objects.filter(pk=contact_id, **{name: ""})
            unknown.update(**{name: value}, updated_at=timezone.now())
