"""What the team notes beyond our own fields, under names of its own."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.enums import FieldEntity, FieldKind

KEY = r"^[a-z][a-z0-9_]{0,39}$"
LONGEST_CHOICE = 80


class CustomField(models.Model):
    """A field that somebody defined. Its values stand in the `attributes` of what it is about, by its key.

    Taken away, it leaves the values where they are: they come back with a field of the same key.
    It belongs to the whole installation, so all staff and keys see which fields there are; who sees a value
    is decided by the row in which it stands.
    """

    entity = models.CharField(_("about"), max_length=12, choices=FieldEntity)
    key = models.CharField(
        _("key"),
        max_length=40,
        validators=[RegexValidator(KEY, _("Small letters, digits and _, a letter first."))],
        help_text=_("How programs name it, such as order_number. It stays as it is."),
    )
    label = models.CharField(_("label"), max_length=80)
    kind = models.CharField(_("kind"), max_length=8, choices=FieldKind)
    choices = ArrayField(
        models.CharField(max_length=LONGEST_CHOICE),
        verbose_name=_("choices"),
        default=list,
        blank=True,
        help_text=_("Of a choice: what can be chosen, separated by commas."),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("custom field")
        verbose_name_plural = _("custom fields")
        ordering = ("entity", "position", "pk")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["entity", "key"], name="customfield_key_once"),
            models.CheckConstraint(
                condition=(Q(kind=FieldKind.CHOICE) & ~Q(choices=[]))
                | (~Q(kind=FieldKind.CHOICE) & Q(choices=[])),
                name="customfield_choices_of_a_choice",
                violation_error_message=_("A choice, and nothing else, has choices."),
            ),
        ]

    def __str__(self) -> str:
        return self.label
