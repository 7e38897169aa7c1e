"""Invitations to join the staff, for who administers."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import actions
from accounts.enums import Role
from accounts.queries import invitations_for
from api.base import ApiViewSet
from api.fields import PageQuery, Strict
from api.permissions import AdminOnly
from api.routes import both
from api.shapes import Shown
from api.shown.common import PersonSerializer
from api.v1.users import TeamSlugs
from api.v1.users_shapes import LanguageWord, TeamsShown
from core.errors import NotFound


class InvitationQuery(PageQuery):
    """In which order."""

    ordering = serializers.ChoiceField(choices=["-created_at", "created_at"], default="-created_at")


class NewInvitation(Strict):
    """Whom to invite, and what they will be."""

    email = serializers.EmailField(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.OPERATOR)
    teams = TeamSlugs(required=False)
    language = LanguageWord(required=False, help_text="Of the mail, and then theirs.")


class InvitationSerializer(Shown):
    """A place among the staff that somebody may take."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices)
    teams = TeamsShown()
    language = LanguageWord()
    created_at = serializers.DateTimeField()
    created_by = PersonSerializer(allow_null=True)
    expires_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)


class Invitations(ApiViewSet):
    """Invitations to join the staff."""

    permission_classes = (AdminOnly,)
    queries: ClassVar = {"list": InvitationQuery}
    conflicts: ClassVar[frozenset[str]] = frozenset({"create"})

    @extend_schema(summary="List invitations", responses=InvitationSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All of them, accepted ones too."""
        del request
        return self.page(invitations_for(self.actor), InvitationSerializer)

    @extend_schema(summary="Invite somebody", request=NewInvitation, responses={201: InvitationSerializer})
    def create(self, request: Request) -> Response:
        """Mails a link that is good for 72 hours and one user. The link is shown nowhere else."""
        del request
        row = actions.invite(by=self.actor, **self.body(NewInvitation))
        return self.show(row, InvitationSerializer, status=201)

    @extend_schema(
        operation_id="invitations_withdraw", summary="Withdraw an invitation", responses={204: None}
    )
    def destroy(self, request: Request, invitation_id: UUID) -> Response:
        """Makes the link void. Who has accepted already stays."""
        del request
        found = invitations_for(self.actor).filter(pk=invitation_id).first()
        if found is None:
            raise NotFound
        actions.withdraw_invitation(invitation=found, by=self.actor, expected=self.expected)
        return Response(status=204)


addresses = [
    *both("invitations", Invitations.as_view({"get": "list", "post": "create"}), "invitations"),
    *both("invitations/<uuid:invitation_id>", Invitations.as_view({"delete": "destroy"}), "invitation"),
]
