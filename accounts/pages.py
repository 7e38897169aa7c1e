"""The pages behind the links in our mails: a new password, an invitation, a confirmation.

A GET changes nothing, since programs that check mails follow links. The address holds a secret, so it is told
to nobody and kept by no cache.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import actions
from accounts.actions.invitations import invitation_of
from accounts.doors import admit_link, admit_mail
from accounts.forms import ForgottenForm, JoinForm, NothingForm, PasswordForm
from core.errors import HelpdeskError

page = require_http_methods(["GET", "HEAD", "POST"])


@page
def forgotten(request: HttpRequest) -> HttpResponse:
    """Has a link mailed. What it answers does not tell whether the address is known."""

    def ask(values: dict[str, Any]) -> None:
        admit_mail(values["email"], ip=_ip(request))
        actions.ask_password_reset(email=values["email"])

    words = {
        "title": _("Forgotten your password?"),
        "intro": _("We send you a link under which you choose another one."),
        "button": _("Send the link"),
        "done": _("If the address is known, a mail is on its way. The link in it is good for an hour."),
    }
    return _asked(request, ForgottenForm, ask, words)


@page
def reset(request: HttpRequest, token: str) -> HttpResponse:
    """Lets who has the link choose a password."""

    def choose(values: dict[str, Any]) -> None:
        admit_link(ip=_ip(request))
        actions.reset_password(token=token, password=values["password"])

    words = {
        "title": _("Choose a password"),
        "intro": _("Wherever you are signed in now, you will have to sign in again."),
        "button": _("Save the password"),
        "done": _("The password is saved."),
    }
    return _asked(request, PasswordForm, choose, words)


@page
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Lets who has the link join; 404 for one that is not good any more."""
    admit_link(ip=_ip(request))
    found = invitation_of(token)
    if found is None:
        raise Http404

    def join(values: dict[str, Any]) -> None:
        actions.accept_invitation(token=token, **values)

    words = {
        "title": _("You are invited"),
        "intro": _("You will sign in as %s.") % found.email,
        "button": _("Join"),
        "done": _("You are one of us now."),
    }
    return _asked(request, JoinForm, join, words)


@page
def confirmation(request: HttpRequest, token: str) -> HttpResponse:
    """Lets who has the link say that the address is theirs."""

    def confirm(_values: dict[str, Any]) -> None:
        admit_link(ip=_ip(request))
        actions.confirm(token=token)

    words = {
        "title": _("Is this your address?"),
        "intro": _("Confirm it to sign in. If it was not you who registered, close this page."),
        "button": _("Confirm the address"),
        "done": _("The address is confirmed."),
    }
    return _asked(request, NothingForm, confirm, words)


def _asked(
    request: HttpRequest,
    form_class: type[forms.Form],
    do: Callable[[dict[str, Any]], None],
    words: dict[str, str],
) -> HttpResponse:
    """Shows a form; at a good POST does what it is for, and says so."""
    form = form_class(request.POST if request.method == "POST" else None)
    status, is_done = 200, False
    if form.is_valid():
        try:
            do(form.cleaned_data)
            is_done = True
        except HelpdeskError as error:
            field = error.extra.get("field")
            form.add_error(field if field in form.fields else None, error.detail)
            status = error.status
    context = {**admin.site.each_context(request), **words, "form": form, "is_done": is_done}
    response = render(request, "accounts/page.html", {**context, "has_permission": False}, status=status)
    response["Cache-Control"] = "no-store"
    # Not "no-referrer": a browser then posts the form without its origin, and the CSRF check refuses it.
    response["Referrer-Policy"] = "same-origin"
    return response


def _ip(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
