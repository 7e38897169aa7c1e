"""Texts that are written again and again."""

from typing import ClassVar, Self

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from accounts.queries import seen_by_team
from core.actor import Actor

LONGEST_CANNED = 10_000


class CannedReplyQuerySet(models.QuerySet["CannedReply"]):
    """The one door to canned replies for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may use: admins all, staff those of their teams and those for all."""
        if actor.is_admin:
            return self
        return self.filter(seen_by_team(actor)) if actor.is_staff else self.none()


class CannedReply(models.Model):
    """A text with places such as {{contact.name}}, for one team or, without a team, for everybody."""

    shortcut = models.CharField(
        _("shortcut"),
        max_length=40,
        validators=[RegexValidator(r"^[\w-]+\Z", _("Use letters, digits, hyphens and underscores."))],
        help_text=_("What is typed behind / to find it, such as delivery."),
    )
    title = models.CharField(_("title"), max_length=120, blank=True)
    text = models.TextField(_("text"), max_length=LONGEST_CANNED)
    language = models.CharField(
        _("language"),
        max_length=12,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?\Z", _("Such as en, es or pt-BR."))],
        help_text=_("Such as en, es or pt-BR. Empty: any."),
    )
    # What a team wrote for itself goes with it: without a team it would be everybody's.
    team = models.ForeignKey(
        Team, models.CASCADE, verbose_name=_("team"), null=True, blank=True, related_name="canned_replies"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects: ClassVar[models.Manager["CannedReply"]] = CannedReplyQuerySet.as_manager()

    class Meta:
        verbose_name = _("canned reply")
        verbose_name_plural = _("canned replies")
        ordering = ("shortcut", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "shortcut"],
                nulls_distinct=False,
                name="canned_shortcut_once_per_team",
                violation_error_message=_("There is a canned reply with this shortcut already."),
            ),
            models.CheckConstraint(
                condition=~models.Q(shortcut="") & ~models.Q(text=""), name="canned_says_something"
            ),
        ]

    def __str__(self) -> str:
        return self.shortcut
