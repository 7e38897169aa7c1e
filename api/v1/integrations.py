"""Integrations, as the API calls inboxes: list, create, read, change, delete, test."""

from typing import Any, ClassVar

from django.db.models import BooleanField, QuerySet, Value
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.queries import may_set_up, require_set_up
from api.base import ApiViewSet
from api.fields import Strict
from api.queries import narrowed
from api.routes import both
from api.v1.integrations_shapes import (
    ChannelSerializer,
    HealthSerializer,
    IntegrationChange,
    IntegrationQuery,
    IntegrationSerializer,
    NewIntegration,
)
from conversations.actions.endpoints import test_inbox
from conversations.actions.inboxes import change_inbox, create_inbox, delete_inbox
from conversations.channel_settings import schema
from conversations.channels import adapter, channel_choices
from conversations.models import Inbox
from conversations.queries.inboxes import inboxes_for
from core.errors import NotFound
from core.threads import patient


class Integrations(ApiViewSet):
    """Where customers write: a widget, a mailbox, a number."""

    queries: ClassVar = {"list": IntegrationQuery}
    admin_actions: ClassVar = frozenset({"create", "destroy"})
    outside: ClassVar = frozenset({"test"})
    conflicts: ClassVar = frozenset({"destroy"})

    @extend_schema(summary="List integrations", responses=IntegrationSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Those of your teams and those without a team; all of them for admins."""
        del request
        lookups = {"channel": "channel", "team": "team__slug", "is_active": "is_active"}
        wanted = {**self.query}
        if "is_active" in wanted:
            wanted["is_active"] = wanted["is_active"] == "true"
        return self.page(narrowed(self._rows(), wanted, lookups, actor=self.actor), IntegrationSerializer)

    @extend_schema(
        operation_id="integrations_create",
        summary="Make an integration",
        request=NewIntegration,
        responses={201: IntegrationSerializer},
    )
    def create(self, request: Request) -> Response:
        """Makes one with the settings of its channel. The provider is not asked: `test` does that."""
        del request
        inbox = create_inbox(by=self.actor, **self.body(NewIntegration))
        return self.show(self._found(inbox.pk), IntegrationSerializer, status=201)

    @extend_schema(
        operation_id="integrations_channels",
        summary="List channels",
        responses=ChannelSerializer(many=True),
    )
    def channels(self, request: Request) -> Response:
        """Which kinds of integrations there are, and the settings of each."""
        del request
        return self.few([_channel(kind) for kind in channel_choices()], ChannelSerializer)

    @extend_schema(
        operation_id="integrations_read", summary="Read an integration", responses=IntegrationSerializer
    )
    def retrieve(self, request: Request, integration_id: int) -> Response:
        """One integration; secrets are never shown."""
        del request
        return self.show(self._found(integration_id), IntegrationSerializer)

    @extend_schema(
        operation_id="integrations_change",
        summary="Change an integration",
        request=IntegrationChange,
        responses=IntegrationSerializer,
    )
    def partial_update(self, request: Request, integration_id: int) -> Response:
        """Changes what the body names; for team leads, administrators, and keys with the scope `admin`."""
        del request
        words: dict[str, Any] = self.body(IntegrationChange)
        inbox = self._found(integration_id)
        changed = change_inbox(inbox=inbox, by=self.actor, expected=self.expected, **words)
        # It may have gone to a team whose integrations the caller does not see.
        changed.shows_settings = True  # type: ignore[attr-defined]
        return self.show(changed, IntegrationSerializer)

    @extend_schema(operation_id="integrations_delete", summary="Delete an integration", responses={204: None})
    def destroy(self, request: Request, integration_id: int) -> Response:
        """Deletes one that nobody has written to; any other can be switched off."""
        del request
        delete_inbox(inbox=self._found(integration_id), by=self.actor, expected=self.expected)
        return Response(status=204)

    @extend_schema(
        operation_id="integrations_test",
        summary="Test an integration",
        request=None,
        responses=HealthSerializer,
    )
    def test(self, request: Request, integration_id: int) -> Response:
        """Asks the provider whether the settings work, 20 s at most. That they do not is an answer too."""
        del request
        inbox = self._found(integration_id)
        require_set_up(self.actor)
        self.body(Strict)
        return self.show(test_inbox(inbox=inbox, by=self.actor), HealthSerializer)

    def _rows(self) -> "QuerySet[Inbox]":
        """Returns what the caller sees, each with whether its settings may be shown."""
        is_open = Value(may_set_up(self.actor), output_field=BooleanField())
        return inboxes_for(self.actor).annotate(shows_settings=is_open)

    def _found(self, integration_id: int) -> Inbox:
        found = self._rows().filter(pk=integration_id).first()
        if found is None:
            raise NotFound
        return found


def _channel(kind: str) -> dict[str, Any]:
    spoken = adapter(kind)
    can = spoken.capabilities
    told = {"sends": can.sends, "templates": can.templates, "opens": can.opens}
    return {"channel": kind, "label": str(spoken.label), **told, "config_schema": schema(kind)}


ONE = "integrations/<int:integration_id>"
addresses = [
    *both("integrations", Integrations.as_view({"get": "list", "post": "create"}), "integrations"),
    *both("integrations/channels", Integrations.as_view({"get": "channels"}), "integration-channels"),
    *both(
        ONE,
        Integrations.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        "integration",
    ),
    *both(f"{ONE}/test", patient(Integrations.as_view({"post": "test"})), "integration-test"),
]
