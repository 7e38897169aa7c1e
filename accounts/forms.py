"""What the pages before the login ask for."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.translation import gettext_lazy as _


def _password() -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=_("Password"), max_length=128, strip=False, widget=widget)


class ForgottenForm(forms.Form):
    """To whom a link shall be mailed."""

    required_css_class = "required"
    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )


class PasswordForm(forms.Form):
    """A password, and what is asked of one."""

    required_css_class = "required"
    password = _password()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Takes what any form takes."""
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = " ".join(password_validators_help_texts())


class JoinForm(PasswordForm):
    """A name and a password."""

    name = forms.CharField(
        label=_("Name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ("name", "password")


class NothingForm(forms.Form):
    """A button."""
