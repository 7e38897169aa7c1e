"""A customer's page with what they have agreed to, channel by channel."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext

from accounts.admin import actor_of
from campaigns import actions
from campaigns.admin.consents import consent_pill
from campaigns.enums import ConsentState
from campaigns.models import Consent
from conversations.admin.common import attempt
from conversations.admin.contacts import ContactAdmin
from conversations.models import Contact, ContactIdentity

BUTTON = "_consent"

admin.site.unregister(Contact)


@admin.register(Contact)
class ContactWithConsentAdmin(ContactAdmin):
    """The spine's page, and the spine knows nothing of consent."""

    change_form_template = "admin/campaigns/contact.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **more: Any
    ) -> HttpResponse:
        """Hands the channels to the page."""
        contact = more.get("obj")
        channels = list(said_by(contact)) if isinstance(contact, Contact) else []
        may_set = actor_of(request).leads and self.has_change_permission(request, contact)
        told = {"consent_channels": channels, "may_set_consent": may_set}
        return super().render_change_form(request, {**context, **told}, *args, **more)

    def response_change(self, request: HttpRequest, obj: Contact) -> HttpResponse:
        """Enters what the button says, once the form is saved."""
        channel, _colon, state = request.POST.get(BUTTON, "").partition(":")
        if state not in ConsentState.values:
            return super().response_change(request, obj)
        attempt(request, lambda: self._entered(request, obj, channel, ConsentState(state)))
        return HttpResponseRedirect(request.get_full_path())

    def _entered(self, request: HttpRequest, contact: Contact, channel: str, state: ConsentState) -> str:
        """Enters it for every address of the channel."""
        actions.set_channel_consents(contact=contact, states={channel: state}, by=actor_of(request))
        told = f"{channel}: {state.label}"
        self.log_change(request, contact, told)
        return gettext("Entered: %s") % told


def said_by(contact: Contact) -> Iterator[dict[str, Any]]:
    """Yields the channels through which somebody is known, with what they last said."""
    identities = ContactIdentity.objects.filter(contact=contact, same_as=None).select_related("inbox")
    rows = Consent.objects.filter(identity__contact=contact).select_related("identity__inbox", "campaign")
    told: dict[str, Consent] = {}
    for row in rows.order_by("changed_at"):
        channel = row.identity.inbox.channel
        if channel not in told or row.state == ConsentState.WITHDRAWN:
            told[channel] = row
    labels = {each.inbox.channel: each.inbox.get_channel_display() for each in identities}
    for channel, label in labels.items():
        consent = told.get(channel)
        yield {
            "channel": channel,
            "label": label,
            "consent": consent,
            "pill": consent_pill(consent.state) if consent else "",
            "is_given": bool(consent and consent.state == ConsentState.GIVEN),
            "is_withdrawn": bool(consent and consent.state == ConsentState.WITHDRAWN),
        }
