"""Webhooks: who is told what happens, and what was told."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.actions.replaying import replay_call, replay_failed, send_test
from api.actions.webhooks import change_webhook, create_webhook, delete_webhook, rotate_secret
from api.base import ApiViewSet
from api.enums import EVERYTHING, ONLY_BY_NAME, CallStatus, EventName
from api.fields import Count, Flag, Moment, PageQuery, Strict, TeamSlug, Text
from api.permissions import AdminOnly
from api.routes import both
from api.v1.webhooks_shapes import (
    WebhookCallFileSerializer,
    WebhookCallSerializer,
    WebhookEventNameSerializer,
    WebhookReplayedSerializer,
    WebhookSerializer,
    WebhookWithSecretSerializer,
)
from api.webhook_queries import call_by_id, calls_of, webhook_by_id, webhooks_for
from core.threads import patient

LONGEST_OVERLAP_HOURS = 7 * 24


class WebhookQuery(PageQuery):
    """Which webhooks, in which order."""

    ordering = serializers.ChoiceField(choices=["-created_at", "created_at"], default="-created_at")


class WebhookCallQuery(PageQuery):
    """Which calls, in which order."""

    status = serializers.ChoiceField(choices=CallStatus.choices, required=False)
    event = serializers.ChoiceField(choices=EventName.values, required=False)
    ordering = serializers.ChoiceField(choices=["-created_at", "created_at"], default="-created_at")


class EventNames(serializers.ListField):
    """Names of events, `*` for all but notes, `ticket.*` for all of a kind."""

    child = Text(max_length=40)

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(min_length=1, max_length=50, **kwargs)


class WebhookTeams(serializers.ListField):
    """Short names of the teams of which it hears; none: of all."""

    child = TeamSlug()

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(max_length=100, **kwargs)


class NewWebhook(Strict):
    """A webhook to be made."""

    url = Text(max_length=2000, help_text="http or https; redirects are not followed.")
    description = Text(max_length=200, required=False, allow_blank=True)
    events = EventNames(default=[EVERYTHING], help_text="Left out: all but notes.")
    teams = WebhookTeams(required=False, help_text="Left out or empty: all teams.")
    active = Flag(source="is_active", default=True)


class WebhookChange(Strict):
    """What shall be different; what is left out stays."""

    url = Text(max_length=2000, required=False)
    description = Text(max_length=200, required=False, allow_blank=True)
    events = EventNames(required=False)
    teams = WebhookTeams(required=False, help_text="Empty: all teams.")
    active = Flag(
        source="is_active", required=False, help_text="Switched on again, what waited goes at once."
    )


class WebhookRotation(Strict):
    """How a secret is changed."""

    hours = Count(
        required=False,
        min_value=0,
        max_value=LONGEST_OVERLAP_HOURS,
        help_text="For so long the former secret signs as well. Left out: 24.",
    )


class WebhookReplay(Strict):
    """What is told again."""

    since = Moment(help_text="What happened from then on, and was given up.")


class Webhooks(ApiViewSet):
    """Addresses that are told what happens. For administrators."""

    permission_classes = (AdminOnly,)
    queries: ClassVar = {"list": WebhookQuery, "calls": WebhookCallQuery, "events": Strict}
    outside = frozenset({"try_out"})
    conflicts = frozenset({"replay_one", "replay"})

    @extend_schema(summary="List webhooks", responses=WebhookSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All of them. Their secrets are shown nowhere."""
        del request
        return self.page(webhooks_for(self.actor), WebhookSerializer)

    @extend_schema(summary="Make a webhook", request=NewWebhook, responses={201: WebhookWithSecretSerializer})
    def create(self, request: Request) -> Response:
        """It is told what happens from now on. The answer holds its secret, which is shown only once."""
        del request
        row, secret = create_webhook(by=self.actor, **self.body(NewWebhook))
        return self._with_secret(row.pk, secret, status=201)

    @extend_schema(summary="List events", responses=WebhookEventNameSerializer(many=True))
    def events(self, request: Request) -> Response:
        """Everything a webhook can be told; `ping` goes to all of them."""
        del request
        told = [
            {"name": name, "description": label, "only_by_name": name in ONLY_BY_NAME}
            for name, label in EventName.choices
        ]
        return Response({"results": [WebhookEventNameSerializer.told(event) for event in told], "next": None})

    @extend_schema(operation_id="webhooks_read", summary="Read a webhook", responses=WebhookSerializer)
    def retrieve(self, request: Request, webhook_id: UUID) -> Response:
        """One webhook, and how its receiver stands."""
        del request
        return self.show(webhook_by_id(webhook_id, actor=self.actor), WebhookSerializer)

    @extend_schema(
        operation_id="webhooks_change",
        summary="Change a webhook",
        request=WebhookChange,
        responses=WebhookSerializer,
    )
    def partial_update(self, request: Request, webhook_id: UUID) -> Response:
        """Changes what the body names."""
        del request
        wanted = self.body(WebhookChange)
        row = webhook_by_id(webhook_id, actor=self.actor)
        changed = change_webhook(webhook=row, by=self.actor, expected=self.expected, **wanted)
        return self.show(changed, WebhookSerializer)

    @extend_schema(operation_id="webhooks_delete", summary="Delete a webhook", responses={204: None})
    def destroy(self, request: Request, webhook_id: UUID) -> Response:
        """What waits for it is not told any more."""
        del request
        row = webhook_by_id(webhook_id, actor=self.actor)
        delete_webhook(webhook=row, by=self.actor, expected=self.expected)
        return Response(status=204)

    @extend_schema(
        summary="Change the secret", request=WebhookRotation, responses=WebhookWithSecretSerializer
    )
    def rotate(self, request: Request, webhook_id: UUID) -> Response:
        """Makes a new secret, shown only here; the former one signs beside it for a while."""
        del request
        wanted = self.body(WebhookRotation)
        row = webhook_by_id(webhook_id, actor=self.actor)
        row, secret = rotate_secret(webhook=row, by=self.actor, **wanted)
        return self._with_secret(row.pk, secret)

    @extend_schema(summary="Send a test", request=None, responses={201: WebhookCallFileSerializer})
    def try_out(self, request: Request, webhook_id: UUID) -> Response:
        """Sends a `ping` now, once, and answers with what came of it."""
        del request
        self.body(Strict)
        row = webhook_by_id(webhook_id, actor=self.actor)
        return self.show(send_test(webhook=row, by=self.actor), WebhookCallFileSerializer, status=201)

    @extend_schema(summary="List calls", responses=WebhookCallSerializer(many=True))
    def calls(self, request: Request, webhook_id: UUID) -> Response:
        """What was told, and what still waits; kept for 30 days."""
        del request
        rows = calls_of(webhook_by_id(webhook_id, actor=self.actor))
        lookups = {"status": "status", "event": "event__name"}
        wanted = {lookup: self.query[name] for name, lookup in lookups.items() if name in self.query}
        return self.page(rows.filter(**wanted), WebhookCallSerializer)

    @extend_schema(
        operation_id="webhooks_call_read", summary="Read a call", responses=WebhookCallFileSerializer
    )
    def call(self, request: Request, webhook_id: UUID, call_id: int) -> Response:
        """One call with what is sent, and its last tries."""
        del request
        webhook = webhook_by_id(webhook_id, actor=self.actor)
        return self.show(call_by_id(webhook, call_id), WebhookCallFileSerializer)

    @extend_schema(summary="Make a call again", request=None, responses=WebhookCallSerializer)
    def replay_one(self, request: Request, webhook_id: UUID, call_id: int) -> Response:
        """Has it made again under the same id, however it ended; one that waits goes at once."""
        del request
        self.body(Strict)
        webhook = webhook_by_id(webhook_id, actor=self.actor)
        return self.show(replay_call(webhook=webhook, call_id=call_id, by=self.actor), WebhookCallSerializer)

    @extend_schema(
        summary="Make failed calls again", request=WebhookReplay, responses=WebhookReplayedSerializer
    )
    def replay(self, request: Request, webhook_id: UUID) -> Response:
        """Has all calls made again that were given up, of what happened since a moment."""
        del request
        wanted = self.body(WebhookReplay)
        webhook = webhook_by_id(webhook_id, actor=self.actor)
        count = replay_failed(webhook=webhook, by=self.actor, **wanted)
        return self.show({"count": count}, WebhookReplayedSerializer)

    def _with_secret(self, webhook_id: UUID, secret: str, *, status: int = 200) -> Response:
        row = webhook_by_id(webhook_id, actor=self.actor)
        return self.show((row, secret), WebhookWithSecretSerializer, status=status, of=row)


ONE = "webhooks/<uuid:webhook_id>"
CALL = f"{ONE}/calls/<int:call_id>"
addresses = [
    *both("webhooks", Webhooks.as_view({"get": "list", "post": "create"}), "webhooks"),
    *both("webhooks/events", Webhooks.as_view({"get": "events"}), "webhook-events"),
    *both(
        ONE, Webhooks.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}), "webhook"
    ),
    *both(f"{ONE}/rotate", Webhooks.as_view({"post": "rotate"}), "webhook-rotate"),
    *both(f"{ONE}/test", patient(Webhooks.as_view({"post": "try_out"})), "webhook-test"),
    *both(f"{ONE}/replay", Webhooks.as_view({"post": "replay"}), "webhook-replay"),
    *both(f"{ONE}/calls", Webhooks.as_view({"get": "calls"}), "webhook-calls"),
    *both(CALL, Webhooks.as_view({"get": "call"}), "webhook-call"),
    *both(f"{CALL}/replay", Webhooks.as_view({"post": "replay_one"}), "webhook-call-replay"),
]
