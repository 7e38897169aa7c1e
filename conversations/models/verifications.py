"""Proof that a customer reads the mail of the address we have for them."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from conversations.models.contacts import Contact
from conversations.models.conversation import Conversation


class Verification(models.Model):
    """A one-time code that was asked for. The code stands nowhere: it is computed with the secret key."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="verifications")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="verifications")
    # As the contact had it: a code that went to another address than today's proves nothing.
    email = models.EmailField(_("e-mail"))
    tries = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(_("asked"), auto_now_add=True)
    expires_at = models.DateTimeField()
    verified_at = models.DateTimeField(_("verified"), null=True, blank=True)

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")
        indexes: ClassVar = [
            models.Index(Upper("email"), "asked_at", name="verification_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.asked_at:%Y-%m-%d %H:%M}"
