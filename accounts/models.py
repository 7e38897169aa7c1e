"""Users, teams and API keys."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role, Scope
from core.actor import Actor, ActorKind


class Team(models.Model):
    """A group of operators who share a queue; the API calls its slug the sector."""

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A member of staff. Customers are contacts, never users."""

    role = models.CharField(_("role"), max_length=12, choices=Role, default=Role.OPERATOR)
    teams = models.ManyToManyField(Team, verbose_name=_("teams"), related_name="members", blank=True)

    @property
    def display_name(self) -> str:
        """The name that customers and colleagues see."""
        return self.get_full_name() or self.get_username()

    @property
    def is_admin(self) -> bool:
        """True for those who may see and set everything."""
        return self.is_superuser or self.role == Role.ADMIN

    def as_actor(self) -> Actor:
        """Returns the user as the `by=` of an action."""
        return Actor(
            ActorKind.OPERATOR,
            str(self.pk),
            self.display_name,
            is_admin=self.is_admin,
            leads=self.is_admin or self.role == Role.LEAD,
            team_ids=frozenset(self.teams.values_list("pk", flat=True)),
            scopes=frozenset(Scope.values),
        )


class ApiKey(models.Model):
    """A key of an integrator. Only a hash is kept; the key itself is shown once, when it is made."""

    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    key_hash = models.CharField(_("hash"), max_length=64, unique=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=12, choices=Scope), verbose_name=_("scopes"), default=list
    )
    # Said outright: a key whose last team is deleted must not come to see every team.
    all_teams = models.BooleanField(
        _("all teams"), default=False, help_text=_("Sees every team; otherwise only those chosen here.")
    )
    teams = models.ManyToManyField(Team, verbose_name=_("teams"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(key_hash=""), name="apikey_hash_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def as_actor(self) -> Actor:
        """Returns the key as the `by=` of an action."""
        team_ids = frozenset(self.teams.values_list("pk", flat=True))
        return Actor(
            ActorKind.API_KEY,
            str(self.pk),
            self.name,
            is_admin=self.all_teams,
            # What a key may change at all, its scopes say.
            leads=True,
            team_ids=team_ids,
            scopes=frozenset(self.scopes),
        )
