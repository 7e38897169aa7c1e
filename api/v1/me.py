"""Oneself: who one is, one's password, where one is signed in. For people, not for keys."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import actions
from accounts.actions.people import MAX_NAME
from accounts.doors import admit
from accounts.models import SignIn
from accounts.queries import sign_ins_of, user_of
from api.base import ApiViewSet
from api.fields import PageQuery, Strict, Text
from api.routes import both
from api.shapes import Shown
from api.v1.auth import Password
from api.v1.users_shapes import LanguageWord, UserSerializer

# Who has stolen a token shall not find the password with it.
TRIES_OF_A_PASSWORD = 20


class MyChange(Strict):
    """What shall be different about oneself; what is left out stays."""

    name = Text(max_length=MAX_NAME, required=False)
    language = LanguageWord(required=False)


class PasswordChange(Strict):
    """The password that is, and the one to be."""

    old_password = Password()
    new_password = Password()


class SignInQuery(PageQuery):
    """In which order."""

    ordering = serializers.ChoiceField(
        choices=["-created_at", "created_at", "-used_at", "used_at"], default="-created_at"
    )


class SignInSerializer(Shown):
    """A place where one is signed in."""

    id = serializers.UUIDField()
    ip = serializers.IPAddressField(allow_null=True)
    user_agent = serializers.CharField(help_text="May be empty.")
    created_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(help_text="When its tokens were renewed last.")
    expires_at = serializers.DateTimeField(help_text="When it ends unless they are renewed.")


class Me(ApiViewSet):
    """Oneself."""

    queries: ClassVar = {"sign_ins": SignInQuery}

    @extend_schema(operation_id="auth_me", summary="Read yourself", responses=UserSerializer)
    def me(self, request: Request) -> Response:
        """Who you are, and what for."""
        del request
        return self.show(user_of(self.actor), UserSerializer)

    @extend_schema(operation_id="users_me", summary="Read yourself", responses=UserSerializer)
    def retrieve(self, request: Request) -> Response:
        """The same, where users are."""
        return self.me(request)

    @extend_schema(
        operation_id="users_me_change", summary="Change yourself", request=MyChange, responses=UserSerializer
    )
    def change(self, request: Request) -> Response:
        """Changes your name and your language; the rest is an administrator's business."""
        del request
        user = actions.change_me(by=self.actor, expected=self.expected, **self.body(MyChange))
        return self.show(user, UserSerializer)

    @extend_schema(
        operation_id="auth_password",
        summary="Change your password",
        request=PasswordChange,
        responses={204: None},
    )
    def password(self, request: Request) -> Response:
        """Sets another password and ends all your sign-ins, this one too."""
        del request
        admit("password:user", self.actor.id, at_most=TRIES_OF_A_PASSWORD)
        actions.change_password(by=self.actor, **self.body(PasswordChange))
        return Response(status=204)

    @extend_schema(summary="List your sign-ins", responses=SignInSerializer(many=True))
    def sign_ins(self, request: Request) -> Response:
        """Where you are signed in with tokens."""
        del request
        return self.page(sign_ins_of(self.actor), SignInSerializer)

    @extend_schema(operation_id="auth_sign_ins_end", summary="End a sign-in", responses={204: None})
    def end(self, request: Request, sign_in_id: UUID) -> Response:
        """Ends one of your sign-ins at once, access tokens included."""
        del request
        actions.end_sign_in(sign_in_id=sign_in_id, by=self.actor, expected=self.expected)
        return Response(status=204)

    @extend_schema(
        operation_id="auth_sign_ins_end_others", summary="End your other sign-ins", responses={204: None}
    )
    def end_others(self, request: Request) -> Response:
        """Ends all your sign-ins but the one with which you ask."""
        this = request.auth if isinstance(request.auth, SignIn) else None
        actions.end_other_sign_ins(by=self.actor, but=this, expected=self.expected)
        return Response(status=204)


addresses = [
    *both("auth/me", Me.as_view({"get": "me"}), "auth-me"),
    *both("auth/password", Me.as_view({"post": "password"}), "auth-password"),
    *both("auth/sign-ins", Me.as_view({"get": "sign_ins", "delete": "end_others"}), "auth-sign-ins"),
    *both("auth/sign-ins/<uuid:sign_in_id>", Me.as_view({"delete": "end"}), "auth-sign-in"),
    *both("users/me", Me.as_view({"get": "retrieve", "patch": "change"}), "users-me"),
]
