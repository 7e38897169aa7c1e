"""Members of staff."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import actions
from accounts.actions.people import MAX_NAME
from accounts.enums import Role
from accounts.models import User
from accounts.queries import is_administrator, users_for
from api.base import ApiViewSet
from api.fields import LARGEST_ID, Flag, PageQuery, Strict, TeamSlug, Text
from api.queries import narrowed
from api.routes import both
from api.shapes import Shown
from api.v1.auth import Password
from api.v1.users_shapes import ColleagueSerializer, LanguageWord, UserSerializer
from core.errors import NotFound

MAX_TEAMS = 100


class UserQuery(PageQuery):
    """Which members of staff, in which order."""

    role = serializers.ChoiceField(choices=Role.choices, required=False)
    team = serializers.SlugField(required=False, help_text="Short name of a team.")
    active = serializers.ChoiceField(choices=["true", "false"], required=False)
    ordering = serializers.ChoiceField(choices=["id", "-id"], default="id")


class TeamSlugs(serializers.ListField):
    """Teams by their short names."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(child=TeamSlug(), max_length=MAX_TEAMS, **kwargs)


class NewUser(Strict):
    """Somebody to be a member of staff."""

    email = serializers.EmailField(max_length=150)
    name = Text(max_length=MAX_NAME)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.OPERATOR)
    teams = TeamSlugs(required=False)
    language = LanguageWord(required=False)
    password = Password(required=False, help_text="Left out: they are mailed a link to choose one.")


class UserChange(Strict):
    """What shall be different; what is left out stays."""

    email = serializers.EmailField(required=False, max_length=150)
    name = Text(max_length=MAX_NAME, required=False)
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    teams = TeamSlugs(required=False)
    language = LanguageWord(required=False)
    active = Flag(required=False)


class Users(ApiViewSet):
    """Members of staff. They are switched off, never deleted: their messages keep their author."""

    queries: ClassVar = {"list": UserQuery}
    admin_actions: ClassVar[frozenset[str]] = frozenset({"create", "partial_update", "destroy"})
    conflicts: ClassVar[frozenset[str]] = frozenset({"partial_update", "destroy"})

    @extend_schema(summary="List users", responses=UserSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Your colleagues; administrators also see those who left, and more about each."""
        del request
        lookups = {"role": "role", "team": "teams__slug"}
        rows = narrowed(users_for(self.actor), self.query, lookups, actor=self.actor)
        if active := self.query.get("active"):
            rows = rows.filter(is_active=active == "true")
        return self.page(rows, self._shape)

    @extend_schema(summary="Make a user", request=NewUser, responses={201: UserSerializer})
    def create(self, request: Request) -> Response:
        """Makes a member of staff. An address belongs to one user only."""
        del request
        return self.show(actions.create_user(by=self.actor, **self.body(NewUser)), self._shape, status=201)

    @extend_schema(operation_id="users_read", summary="Read a user", responses=UserSerializer)
    def retrieve(self, request: Request, user_id: int) -> Response:
        """One member of staff."""
        del request
        return self.show(self._user(user_id), self._shape)

    @extend_schema(
        operation_id="users_change", summary="Change a user", request=UserChange, responses=UserSerializer
    )
    def partial_update(self, request: Request, user_id: int) -> Response:
        """Changes what the body names. Somebody who administers always stays: 409 otherwise."""
        del request
        wanted = self.body(UserChange)
        user = actions.change_user(user=self._user(user_id), by=self.actor, expected=self.expected, **wanted)
        return self.show(user, self._shape)

    @extend_schema(operation_id="users_switch_off", summary="Switch a user off", responses={204: None})
    def destroy(self, request: Request, user_id: int) -> Response:
        """Ends all their sign-ins and lets them in no more. `active` brings them back."""
        del request
        actions.deactivate_user(user=self._user(user_id), by=self.actor, expected=self.expected)
        return Response(status=204)

    @property
    def _shape(self) -> type[Shown]:
        return UserSerializer if is_administrator(self.actor) else ColleagueSerializer

    def _user(self, user_id: int) -> User:
        found = users_for(self.actor).filter(pk=user_id).first() if user_id <= LARGEST_ID else None
        if found is None:
            raise NotFound
        return found


addresses = [
    *both("users", Users.as_view({"get": "list", "post": "create"}), "users"),
    *both(
        "users/<int:user_id>",
        Users.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "user",
    ),
]
