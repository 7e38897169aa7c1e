"""Who wants to be written to, and who does not."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.enums import ConsentSource, ConsentState
from campaigns.models.campaign import Campaign
from conversations.models import ContactIdentity


class Consent(models.Model):
    """What somebody last said, under the id by which one inbox knows them. It holds for the whole channel.

    It hangs on the identity, so that it goes along when contacts are merged or split.
    """

    identity = models.OneToOneField(
        ContactIdentity, models.CASCADE, related_name="consent", verbose_name=_("identity")
    )
    state = models.CharField(_("state"), max_length=9, choices=ConsentState)
    source = models.CharField(_("how we know"), max_length=8, choices=ConsentSource)
    campaign = models.ForeignKey(
        Campaign, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("campaign")
    )
    actor_name = models.CharField(_("by"), max_length=120, blank=True)
    changed_at = models.DateTimeField(_("since"), auto_now=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ("-changed_at",)
        indexes: ClassVar = [models.Index(fields=["state", "-changed_at"], name="consent_by_state")]

    def __str__(self) -> str:
        return f"{self.identity_id} {self.state}"
