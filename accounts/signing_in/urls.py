"""Every address of signing in. The names are allauth's, which looks for them; what is not here is closed.

Closed are its sign-up, its e-mail addresses, its password reset and first password, sign-in by mailed code,
its own sign-out (the admin has one) and its pages for problems of a sign-on (ours are in their place).
"""

from typing import Any

from allauth.account.views import ReauthenticateView
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as CodeAgain
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import DeactivateTOTPView
from allauth.mfa.webauthn.views import EditWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from allauth.socialaccount.views import ConnectionsView
from django.urls import path
from django.utils.translation import gettext_lazy as _

from accounts.signing_in import views
from accounts.signing_in.views import dressed, own, weighty
from core.threads import patient

CODES: dict[str, Any] = {"title": _("Recovery codes")}
NEW_CODES: dict[str, Any] = {
    "title": _("New recovery codes"),
    "question": _("The codes that you have now stop working."),
    "button": _("Make new codes"),
}
NO_APP: dict[str, Any] = {
    "title": _("Remove the authenticator app"),
    "question": _("You sign in without its codes from now on."),
    "button": _("Remove the app"),
}
NO_PASSKEY: dict[str, Any] = {
    "title": _("Remove the passkey"),
    "question": _("It opens nothing here any more. Delete it on your device too."),
    "button": _("Remove the passkey"),
}
PASSKEY_NAME: dict[str, Any] = {"title": _("Name of the passkey")}
# Without the sidebar, as before signing in.
AGAIN: dict[str, Any] = {"title": _("Is it you?"), "has_permission": False, "places": []}
SURE = "accounts/sure.html"

urlpatterns = [
    path("login/", dressed(views.SignIn.as_view()), name="account_login"),
    path("login/passkey/", dressed(views.PasskeySignIn.as_view()), name="mfa_login_webauthn"),
    path(
        "login/code/",
        dressed(AuthenticateView.as_view(template_name="accounts/code.html")),
        name="mfa_authenticate",
    ),
    path("sign-on/<slug:provider_id>/", patient(views.begin_sign_on), name="openid_connect_login"),
    path("sign-on/<slug:provider_id>/callback/", patient(views.end_sign_on), name="openid_connect_callback"),
    path(
        "again/",
        own(ReauthenticateView.as_view(template_name="accounts/again.html", extra_context=AGAIN)),
        name="account_reauthenticate",
    ),
    path(
        "again/code/",
        own(CodeAgain.as_view(template_name="accounts/again.html", extra_context=AGAIN)),
        name="mfa_reauthenticate",
    ),
    path(
        "again/passkey/",
        own(ReauthenticateWebAuthnView.as_view(template_name="accounts/again.html", extra_context=AGAIN)),
        name="mfa_reauthenticate_webauthn",
    ),
    path("me/", own(views.account), name="mfa_index"),
    path("me/", own(views.account), name="mfa_list_webauthn"),
    path("me/password/", own(views.ChangePassword.as_view()), name="account_change_password"),
    path("me/app/", weighty(views.SetUpApp.as_view()), name="mfa_activate_totp"),
    path(
        "me/app/remove/",
        weighty(DeactivateTOTPView.as_view(template_name=SURE, extra_context=NO_APP)),
        name="mfa_deactivate_totp",
    ),
    path(
        "me/recovery-codes/",
        weighty(ViewRecoveryCodesView.as_view(template_name="accounts/codes.html", extra_context=CODES)),
        name="mfa_view_recovery_codes",
    ),
    path(
        "me/recovery-codes/new/",
        weighty(GenerateRecoveryCodesView.as_view(template_name=SURE, extra_context=NEW_CODES)),
        name="mfa_generate_recovery_codes",
    ),
    path("me/passkeys/add/", weighty(views.AddPasskey.as_view()), name="mfa_add_webauthn"),
    path(
        "me/passkeys/<int:pk>/name/",
        weighty(EditWebAuthnView.as_view(template_name="accounts/form.html", extra_context=PASSKEY_NAME)),
        name="mfa_edit_webauthn",
    ),
    path(
        "me/passkeys/<int:pk>/remove/",
        weighty(RemoveWebAuthnView.as_view(template_name=SURE, extra_context=NO_PASSKEY)),
        name="mfa_remove_webauthn",
    ),
    path(
        "me/sign-on/",
        weighty(ConnectionsView.as_view(template_name="accounts/sign_on.html", success_url="/accounts/me/")),
        name="socialaccount_connections",
    ),
    path("me/sign-out/", weighty(views.sign_out_everywhere), name="sign_out_everywhere"),
]
