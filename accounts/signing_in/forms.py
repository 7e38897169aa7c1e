"""What people fill in to sign in and to set up how they do."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.account.internal import flows
from allauth.account.models import Login
from allauth.core import context
from allauth.mfa.adapter import get_adapter as get_factor_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn import forms as webauthn
from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.doors import admit, take_back
from accounts.signing_in.backends import login_name
from accounts.signing_in.codes import DOOR, SECONDS, TRIES, accepted, note_step, step_of
from core.errors import HelpdeskError

MAX_KEY_NAME = 60


class SignInForm(AdminAuthenticationForm):
    """The admin's own login form, which takes an e-mail address too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("Username or e-mail address")

    def clean(self) -> dict[str, Any]:
        """Finds the user; the adapter counts every try, and django-axes those that were wrong."""
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if name is not None and password:
            user = get_adapter().authenticate(self.request, username=login_name(name), password=password)
            if user is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(user)
            self.user_cache = user
        return self.cleaned_data

    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        """Goes on to the second factor, or in; allauth's view calls this."""
        login = Login(user=self.get_user(), redirect_url=redirect_url)
        credentials = {"username": self.get_user().get_username()}
        answer: HttpResponse = flows.login.perform_password_login(request, credentials, login)
        return answer


class OneCode:
    """A field for a code, which is used up by a good answer; tries are counted by `codes.accepted`."""

    user: Any
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        """Refuses what is wrong, used or tried too often."""
        code: str = self.cleaned_data["code"]
        try:
            found = accepted(self.user, code, request=context.request)
        except HelpdeskError as error:
            raise ValidationError(error.detail) from error
        if found is None:
            raise get_factor_adapter().validation_error("incorrect_code")
        self.authenticator = found
        return code


class CodeForm(OneCode, AuthenticateForm):
    """The second step of signing in."""


class CodeAgainForm(OneCode, ReauthenticateForm):
    """A code in the place of the password, before something weighty."""


class FirstCodeForm(ActivateTOTPForm):
    """The code by which somebody shows that their app has the secret."""

    def clean_code(self) -> str:
        """Counts as codes are; what is right is remembered, so that it opens no door afterwards."""
        code: str = self.cleaned_data["code"]
        try:
            admit(DOOR, str(self.user.pk), at_most=TRIES, seconds=SECONDS)
        except HelpdeskError as error:
            raise ValidationError(error.detail) from error
        self.step = step_of(self.secret, code)
        if self.step is None:
            raise get_factor_adapter().validation_error("incorrect_code")
        take_back(DOOR, str(self.user.pk), seconds=SECONDS)
        return code

    def note_step(self) -> None:
        """Uses the code up, once the app is kept."""
        row = Authenticator.objects.get(user=self.user, type=Authenticator.Type.TOTP)
        note_step(row, self.step or 0)


class KeyAnswer:
    """What a browser answers for a passkey: an object that strangers may have made up."""

    cleaned_data: dict[str, Any]

    def clean_credential(self) -> Any:
        """Refuses what is no answer, whatever it is instead."""
        try:
            return super().clean_credential()  # type: ignore[misc]
        except ValidationError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise get_factor_adapter().validation_error("incorrect_code") from error


class PasskeyForm(KeyAnswer, webauthn.LoginWebAuthnForm):
    """A passkey in the place of everything else."""


class PasskeyAsSecondForm(KeyAnswer, webauthn.AuthenticateWebAuthnForm):
    """A passkey as the second step."""


class PasskeyAgainForm(KeyAnswer, webauthn.ReauthenticateWebAuthnForm):
    """A passkey in the place of the password, before something weighty."""


class NewPasskeyForm(webauthn.AddWebAuthnForm):
    """A passkey to be kept: one that asks for a finger, a face or a PIN, so that it may stand alone."""

    name = forms.CharField(label=_("Name"), max_length=MAX_KEY_NAME, required=False)
    passwordless = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def clean_passwordless(self) -> bool:
        """Always; nobody is asked."""
        return True

    def clean(self) -> dict[str, Any]:
        """Refuses what no browser answers."""
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise get_factor_adapter().validation_error("incorrect_code") from error
        return cleaned


class PasskeyNameForm(webauthn.EditWebAuthnForm):
    """Another name for a passkey."""

    name = forms.CharField(label=_("Name"), max_length=MAX_KEY_NAME)


class NewPasswordForm(ChangePasswordForm):
    """Another password, for who knows the old one; wrong ones count as when signing in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)

    def clean_oldpassword(self) -> str:
        """Refuses a wrong one."""
        old: str = self.cleaned_data["oldpassword"]
        if not get_adapter().reauthenticate(self.user, old):
            raise get_adapter().validation_error("enter_current_password")
        return old
