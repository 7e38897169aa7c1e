"""Whom a campaign is for: its recipients and what came of each, and the lists they came from."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.campaign_queries import bad_rows_of, campaign_by_id, recipients_of, uploads_of
from api.queries import narrowed
from api.routes import both
from api.v1.campaign_bodies import BadRowQuery, MorePeople, RecipientQuery, UploadQuery
from api.v1.campaign_serializers import (
    AddedSerializer,
    BadRowSerializer,
    RecipientSerializer,
    UploadSerializer,
)
from api.v1.campaigns import ONE, people_of
from campaigns import actions
from campaigns.models import Campaign


class CampaignPeople(ApiViewSet):
    """The recipients of one campaign."""

    queries: ClassVar = {"recipients": RecipientQuery, "lists": UploadQuery, "bad": BadRowQuery}
    conflicts: ClassVar = frozenset({"add", "clear"})
    # Lists are read in several transactions, however long they are.
    outside: ClassVar = frozenset({"add"})

    @extend_schema(
        operation_id="campaigns_recipients",
        summary="List recipients",
        responses=RecipientSerializer(many=True),
    )
    def recipients(self, request: Request, campaign_id: UUID) -> Response:
        """Everybody for whom it has a message, and what happened. Those of a segment: once it has begun."""
        del request
        rows = recipients_of(self._campaign(campaign_id), actor=self.actor)
        lookups = {
            "outcome": "outcome",
            "reason": "reason",
            "variant": "variant__label",
            "replied": "replied_at__isnull",
            "opted_out": "opted_out_at__isnull",
        }
        wanted = {**self.query}
        for name in ("replied", "opted_out"):
            if name in wanted:
                wanted[name] = wanted[name] == "false"
        return self.page(narrowed(rows, wanted, lookups, actor=self.actor), RecipientSerializer)

    @extend_schema(
        operation_id="campaigns_add_recipients",
        summary="Add recipients",
        request=MorePeople,
        responses={201: AddedSerializer},
    )
    def add(self, request: Request, campaign_id: UUID) -> Response:
        """Adds people to a campaign that has not begun; it then goes to its list, not to its segment.

        Whoever is on it already stays as they are. What was approved has to be approved again.
        """
        del request
        contacts, listing = people_of(self.body(MorePeople))
        campaign = self._campaign(campaign_id)
        added, upload = actions.give_people(
            campaign=campaign, by=self.actor, contacts=contacts, listing=listing
        )
        actions.read_lists(campaign)
        read = uploads_of(campaign).get(pk=upload.pk) if upload else None
        shown: dict[str, Any] = {"added": added + (read.added if read else 0), "list": read}
        return self.show(shown, AddedSerializer, status=201, of=campaign)

    @extend_schema(operation_id="campaigns_clear_recipients", summary="Clear the list", responses={204: None})
    def clear(self, request: Request, campaign_id: UUID) -> Response:
        """Takes everybody off the list of a campaign that has not begun."""
        del request
        campaign = self._campaign(campaign_id)
        actions.clear_list(campaign=campaign, by=self.actor, expected=self.expected)
        return Response(status=204)

    @extend_schema(
        operation_id="campaigns_lists",
        summary="List the lists",
        responses=UploadSerializer(many=True),
    )
    def lists(self, request: Request, campaign_id: UUID) -> Response:
        """What was pasted, uploaded or sent: how far each has been read, and the lines that name nobody."""
        del request
        return self.page(uploads_of(self._campaign(campaign_id)), UploadSerializer)

    @extend_schema(
        operation_id="campaigns_bad_lines",
        summary="List the bad lines of a list",
        responses=BadRowSerializer(many=True),
    )
    def bad(self, request: Request, campaign_id: UUID, list_id: int) -> Response:
        """Every line that became no recipient, as it was given, with the reason."""
        del request
        return self.page(bad_rows_of(self._campaign(campaign_id), list_id), BadRowSerializer)

    def _campaign(self, campaign_id: UUID) -> Campaign:
        return campaign_by_id(campaign_id, actor=self.actor)


addresses = [
    *both(
        f"{ONE}/recipients",
        CampaignPeople.as_view({"get": "recipients", "post": "add", "delete": "clear"}),
        "campaign-recipients",
    ),
    *both(f"{ONE}/lists", CampaignPeople.as_view({"get": "lists"}), "campaign-lists"),
    *both(f"{ONE}/lists/<int:list_id>/bad", CampaignPeople.as_view({"get": "bad"}), "campaign-bad-lines"),
]
