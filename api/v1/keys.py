"""Keys of integrators, for who administers."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import actions
from accounts.enums import Scope
from accounts.models import ApiKey
from accounts.queries import keys_for
from api.base import ApiViewSet
from api.fields import LARGEST_ID, Count, Flag, Moment, PageQuery, Strict, Text
from api.permissions import AdminOnly
from api.routes import both
from api.shapes import Shown
from api.shown.common import PersonSerializer
from api.v1.users import TeamSlugs
from api.v1.users_shapes import TeamsShown
from core.errors import NotFound

MOST_PER_MINUTE = 1_000_000


class KeyQuery(PageQuery):
    """In which order."""

    ordering = serializers.ChoiceField(choices=["id", "-id"], default="-id")


class Scopes(serializers.ListField):
    """What a key may do."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        child = serializers.ChoiceField(choices=Scope.choices)
        super().__init__(child=child, max_length=len(Scope), **kwargs)


class PerMinute(Count):
    """How often a key may ask in a minute."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(min_value=1, max_value=MOST_PER_MINUTE, allow_null=True, required=False, **kwargs)


class NewKey(Strict):
    """A key to be: for `teams`, or for `all_teams`."""

    name = Text(max_length=80)
    scopes = Scopes(default=[Scope.READ.value], help_text="Left out: it may read.")
    teams = TeamSlugs(required=False)
    all_teams = Flag(default=False)
    expires_at = Moment(required=False, allow_null=True)
    per_minute = PerMinute(help_text="Left out: as often as any key.")


class KeyChange(Strict):
    """What shall be different; what is left out stays."""

    name = Text(max_length=80, required=False)
    scopes = Scopes(required=False)
    teams = TeamSlugs(required=False)
    all_teams = Flag(required=False)
    expires_at = Moment(required=False, allow_null=True)
    per_minute = PerMinute()
    active = Flag(required=False)


class KeySerializer(Shown):
    """A key, but for itself."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="How the key begins.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    all_teams = serializers.BooleanField()
    teams = TeamsShown()
    active = serializers.BooleanField(source="is_active")
    expires_at = serializers.DateTimeField(allow_null=True)
    per_minute = serializers.IntegerField(allow_null=True, help_text="null: as often as any key.")
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    created_at = serializers.DateTimeField()
    created_by = PersonSerializer(allow_null=True)


class KeyOnceSerializer(KeySerializer):
    """A key that was just made."""

    key = serializers.CharField(help_text="The key. It is shown this once and stored nowhere.")


class Keys(ApiViewSet):
    """Keys of integrators."""

    permission_classes = (AdminOnly,)
    queries: ClassVar = {"list": KeyQuery}

    @extend_schema(summary="List keys", responses=KeySerializer(many=True))
    def list(self, request: Request) -> Response:
        """All of them, good and bad."""
        del request
        return self.page(keys_for(self.actor), KeySerializer)

    @extend_schema(summary="Make a key", request=NewKey, responses={201: KeyOnceSerializer})
    def create(self, request: Request) -> Response:
        """Makes a key and shows it, this once."""
        del request
        row, key = actions.create_api_key(by=self.actor, **self.body(NewKey))
        row.key = key  # type: ignore[attr-defined]  # shown with the row, and in no column of it
        return self.show(row, KeyOnceSerializer, status=201)

    @extend_schema(operation_id="keys_read", summary="Read a key", responses=KeySerializer)
    def retrieve(self, request: Request, key_id: int) -> Response:
        """What a key may do, and when it was used last."""
        del request
        return self.show(self._key(key_id), KeySerializer)

    @extend_schema(
        operation_id="keys_change", summary="Change a key", request=KeyChange, responses=KeySerializer
    )
    def partial_update(self, request: Request, key_id: int) -> Response:
        """Changes what the body names, from the next request on."""
        del request
        wanted = self.body(KeyChange)
        if "active" in wanted:
            wanted["is_active"] = wanted.pop("active")
        row = actions.change_api_key(key=self._key(key_id), by=self.actor, expected=self.expected, **wanted)
        return self.show(row, KeySerializer)

    @extend_schema(operation_id="keys_delete", summary="Delete a key", responses={204: None})
    def destroy(self, request: Request, key_id: int) -> Response:
        """Deletes a key for good. To be able to bring it back, set `active` to false."""
        del request
        actions.delete_api_key(key=self._key(key_id), by=self.actor, expected=self.expected)
        return Response(status=204)

    def _key(self, key_id: int) -> ApiKey:
        found = keys_for(self.actor).filter(pk=key_id).first() if key_id <= LARGEST_ID else None
        if found is None:
            raise NotFound
        return found


addresses = [
    *both("keys", Keys.as_view({"get": "list", "post": "create"}), "keys"),
    *both(
        "keys/<int:key_id>",
        Keys.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "key",
    ),
]
