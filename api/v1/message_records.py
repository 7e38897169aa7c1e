"""Messages as records with one answer: how systems keep them that know clients and sectors.

Here a record is a customer's message in an inbox of the channel `api`, and its answer what we said to it.
"""

from typing import Any, ClassVar
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiViewSet
from api.fields import ShapeQuery, Strict, Text
from api.idempotency import natural_id
from api.message_records import answers_of, records_for, stored_record
from api.queries import message_by_id
from api.sectors import inbox_of, may_use, name_of, team_of
from api.shapes import Shown
from api.shown.common import MessageSerializer
from conversations.actions import Sender, answer_message, receive
from conversations.actions.inbound import MAX_TEXT
from conversations.enums import Validation
from conversations.models import Message
from conversations.queries.wire import author_name
from core.actor import ActorKind
from core.errors import Invalid, NotFound

LONGEST_CLIENT = 200
SECTORS = "financeiro, suporte, vendas, admin, geral, or a team's short name."
MOST_PAGES = 10_000


class Sector(Text):
    """The short name of a team, or a standard sector: financeiro, suporte, vendas, admin, geral."""

    default_error_messages = {"missing": _("There is no such sector.")}

    def to_internal_value(self, data: Any) -> str:
        """Returns the name."""
        sector = super().to_internal_value(data)
        if not may_use(sector, self.context["actor"]):
            self.fail("missing")
        return sector


class NewRecord(Strict):
    """What a client wrote."""

    client_id = Text(max_length=LONGEST_CLIENT, help_text="Your id of the client.")
    sector = Sector(max_length=50, help_text=SECTORS)
    message = Text(max_length=MAX_TEXT)


class Answer(Strict):
    """The answer to a message, and who has judged it; what is left out stays."""

    answer = Text(max_length=MAX_TEXT, required=False, help_text="Markdown. Sent to the client.")
    operator_name = Text(max_length=120, required=False, help_text="Who answers; for keys only.")
    validated_by = serializers.ChoiceField(choices=Validation.choices, required=False)


class PageNumbers(ShapeQuery):
    """Pages by number."""

    page = serializers.IntegerField(default=1, min_value=1, max_value=MOST_PAGES)
    per_page = serializers.IntegerField(default=20, min_value=1, max_value=100)


class MessageRecord(MessageSerializer):
    """One thing said. What a client wrote through an inbox of the channel `api` has five fields more."""

    client_id = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="Your id for the message; with a `sector`: your id of the client."
    )
    sector = serializers.CharField(required=False)
    message = serializers.CharField(required=False, help_text="The same as `text`.")
    answer = serializers.CharField(required=False, allow_null=True)
    operator_name = serializers.CharField(required=False, allow_null=True, help_text="Who answered.")
    updated_at = serializers.DateTimeField(required=False, help_text="When it was answered, else written.")

    def to_representation(self, instance: Message) -> dict[str, Any]:
        """Returns the message, with what makes it a record where it is one."""
        shown = super().to_representation(instance)
        if hasattr(instance, "answer_id"):
            shown |= self._record(instance)
        return self.chosen(shown)

    def _record(self, message: Message) -> dict[str, Any]:
        answer: Message | None = self.context["answers"].get(message.answer_id)  # type: ignore[attr-defined]
        pending = message.validated_by == Validation.PENDING and answer is not None
        latest = answer or message
        return {
            "client_id": message.conversation.identity.external_id,
            "sector": name_of(message.conversation.team),
            "message": message.text,
            "answer": answer and answer.text,
            "operator_name": answer and author_name(answer),
            "validated_by": answer.validated_by if answer and pending else message.validated_by,
            "updated_at": latest.created_at.isoformat(),
        }


class RecordPage(Shown):
    """A page of records, newest first."""

    messages = MessageRecord(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    per_page = serializers.IntegerField()
    pages = serializers.IntegerField()


class MessageRecords(ApiViewSet):
    """Messages by client and sector."""

    queries: ClassVar = {"by_client": PageNumbers, "by_sector": PageNumbers}
    # A message is stored in a transaction of its own.
    outside: ClassVar = frozenset({"create"})
    conflicts: ClassVar = frozenset({"answer"})

    @extend_schema(
        operation_id="messages_create",
        summary="Store a client's message",
        request=NewRecord,
        responses={201: MessageRecord},
    )
    def create(self, request: Request) -> Response:
        """Stores what a client wrote to a sector. People or the AI agent answer: ask for it by its id."""
        wanted = self.body(NewRecord)
        received = receive(
            inbox=inbox_of(wanted["sector"], by=self.actor),
            sender=Sender(wanted["client_id"]),
            text=wanted["message"],
            client_id=natural_id(request),
        )
        # Answers are asked for by the id: whoever sends this again may not see them any more.
        return self.show(stored_record(received.message.pk), MessageRecord, status=201, answers={})

    @extend_schema(operation_id="messages_read", summary="Read a message", responses=MessageRecord)
    def retrieve(self, request: Request, message_id: UUID) -> Response:
        """One message; what a client wrote to a sector comes with its answer, as soon as there is one."""
        del request
        return self._record(message_id)

    @extend_schema(
        operation_id="messages_answer",
        summary="Answer a client's message",
        request=Answer,
        responses=MessageRecord,
    )
    def answer(self, request: Request, message_id: UUID) -> Response:
        """Says something to the client, each text once, and notes who has judged it.

        Another text is another answer: what was said is not unsaid. It takes the conversation over from the
        AI agent.
        """
        del request
        wanted = self.body(Answer)
        record = records_for(self.actor).filter(pk=message_id).first()
        if record is None:
            raise NotFound
        answer_message(
            message=record,
            by=self.actor,
            signed=self._signed(wanted.get("operator_name", "")),
            text=wanted.get("answer"),
            validated_by=wanted.get("validated_by"),
            expected=self.expected,
        )
        return self._record(message_id)

    @extend_schema(
        operation_id="messages_of_client", summary="List a client's messages", responses=RecordPage
    )
    def by_client(self, request: Request, client_id: str) -> Response:
        """What a client wrote, newest first, each message with its answer."""
        del request
        if len(client_id) > LONGEST_CLIENT or "\x00" in client_id:
            raise NotFound
        return self._page(records_for(self.actor).filter(conversation__identity__external_id=client_id))

    @extend_schema(
        operation_id="messages_of_sector", summary="List a sector's messages", responses=RecordPage
    )
    def by_sector(self, request: Request, sector: str) -> Response:
        """What clients wrote to a sector, newest first, each message with its answer."""
        del request
        if not may_use(sector, self.actor):
            raise NotFound(_("There is no such sector."))
        return self._page(records_for(self.actor).filter(conversation__team=team_of(sector)))

    def _signed(self, name: str) -> str:
        """Returns for whom a program answers; people answer for nobody else."""
        if name and self.actor.kind != ActorKind.API_KEY and name != self.actor.name:
            raise Invalid(_("You answer under your own name."), field="operator_name")
        return name

    def _page(self, rows: "QuerySet[Message]") -> Response:
        pages = Paginator(rows.order_by("-created_at", "pk"), self.query["per_page"])
        page = self.query["page"]
        found = list(pages.page(page).object_list) if page <= pages.num_pages else []
        shown = {"messages": found, "total": pages.count, "pages": pages.num_pages, **self.query}
        return self.show(shown, RecordPage, answers=answers_of(found))

    def _record(self, message_id: UUID) -> Response:
        record = records_for(self.actor).filter(pk=message_id).first()
        answers = answers_of([record]) if record else {}
        message = record or message_by_id(message_id, actor=self.actor)
        return self.show(message, MessageRecord, answers=answers)
