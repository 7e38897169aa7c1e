"""Users, teams, API keys, and the ways in: sign-ins, invitations, registrations."""

import hashlib
from typing import ClassVar
from uuid import uuid4

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role, Scope, language_choices
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
    language = models.CharField(
        _("language"),
        max_length=12,
        choices=language_choices,
        blank=True,
        help_text=_("Of the mails that we send them. Empty: the language of the installation."),
    )

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            # Whoever can read a mailbox can set the password of its user: there must be one at the most.
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="user_email_unique",
                violation_error_message=_("Somebody has this e-mail address already."),
            )
        ]

    @property
    def display_name(self) -> str:
        """The name that customers and colleagues see."""
        return self.get_full_name() or self.get_username()

    @property
    def is_admin(self) -> bool:
        """True for those who may see and set everything."""
        return self.is_superuser or self.role == Role.ADMIN

    @property
    def password_mark(self) -> str:
        """Changes whenever the password does, and tells nothing about it."""
        return hashlib.sha256(self.password.encode()).hexdigest()

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
    per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: as many as any key."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        User, models.SET_NULL, verbose_name=_("made by"), null=True, blank=True, editable=False
    )

    # The ids of its teams, on a row that was read together with them; nobody else keeps them up to date.
    known_team_ids: frozenset[int] | None = None

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(key_hash=""), name="apikey_hash_not_empty"),
            models.CheckConstraint(condition=models.Q(per_minute__gt=0), name="apikey_per_minute_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def as_actor(self) -> Actor:
        """Returns the key as the `by=` of an action."""
        team_ids = self.known_team_ids
        if team_ids is None:
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


class SignIn(models.Model):
    """One sign-in over the API, and all the tokens that came of it: they live and die together."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("user"), related_name="sign_ins")
    # The number of the one refresh token that is still good.
    current = models.UUIDField(default=uuid4, editable=False)
    # Of the password with which it began: under another one nothing of it is good.
    password_mark = models.CharField(max_length=64, editable=False)
    ip = models.GenericIPAddressField(_("address"), null=True, editable=False)
    user_agent = models.CharField(_("program"), max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(_("signed in"), auto_now_add=True)
    used_at = models.DateTimeField(_("last refreshed"))
    expires_at = models.DateTimeField(_("ends"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.user_id} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_good(self) -> bool:
        """True while it is not revoked, and its user may come in with the password it began with."""
        user = self.user
        is_known = user.is_active and user.is_staff and user.password_mark == self.password_mark
        return is_known and self.revoked_at is None


class Invitation(models.Model):
    """A place among the staff that somebody may take, by a link in a mail. Only a hash of it is kept."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField(_("email address"))
    role = models.CharField(_("role"), max_length=12, choices=Role, default=Role.OPERATOR)
    teams = models.ManyToManyField(Team, verbose_name=_("teams"), blank=True)
    language = models.CharField(_("language"), max_length=12, choices=language_choices, blank=True)
    # None until the mail is written.
    token_hash = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001 (unique)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        User, models.SET_NULL, verbose_name=_("made by"), null=True, editable=False, related_name="+"
    )
    expires_at = models.DateTimeField(_("ends"), editable=False)
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(token_hash=""), name="invitation_hash_not_empty"),
        ]

    def __str__(self) -> str:
        return self.email


class Registration(models.Model):
    """Somebody who says that an address is theirs, until they prove it. No user comes of it before."""

    email = models.EmailField(_("email address"))
    name = models.CharField(_("name"), max_length=150)
    password = models.CharField(_("password"), max_length=128, editable=False)
    language = models.CharField(_("language"), max_length=12, blank=True)
    # None until the mail is written.
    token_hash = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001 (unique)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("ends"), editable=False)

    class Meta:
        verbose_name = _("registration")
        verbose_name_plural = _("registrations")
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(token_hash=""), name="registration_hash_not_empty"),
        ]

    def __str__(self) -> str:
        return self.email
