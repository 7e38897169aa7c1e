"""Teams, which are the sectors of the API."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import actions
from accounts.models import Team
from accounts.queries import teams_for
from api.base import ApiViewSet
from api.fields import PageQuery, Slug, Strict, Text
from api.routes import both
from api.shapes import Shown
from core.errors import NotFound

MAX_SLUG = 50


class TeamQuery(PageQuery):
    """In which order."""

    ordering = serializers.ChoiceField(choices=["id", "-id"], default="id")


class NewTeam(Strict):
    """A team to be."""

    slug = Slug(max_length=MAX_SLUG)
    name = Text(max_length=80)


class TeamChange(Strict):
    """What shall be different; what is left out stays."""

    slug = Slug(max_length=MAX_SLUG, required=False)
    name = Text(max_length=80, required=False)


class TeamSerializer(Shown):
    """A team. Everywhere else it is named by its `slug`."""

    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()


class Teams(ApiViewSet):
    """Teams, which are the sectors of the API."""

    queries: ClassVar = {"list": TeamQuery}
    admin_actions: ClassVar[frozenset[str]] = frozenset({"create", "partial_update", "destroy"})
    conflicts: ClassVar[frozenset[str]] = frozenset({"destroy"})

    @extend_schema(summary="List teams", responses=TeamSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All of them, whichever are yours."""
        del request
        return self.page(teams_for(self.actor), TeamSerializer)

    @extend_schema(summary="Make a team", request=NewTeam, responses={201: TeamSerializer})
    def create(self, request: Request) -> Response:
        """Makes a team without members; whose members users are, they say themselves."""
        del request
        return self.show(actions.create_team(by=self.actor, **self.body(NewTeam)), TeamSerializer, status=201)

    @extend_schema(operation_id="teams_read", summary="Read a team", responses=TeamSerializer)
    def retrieve(self, request: Request, team_slug: str) -> Response:
        """One team."""
        del request
        return self.show(self._team(team_slug), TeamSerializer)

    @extend_schema(
        operation_id="teams_change", summary="Change a team", request=TeamChange, responses=TeamSerializer
    )
    def partial_update(self, request: Request, team_slug: str) -> Response:
        """Changes what the body names. With another `slug` its address is another one."""
        del request
        wanted = self.body(TeamChange)
        team = actions.change_team(
            team=self._team(team_slug), by=self.actor, expected=self.expected, **wanted
        )
        return self.show(team, TeamSerializer)

    @extend_schema(operation_id="teams_delete", summary="Delete a team", responses={204: None})
    def destroy(self, request: Request, team_slug: str) -> Response:
        """Deletes a team that nothing belongs to any more; while something does: 409."""
        del request
        actions.delete_team(team=self._team(team_slug), by=self.actor, expected=self.expected)
        return Response(status=204)

    def _team(self, slug: str) -> Team:
        found = teams_for(self.actor).filter(slug=slug).first()
        if found is None:
            raise NotFound
        return found


addresses = [
    *both("teams", Teams.as_view({"get": "list", "post": "create"}), "teams"),
    *both(
        "teams/<slug:team_slug>",
        Teams.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "team",
    ),
]
