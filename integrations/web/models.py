"""Visitors' tokens."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.models import Inbox


class VisitorToken(models.Model):
    """Proof that a browser is the visitor it was. Only a hash is kept; tokens expire and rotate.

    `external_id` is the identity's id in the inbox: `visitor:<random>`, or `user:<id>` once the host site has
    signed who it is. The contact itself is made with the first message, not with the first visit.
    """

    inbox = models.ForeignKey(Inbox, models.CASCADE, related_name="+", verbose_name=_("inbox"))
    digest = models.CharField(max_length=64, unique=True)
    external_id = models.CharField(_("identity"), max_length=200)
    expires_at = models.DateTimeField(_("expires"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("visitor token")
        verbose_name_plural = _("visitor tokens")
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(digest=""), name="visitor_token_not_empty"),
        ]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="visitor_token_expiry")]

    def __str__(self) -> str:
        return f"{self.external_id} @ {self.inbox_id}"
