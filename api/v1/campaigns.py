"""Campaigns: list, create, read, change, delete; approve to cancel; trying out; what came of them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.campaign_fields import template_named
from api.campaign_queries import campaign_by_id, campaigns_for
from api.fields import Strict
from api.idempotency import natural_key
from api.queries import narrowed
from api.routes import both
from api.shown.campaigns import CampaignSerializer
from api.shown.common import MessageSerializer
from api.v1.campaign_bodies import WORDS, CampaignChange, CampaignQuery, NewCampaign, Trial
from api.v1.campaign_serializers import CampaignStatsSerializer
from campaigns import actions
from campaigns.actions import Listing, Wording
from campaigns.enums import Source
from campaigns.models import Campaign, Variant
from campaigns.queries.known import known_as, known_at
from campaigns.queries.stats import course, stats
from conversations.models import ContactIdentity, Inbox
from core.versions import require_version


class Campaigns(ApiViewSet):
    """One message to many, each accounted for."""

    queries: ClassVar = {"list": CampaignQuery}
    conflicts: ClassVar = frozenset(
        {"partial_update", "destroy", "approve", "start", "pause", "resume", "cancel", "try_out"}
    )
    # Lists are read in several transactions, however long they are.
    outside: ClassVar = frozenset({"create"})

    @extend_schema(summary="List campaigns", responses=CampaignSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Those of the inboxes of your teams and of inboxes without a team; all of them for admins."""
        del request
        lookups = {"status": "status", "inbox": "inbox", "kind": "kind"}
        rows = narrowed(campaigns_for(self.actor), self.query, lookups, actor=self.actor)
        return self.page(rows, CampaignSerializer)

    @extend_schema(
        summary="Make a campaign",
        request=NewCampaign,
        responses={201: CampaignSerializer},
    )
    def create(self, request: Request) -> Response:
        """Makes a draft, with a segment or with people; nobody is written to before it is started.

        `recipients` are read as a list that somebody uploads: those who cannot be written to are found under
        `lists`, with the reason.
        """
        wanted = self.body(NewCampaign)
        wording = _wordings(wanted, wanted["inbox"], ())
        contacts, listing = people_of(wanted)
        campaign = actions.create_with_people(
            by=self.actor,
            contacts=contacts,
            listing=listing,
            wordings=wording or (),
            idempotency_key=natural_key(request),
            source=Source.SEGMENT if "segment" in wanted else Source.LIST,
            **wanted,
        )
        actions.read_lists(campaign)
        return self._answer(campaign.pk, status=201)

    @extend_schema(operation_id="campaigns_read", summary="Read a campaign", responses=CampaignSerializer)
    def retrieve(self, request: Request, campaign_id: UUID) -> Response:
        """One campaign with its wordings."""
        del request
        return self._answer(campaign_id)

    @extend_schema(
        operation_id="campaigns_change",
        summary="Change a campaign",
        request=CampaignChange,
        responses=CampaignSerializer,
    )
    def partial_update(self, request: Request, campaign_id: UUID) -> Response:
        """Changes what the body names, as long as it has not begun; what was approved is a draft again."""
        del request
        wanted = self.body(CampaignChange)
        campaign = campaign_by_id(campaign_id, actor=self.actor)
        require_version(campaign, self.expected)
        if wanted:
            inbox = wanted.get("inbox", campaign.inbox)
            wordings = _wordings(wanted, inbox, tuple(campaign.variants.all()))
            if "segment" in wanted:
                wanted["source"] = Source.SEGMENT
            actions.change_campaign(
                campaign=campaign, by=self.actor, wordings=wordings, expected=self.expected, **wanted
            )
        return self._answer(campaign_id)

    @extend_schema(operation_id="campaigns_delete", summary="Delete a campaign", responses={204: None})
    def destroy(self, request: Request, campaign_id: UUID) -> Response:
        """Deletes it with its recipients, unless it is at work; what was said stays in the conversations."""
        del request
        campaign = campaign_by_id(campaign_id, actor=self.actor)
        actions.delete_campaign(campaign=campaign, by=self.actor, expected=self.expected)
        return Response(status=204)

    @extend_schema(
        operation_id="campaigns_approve",
        summary="Approve a campaign",
        request=None,
        responses=CampaignSerializer,
    )
    def approve(self, request: Request, campaign_id: UUID) -> Response:
        """Says that it may go out as it is; 422 tells everything that has to be set right first."""
        del request
        return self._do(actions.approve, campaign_id)

    @extend_schema(
        operation_id="campaigns_start", summary="Start a campaign", request=None, responses=CampaignSerializer
    )
    def start(self, request: Request, campaign_id: UUID) -> Response:
        """Lets it begin, at `starts_at` or at once. A key's start approves a draft; a person's does not."""
        del request
        return self._do(actions.start, campaign_id)

    @extend_schema(
        operation_id="campaigns_pause", summary="Pause a campaign", request=None, responses=CampaignSerializer
    )
    def pause(self, request: Request, campaign_id: UUID) -> Response:
        """Holds it: nobody more is written to. What was handed to the provider's queue still goes out."""
        del request
        return self._do(actions.pause, campaign_id)

    @extend_schema(
        operation_id="campaigns_resume",
        summary="Resume a campaign",
        request=None,
        responses=CampaignSerializer,
    )
    def resume(self, request: Request, campaign_id: UUID) -> Response:
        """Goes on with whoever has not been written to."""
        del request
        return self._do(actions.resume, campaign_id)

    @extend_schema(
        operation_id="campaigns_cancel",
        summary="Cancel a campaign",
        request=None,
        responses=CampaignSerializer,
    )
    def cancel(self, request: Request, campaign_id: UUID) -> Response:
        """Ends it: from now on nothing more of it is given to a provider."""
        del request
        return self._do(actions.cancel, campaign_id)

    @extend_schema(
        operation_id="campaigns_test",
        summary="Send a test",
        request=Trial,
        responses={201: MessageSerializer},
    )
    def try_out(self, request: Request, campaign_id: UUID) -> Response:
        """Sends a wording to somebody whom the inbox knows, now, as they would get it; it counts nowhere."""
        del request
        wanted = self.body(Trial)
        campaign = campaign_by_id(campaign_id, actor=self.actor)
        message = actions.send_test(
            campaign=campaign,
            variant=_variant(campaign, wanted["variant"]),
            to=_tester(campaign, wanted["to"]),
            by=self.actor,
        )
        return self.show(message, MessageSerializer, status=201)

    @extend_schema(
        operation_id="campaigns_stats",
        summary="What came of a campaign",
        responses=CampaignStatsSerializer,
    )
    def stats(self, request: Request, campaign_id: UUID) -> Response:
        """Numbers from the recipients' own rows: by outcome, reason and wording, and over time."""
        del request
        campaign = campaign_by_id(campaign_id, actor=self.actor)
        shown = {**asdict(stats(campaign)), "course": course(campaign, timezone.now())}
        return self.show(shown, CampaignStatsSerializer)

    def _do(self, action: Callable[..., Campaign], campaign_id: UUID) -> Response:
        """Does what takes no more than the campaign, and answers with how it stands then."""
        self.body(Strict)
        action(campaign=campaign_by_id(campaign_id, actor=self.actor), by=self.actor)
        return self._answer(campaign_id)

    def _answer(self, campaign_id: UUID, *, status: int = 200) -> Response:
        campaign = campaign_by_id(campaign_id, actor=self.actor)
        return self.show(campaign, CampaignSerializer, status=status)


def people_of(wanted: dict[str, Any]) -> tuple[Any, Listing | None]:
    """Takes out of a body whom it names: the customers, and the list that is made of the others."""
    contacts, people = wanted.pop("contacts", ()), wanted.pop("recipients", ())
    region, gives_consent = wanted.pop("region", ""), wanted.pop("gives_consent", False)
    return contacts, Listing(people, region, gives_consent=gives_consent) if people else None


def _wordings(wanted: dict[str, Any], inbox: Inbox, known: tuple[Variant, ...]) -> tuple[Wording, ...] | None:
    """Takes out of a body what is to be said; None where it says nothing about that."""
    words = {name: wanted.pop(name) for name in WORDS if name in wanted}
    if "variants" in wanted:
        return _several(wanted.pop("variants"), inbox, known)
    if not words:
        return None
    if len(known) > 1:
        raise serializers.ValidationError({"variants": [_("It has several wordings: name them all.")]})
    before = known[0] if known else None
    kept = {name: getattr(before, name) for name in (*WORDS, "share")} if before else {}
    return (_wording({**kept, **words}, inbox, before),)


def _several(given: list[Any], inbox: Inbox, known: tuple[Variant, ...]) -> tuple[Wording, ...]:
    made, wrong = [], {}
    for number, words in enumerate(given):
        try:
            made.append(_wording(words, inbox, known[number] if number < len(known) else None))
        except serializers.ValidationError as error:
            wrong[str(number)] = error.detail
    if wrong:
        raise serializers.ValidationError({"variants": wrong})
    return tuple(made)


def _wording(words: Mapping[str, Any], inbox: Inbox, before: Variant | None) -> Wording:
    """Returns a wording; the file that people gave stays as long as its template does."""
    template = words.get("template")
    if isinstance(template, dict):
        template = template_named(inbox, template)
    file = before.file if before is not None and before.template == template else None
    return Wording(**{**words, "template": template, "file": file})


def _variant(campaign: Campaign, label: str) -> Variant:
    found = next((one for one in campaign.variants.all() if one.label == label), None)
    if found is None:
        raise serializers.ValidationError({"variant": [_("There is no such variant.")]})
    return found


def _tester(campaign: Campaign, named: dict[str, Any]) -> ContactIdentity:
    """Returns who is meant, as the campaign's inbox knows them."""
    ((how, who),) = named.items()
    found: ContactIdentity | None
    if how == "address":
        found = known_at(campaign.inbox, who)
    else:
        found = known_as(campaign.inbox, who if how == "contact" else who.contact)
    if found is None:
        raise serializers.ValidationError({"to": {how: [_("The campaign's inbox knows nobody like that.")]}})
    return found


ONE = "campaigns/<uuid:campaign_id>"
addresses = [
    *both("campaigns", Campaigns.as_view({"get": "list", "post": "create"}), "campaigns"),
    *both(
        ONE,
        Campaigns.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "campaign",
    ),
    *(
        address
        for verb in ("approve", "start", "pause", "resume", "cancel")
        for address in both(f"{ONE}/{verb}", Campaigns.as_view({"post": verb}), f"campaign-{verb}")
    ),
    *both(f"{ONE}/test", Campaigns.as_view({"post": "try_out"}), "campaign-test"),
    *both(f"{ONE}/stats", Campaigns.as_view({"get": "stats"}), "campaign-stats"),
]
