"""Customers, and how each channel knows them."""

import re
import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Now, Upper
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from conversations.models.inboxes import Inbox
from core.actor import Actor, ActorKind

# What whoever gave no name is called, with the start of their id behind it.
NAMELESS = gettext_noop("Visitor")
_KEPT_NAMELESS = re.compile(f"{NAMELESS} [0-9a-f]{{4}}")


def digits(name: str) -> Func:
    """Returns the digits of a column: one number, however it is written."""
    return Func(F(name), Value("[^0-9]"), Value(""), Value("g"), function="regexp_replace")


def shown_name(kept: str) -> str:
    """Returns a name as it was kept; visitors who gave none are called so in the active language."""
    return f"{gettext(NAMELESS)} {kept[-4:]}" if _KEPT_NAMELESS.fullmatch(kept) else kept


class Contact(models.Model):
    """A customer. Neither e-mail nor phone is assumed, and neither identifies anybody by itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    locale = models.CharField(_("language"), max_length=12, blank=True)
    # Of the IANA database, such as America/Sao_Paulo; empty where nobody has said.
    timezone = models.CharField(_("time zone"), max_length=64, blank=True, default="", db_default="")
    tags = ArrayField(
        models.CharField(max_length=40), verbose_name=_("tags"), default=list, db_default=[], blank=True
    )
    # What the team knows beyond that: values of custom fields by their keys, and texts by names that channels
    # and lists brought along: {"plan": "gold"}.
    attributes: "models.JSONField[Any, Any]" = models.JSONField(
        _("attributes"), default=dict, db_default={}, blank=True
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True, db_default=Now())
    # Set while another contact stands for this one; splitting brings it back.
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("merged into")
    )
    # The names of the fields that the contact standing for this one took from it: given back by a split.
    lent = models.CharField(max_length=80, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        indexes: ClassVar = [
            models.Index(fields=["-created_at"], name="contact_newest"),
            models.Index(fields=["-updated_at", "id"], name="contact_changed"),
            models.Index(fields=["email"], name="contact_email"),
            models.Index(Lower("email"), name="contact_email_any_case"),
            models.Index(digits("phone"), name="contact_phone_digits", condition=~Q(phone="")),
            GinIndex(fields=["tags"], name="contact_tags", condition=~Q(tags=[])),
            GinIndex(
                *(OpClass(Upper(name), name="gin_trgm_ops") for name in ("name", "email", "phone")),
                name="contact_words",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Notes the time of every change: programs ask for what has changed since."""
        names = {*update_fields, "updated_at"} if update_fields else update_fields
        super().save(*args, update_fields=names, **kwargs)

    @property
    def display_name(self) -> str:
        """A name for people to read; visitors without one are told apart by the start of their id."""
        return shown_name(self.kept_name)

    @property
    def kept_name(self) -> str:
        """The same in no language, to be stored beside what they say and do; `shown_name` reads it."""
        return self.name or self.email or f"{NAMELESS} {str(self.pk)[:4]}"

    def as_actor(self) -> Actor:
        """Returns the contact as the `by=` of an action."""
        return Actor(ActorKind.CONTACT, str(self.pk), self.kept_name)


class ContactIdentity(models.Model):
    """How one inbox knows a contact: a visitor, a user id of the host site, later a phone number."""

    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="identities", verbose_name=_("inbox"))
    external_id = models.CharField(_("external id"), max_length=200)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="identities", verbose_name=_("contact"))
    is_verified = models.BooleanField(_("verified"), default=False)
    # Another id of the same person in the same inbox; conversations hang on the one it points to.
    same_as = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="aliases")
    # The id that the person wrote from last, where it is another: replies go there.
    address = models.CharField(max_length=200, blank=True)
    # Whose it was before contacts were merged.
    first_contact = models.ForeignKey(Contact, models.SET_NULL, null=True, blank=True, related_name="+")
    # The provider said that nothing reaches this address any more.
    unreachable_since = models.DateTimeField(_("unreachable since"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["inbox", "external_id"], name="identity_once_per_inbox"),
            models.CheckConstraint(condition=~models.Q(external_id=""), name="identity_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} @ {self.inbox_id}"
