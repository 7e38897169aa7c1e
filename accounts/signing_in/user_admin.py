"""What the admin of users does about how they sign in."""

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.signing_in.factors import remove_second_factors
from core.errors import HelpdeskError


class SigningInAdmin(admin.ModelAdmin[User]):
    """Removes second factors; beside Django's UserAdmin."""

    actions = ("remove_factors",)

    @admin.action(description=_("Remove second factors"), permissions=["change"])
    def remove_factors(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """For who lost them. One by one through the action, which knows who may."""
        assert isinstance(request.user, User)  # noqa: S101 (narrows the type; the admin lets nobody else in)
        done = []
        for user in rows:
            try:
                remove_second_factors(user=user, by=request.user.as_actor())
            except HelpdeskError as error:
                messages.error(request, f"{user}: {error.detail}")
            else:
                done.append(user)
        said = ngettext(
            "%d user signs in with a password now.", "%d users sign in with passwords now.", len(done)
        )
        if done:
            LogEntry.objects.log_actions(request.user.pk, done, CHANGE, str(_("Removed second factors")))
            messages.success(request, said % len(done))
