"""Users, teams and keys in the admin."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.forms import CheckboxSelectMultiple, ModelForm, MultipleChoiceField
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.actions import create_api_key, invite
from accounts.actions.people import require_admin_besides
from accounts.actions.sign_ins import end_sign_ins
from accounts.actions.teams import checked_slug, delete_team, what_is_left
from accounts.enums import Registering, Role, Scope
from accounts.models import ApiKey, Invitation, SignIn, Team, User
from accounts.queries import user_by_email
from accounts.signing_in.user_admin import SigningInAdmin
from core.actor import Actor
from core.errors import HelpdeskError


def actor_of(request: HttpRequest) -> Actor:
    """Returns who uses the admin as the `by=` of actions."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 (narrows the type; the admin lets nobody else in)
    return user.as_actor()


def is_admin(request: HttpRequest) -> bool:
    """True for administrators, whatever permissions others were given."""
    return bool(getattr(request.user, "is_admin", False))


class UserForm(UserChangeForm[User]):
    """Leaves somebody who administers, and a name to sign in with that follows the address."""

    def clean(self) -> dict[str, Any] | None:
        """Refuses to demote or switch off the last one, as the action does."""
        cleaned = super().clean() or self.cleaned_data
        email, before = cleaned.get("email", ""), self.initial.get("email", "")
        # Else the old address could not be given to somebody else.
        if email and "username" in cleaned and cleaned["username"] == before.lower():
            cleaned["username"] = email.lower()
        role = cleaned.get("role", self.instance.role)
        administers = cleaned.get("is_superuser", self.instance.is_superuser) or role == Role.ADMIN
        if not (administers and cleaned.get("is_active", True) and cleaned.get("is_staff", True)):
            try:
                require_admin_besides(self.instance)
            except HelpdeskError as error:
                self.add_error(None, error.detail)
        return cleaned


@admin.register(User)
class UserAdmin(SigningInAdmin, DjangoUserAdmin[User]):
    """Staff."""

    form = UserForm
    list_display = ("username", "display_name", "email", "role", "is_active", "last_login")
    list_filter = ("role", "teams", "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ("teams", "groups", "user_permissions")
    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        (_("Helpdesk"), {"fields": ("role", "teams", "language")}),
    )
    add_fieldsets = (
        *DjangoUserAdmin.add_fieldsets,
        (_("Helpdesk"), {"fields": ("role", "teams", "is_staff")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only administrators say who works here, whatever permissions somebody was given."""
        return is_admin(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """The same: who may change a user could make themselves an administrator."""
        return is_admin(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Users are switched off: what they wrote keeps its author."""
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """Ends the sign-ins of whoever is switched off."""
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            end_sign_ins(obj)


@admin.register(SignIn)
class SignInAdmin(admin.ModelAdmin[SignIn]):
    """Who is signed in over the API, from where. Nothing can be changed but that it ends."""

    list_display = ("user", "ip", "created_at", "used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email", "ip")
    actions = ("revoke",)
    fields = readonly_fields = (*list_display, "user_agent")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody signs in here."""
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SignIn | None = None) -> bool:
        """What has ended is forgotten by itself."""
        del request, obj
        return False

    @admin.action(description=_("End the chosen sign-ins"), permissions=["change"])
    def revoke(self, request: HttpRequest, rows: QuerySet[SignIn]) -> None:
        """Ends sign-ins at once, access tokens included."""
        count = rows.filter(revoked_at=None).update(revoked_at=timezone.now())
        messages.success(request, ngettext("%d sign-in ended.", "%d sign-ins ended.", count) % count)


class InvitationForm(ModelForm[Invitation]):
    """Whom to invite."""

    def clean_email(self) -> str:
        """Refuses an address that somebody has."""
        email: str = self.cleaned_data["email"]
        if user_by_email(email):
            raise ValidationError(_("Somebody has this e-mail address already."))
        return email


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin[Invitation]):
    """Who was invited. The link is in the mail and nowhere else."""

    form = InvitationForm
    fields = ("email", "role", "teams", "language")
    list_display = ("email", "role", "created_by", "created_at", "expires_at", "accepted_at")
    list_filter = ("role", ("accepted_at", admin.EmptyFieldListFilter))
    list_select_related = ("created_by",)
    search_fields = ("email",)
    filter_horizontal = ("teams",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Says why nobody can be invited, where that is so."""
        if settings.REGISTRATION == Registering.OFF and request.method == "GET":
            messages.info(request, _("To invite people, set REGISTRATION=invite and restart the server."))
        return super().changelist_view(request, extra_context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody is invited where nobody may register; and only admins invite, as in the action."""
        is_on = settings.REGISTRATION != Registering.OFF
        return is_on and is_admin(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        """What is mailed is mailed."""
        del request, obj
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: Invitation,
        form: ModelForm[Invitation],
        change: bool,  # noqa: FBT001 (Django's signature)
    ) -> None:
        """Invites through the action, which has the mail sent."""
        del change
        vars(obj).update(vars(invite(by=actor_of(request), **form.cleaned_data)))


class TeamForm(ModelForm[Team]):
    """A team whose short name does not stand for no team."""

    def clean_slug(self) -> str:
        """Refuses the word, as the action does."""
        try:
            return checked_slug(self.cleaned_data["slug"])
        except HelpdeskError as error:
            raise ValidationError(error.detail) from error


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin[Team]):
    """Teams, with the number of their members."""

    form = TeamForm
    list_display = ("name", "slug", "member_count")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        """Counts the members in the same query."""
        return super().get_queryset(request).annotate(members_counted=Count("members"))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, list[Any]]:
        """Says what keeps a team: without it, that would be everybody's."""
        *told, kept = super().get_deleted_objects(objs, request)
        left = [f"{team}: {name}" for team in objs for name in what_is_left(team)]
        return told[0], told[1], told[2], [*kept, *left]

    def delete_model(self, request: HttpRequest, obj: Team) -> None:
        """Deletes through the action, which asks once more under the lock."""
        delete_team(team=obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> None:
        """The same for several."""
        for team in queryset:
            delete_team(team=team, by=actor_of(request))

    @admin.display(description=_("members"), ordering="members_counted")
    def member_count(self, team: Team) -> int:
        """The number of operators in the team."""
        return int(getattr(team, "members_counted", 0))


class ApiKeyForm(ModelForm[ApiKey]):
    """A key is for all teams or for some; neither is assumed."""

    scopes = MultipleChoiceField(
        label=capfirst(_("scopes")), choices=Scope.choices, widget=CheckboxSelectMultiple
    )

    def clean(self) -> dict[str, Any] | None:
        """Refuses both and none."""
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("all_teams")) == bool(cleaned.get("teams")):
            self.add_error("teams", _("Choose teams, or tick “all teams”, and not both."))
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    """Keys. A new key is shown once, in the message after saving."""

    form = ApiKeyForm
    fields = ("name", "scopes", "all_teams", "teams", "is_active", "expires_at", "per_minute")
    list_display = ("name", "prefix", "scopes", "all_teams", "is_active", "last_used_at", "expires_at")
    list_filter = ("is_active", "all_teams")
    search_fields = ("name", "prefix")
    filter_horizontal = ("teams",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A key may see more than who makes it, so a permission alone is not enough, as in the action."""
        return is_admin(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """The same for its teams and scopes."""
        return is_admin(request) and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ModelForm[ApiKey], change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """Makes the key through the action, so that its hash is the only thing stored."""
        if change:
            super().save_model(request, obj, form, change)
            return
        row, key = create_api_key(
            name=obj.name,
            by=actor_of(request),
            scopes=obj.scopes,
            teams=form.cleaned_data["teams"],
            all_teams=obj.all_teams,
            expires_at=obj.expires_at,
            per_minute=obj.per_minute,
        )
        row.is_active = obj.is_active
        row.save(update_fields=["is_active"])
        # From here on the form's object is the stored row: the form ties its teams to it once more.
        vars(obj).update(vars(row))
        messages.warning(request, _("Copy this key now, it is not shown again: %s") % key)
