"""Users, teams and keys in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Count, QuerySet
from django.forms import CheckboxSelectMultiple, ModelForm, MultipleChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actions import create_api_key
from accounts.enums import Scope
from accounts.models import ApiKey, Team, User


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Staff."""

    list_display = ("username", "display_name", "email", "role", "is_active", "last_login")
    list_filter = ("role", "teams", "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ("teams", "groups", "user_permissions")
    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        (_("Helpdesk"), {"fields": ("role", "teams")}),
    )
    add_fieldsets = (
        *DjangoUserAdmin.add_fieldsets,
        (_("Helpdesk"), {"fields": ("role", "teams", "is_staff")}),
    )


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin[Team]):
    """Teams, with the number of their members."""

    list_display = ("name", "slug", "member_count")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        """Counts the members in the same query."""
        return super().get_queryset(request).annotate(members_counted=Count("members"))

    @admin.display(description=_("members"), ordering="members_counted")
    def member_count(self, team: Team) -> int:
        """The number of operators in the team."""
        return int(getattr(team, "members_counted", 0))


class ApiKeyForm(ModelForm[ApiKey]):
    """A key is for all teams or for some; neither is assumed."""

    scopes = MultipleChoiceField(label=_("scopes"), choices=Scope.choices, widget=CheckboxSelectMultiple)

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
    fields = ("name", "scopes", "all_teams", "teams", "is_active", "expires_at")
    list_display = ("name", "prefix", "scopes", "all_teams", "is_active", "last_used_at", "expires_at")
    list_filter = ("is_active", "all_teams")
    search_fields = ("name", "prefix")
    filter_horizontal = ("teams",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A key may see more than who makes it, so a permission alone is not enough, as in the action."""
        return getattr(request.user, "is_admin", False) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """The same for its teams and scopes."""
        return getattr(request.user, "is_admin", False) and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ModelForm[ApiKey], change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """Makes the key through the action, so that its hash is the only thing stored."""
        if change:
            super().save_model(request, obj, form, change)
            return
        user = request.user
        assert isinstance(user, User)  # noqa: S101 (narrows the type; the admin lets nobody else in)
        row, key = create_api_key(
            name=obj.name, by=user.as_actor(), scopes=obj.scopes, teams=form.cleaned_data["teams"]
        )
        row.is_active, row.expires_at = obj.is_active, obj.expires_at
        row.save(update_fields=["is_active", "expires_at"])
        # From here on the form's object is the stored row: the form ties its teams to it once more.
        vars(obj).update(vars(row))
        messages.warning(request, _("Copy this key now, it is not shown again: %s") % key)
