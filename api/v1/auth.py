"""Signing in: tokens, registration, lost passwords. Nobody has to be anybody here."""

from typing import ClassVar

from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import actions
from accounts.actions.people import MAX_NAME
from accounts.credentials import authenticated
from accounts.doors import admit_link, admit_mail
from accounts.models import SignIn
from api.authentication import BearerAuthentication
from api.base import ApiViewSet
from api.fields import Strict, Text
from api.permissions import Anybody
from api.routes import both
from api.shapes import Shown
from api.throttles import address_of
from api.v1.users_shapes import LanguageWord, UserSerializer
from core.errors import Invalid, Unauthenticated

MAX_PASSWORD = 128
MAX_TOKEN = 2000


class Password(Text):
    """A password as it was typed, spaces and all."""

    def __init__(self, **kwargs: object) -> None:
        """Takes what any text takes."""
        super().__init__(max_length=MAX_PASSWORD, trim_whitespace=False, **kwargs)


class Credentials(Strict):
    """Who wants to sign in: by `email` or by `username`."""

    email = serializers.EmailField(required=False)
    username = Text(required=False, max_length=150)
    password = Password()
    otp = Text(required=False, max_length=20, help_text="The code of your second factor, if you have one.")

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        """Wants one name, not two."""
        if ("email" in attrs) == ("username" in attrs):
            raise Invalid(_("Send `email` or `username`, and not both."), field="email")
        return attrs


class RefreshToken(Strict):
    """The token that came last."""

    refresh = Text(max_length=MAX_TOKEN)


class SignOut(Strict):
    """Which sign-in ends; nothing when its access token is in the header."""

    refresh = Text(max_length=MAX_TOKEN, required=False)


class NewRegistration(Strict):
    """Somebody who wants to be a user: with an `email`, or with the `invitation` they were mailed."""

    email = serializers.EmailField(required=False, max_length=150)
    invitation = Text(required=False, max_length=MAX_TOKEN, help_text="The token in the link.")
    name = Text(max_length=MAX_NAME)
    password = Password()
    language = LanguageWord(required=False)

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        """Wants one of the two ways."""
        if ("email" in attrs) == ("invitation" in attrs):
            raise Invalid(_("Send `email` or `invitation`, and not both."), field="email")
        return attrs


class LinkToken(Strict):
    """The token in a link that was mailed."""

    token = Text(max_length=MAX_TOKEN)


class Address(Strict):
    """Whose password is lost."""

    email = serializers.EmailField()


class NewPassword(Strict):
    """The token in the link that was mailed, and the password to be."""

    token = Text(max_length=MAX_TOKEN)
    password = Password()


class TokensSerializer(Shown):
    """What a client keeps: `access` goes into `Authorization: Bearer …`, `refresh` brings the next two."""

    access = serializers.CharField()
    refresh = serializers.CharField(help_text="Good for one use.")
    token_type = serializers.CharField(default="Bearer")
    expires_in = serializers.IntegerField(help_text="Seconds for which `access` is good.")
    user = UserSerializer()


class MailedSerializer(Shown):
    """What is said whoever asks for a mail."""

    status = serializers.ChoiceField(choices=["mailed"])


MAILED = {"status": "mailed"}


class Auth(ApiViewSet):
    """Signing in, and what comes before it."""

    permission_classes = (Anybody,)
    # Who comes with something that is no good any more may sign in all the same.
    authentication_classes = ()
    # What is refused here has to be remembered: a wrong password is counted, a stolen token ends its sign-in.
    outside: ClassVar[frozenset[str]] = frozenset({"login", "refresh"})
    refuses: ClassVar = {"login": {401}, "refresh": {401}, "register": {403}, "confirm": {403}}

    @extend_schema(
        summary="Register",
        request=NewRegistration,
        responses={
            201: UserSerializer,
            202: OpenApiResponse(MailedSerializer, "A mail asks whether the address is yours."),
        },
    )
    def register(self, request: Request) -> Response:
        """Makes a user of an invitation, or has an address confirmed; the same for known and unknown ones."""
        wanted = self.body(NewRegistration)
        if "invitation" in wanted:
            admit_link(ip=address_of(request))
            user = actions.accept_invitation(token=wanted.pop("invitation"), **wanted)
            return self.show(user, UserSerializer, status=201)
        admit_mail(wanted["email"], ip=address_of(request))
        actions.register(**wanted)
        return Response(MAILED, status=202)

    @extend_schema(summary="Confirm an address", request=LinkToken, responses={201: UserSerializer})
    def confirm(self, request: Request) -> Response:
        """Makes the user who registered; they can sign in from now on."""
        admit_link(ip=address_of(request))
        return self.show(actions.confirm(**self.body(LinkToken)), UserSerializer, status=201)

    @extend_schema(summary="Sign in", request=Credentials, responses=TokensSerializer)
    def login(self, request: Request) -> Response:
        """Takes name and password for two tokens. Ten wrong ones lock a name for a quarter of an hour."""
        bare: HttpRequest = request._request  # noqa: SLF001 (DRF has no public name for it)
        user = authenticated(bare, **self.body(Credentials))
        agent = request.headers.get("User-Agent", "")
        return self._tokens(actions.begin_sign_in(user=user, ip=address_of(request), user_agent=agent))

    @extend_schema(summary="Refresh the tokens", request=RefreshToken, responses=TokensSerializer)
    def refresh(self, request: Request) -> Response:
        """Takes a refresh token, once, for two new tokens. One that comes again ends the whole sign-in."""
        del request
        return self._tokens(actions.refresh(token=self.body(RefreshToken)["refresh"]))

    @extend_schema(
        operation_id="auth_password_reset_create",
        summary="Lose a password",
        request=Address,
        responses={202: MailedSerializer},
    )
    def ask_reset(self, request: Request) -> Response:
        """Has a link mailed to the user with the address. The answer is the same when there is none."""
        email = self.body(Address)["email"]
        admit_mail(email, ip=address_of(request))
        actions.ask_password_reset(email=email)
        return Response(MAILED, status=202)

    @extend_schema(
        operation_id="auth_password_reset_confirm",
        summary="Choose another password",
        request=NewPassword,
        responses={204: None},
    )
    def reset(self, request: Request) -> Response:
        """Sets the password of whoever the token was mailed to, and ends all their sign-ins."""
        admit_link(ip=address_of(request))
        actions.reset_password(**self.body(NewPassword))
        return Response(status=204)

    def _tokens(self, tokens: actions.Tokens) -> Response:
        return self.show(tokens, TokensSerializer)


class Leaving(ApiViewSet):
    """Signing out."""

    permission_classes = (Anybody,)
    authentication_classes = (BearerAuthentication,)
    refuses: ClassVar = {"logout": {401}}

    def perform_authentication(self, request: Request) -> None:
        """Looks at no header where the body says which sign-in ends.

        Clients send theirs with every call, and by then its token may have expired.
        """
        if isinstance(request.data, dict) and "refresh" in request.data:
            request.authenticators = ()
        super().perform_authentication(request)

    @extend_schema(summary="Sign out", request=SignOut, responses={204: None})
    def logout(self, request: Request) -> Response:
        """Ends the sign-in of the refresh token in the body, or else of the token in the header, at once."""
        wanted = self.body(SignOut)
        if "refresh" in wanted:
            actions.end_by_refresh_token(token=wanted["refresh"])
        elif isinstance(request.auth, SignIn):
            actions.end_sign_in(sign_in_id=request.auth.pk, by=self.actor)
        else:
            raise Unauthenticated
        return Response(status=204)


addresses = [
    *both("auth/register", Auth.as_view({"post": "register"}), "auth-register"),
    *both("auth/confirm", Auth.as_view({"post": "confirm"}), "auth-confirm"),
    *both("auth/login", Auth.as_view({"post": "login"}), "auth-login"),
    *both("auth/refresh", Auth.as_view({"post": "refresh"}), "auth-refresh"),
    *both("auth/logout", Leaving.as_view({"post": "logout"}), "auth-logout"),
    *both("auth/password-reset", Auth.as_view({"post": "ask_reset"}), "auth-password-reset"),
    *both("auth/password-reset/confirm", Auth.as_view({"post": "reset"}), "auth-password-reset-confirm"),
]
