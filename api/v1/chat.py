"""One question, one answer: the whole spine for a program that only wants to ask."""

import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils.translation import get_language_from_request
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from agents.queries import Answer
from agents.waiting import answered, answering
from api.asking import CHANNELS, ask, chat_inbox, check_customer_pace, named, newcomer
from api.base import ApiViewSet
from api.fields import ConversationId, Flag, Id, Strict, Text
from api.idempotency import natural_id, only_same, owner_of
from api.later import later
from api.routes import both
from api.throttles import ChatPerMinute, PerMinute
from api.v1.chat_shapes import ChatAnswerShape, asked_shape
from api.v1.conversation_events import STREAM, wants_stream
from conversations.actions import Sender
from conversations.actions.inbound import MAX_TEXT
from conversations.models import Conversation, Inbox, Message
from core.errors import HelpdeskError, Unavailable
from core.outages import DatabaseFailure
from core.sse import HEARTBEAT, event_stream, json_event

logger = logging.getLogger(__name__)
# The agent has its last word within 90.
STREAM_SECONDS = 100


class ChatContact(Strict):
    """The customer for whom something is asked, as your program knows them."""

    external_id = Text(max_length=150, help_text="Your id: the same one leads to the same conversation.")
    name = Text(max_length=120, required=False, allow_blank=True)
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    locale = Text(max_length=12, required=False, allow_blank=True, help_text="Such as `pt-BR`.")


class ChatBody(Strict):
    """What a customer asks."""

    message = Text(max_length=MAX_TEXT)
    contact = ChatContact(required=False, help_text="Left out, with no conversation: somebody new.")
    conversation = ConversationId(required=False, help_text="Goes on in it, as its customer.")
    client_id = Id(required=False, help_text="Your id for the message: sent again, it is stored once.")
    stream = Flag(default=False, help_text="Answer with server-sent events, as `Accept` asks for, too.")

    def validate_conversation(self, conversation: Conversation) -> Conversation:
        """Takes one of a channel in which programs ask: what is said elsewhere, customers say themselves."""
        if conversation.inbox.channel not in CHANNELS:
            raise serializers.ValidationError(_("In this conversation only its customer asks."))
        return conversation

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Takes a customer in one way."""
        if {"contact", "conversation"} <= set(attrs):
            raise serializers.ValidationError({"contact": _("The conversation has its customer.")})
        return attrs


class Chat(ApiViewSet):
    """Questions of customers, asked by programs."""

    throttle_classes = (PerMinute, ChatPerMinute)

    def _once(self, do: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        """What is sent again is found by its id, and its answer read from the rows: nothing else is kept."""
        return do(request, *args, **kwargs)

    @extend_schema(
        operation_id="chat",
        summary="Ask a question",
        request=ChatBody,
        responses={
            (200, "application/json"): ChatAnswerShape,
            (200, STREAM): OpenApiTypes.STR,
            202: OpenApiResponse(ChatAnswerShape, "Stored, and not answered yet: follow `events`."),
        },
    )
    def ask(self, request: Request) -> HttpResponseBase:
        """Stores what the customer says and answers with what the AI agent replies, or a person before it.

        Where people have the conversation the answer comes at once: its `status`, and no text. A stream tells
        `asked`, `delta` while the answer is written, and at last `done`, or `pending` after a long time. Who
        hangs up stops nothing.
        """
        wanted = self.body(ChatBody)
        with only_same(request):
            question = self._stored(wanted)
        if wanted["stream"] or wants_stream(request):
            return event_stream(told(question))
        return later(request, partial(answer_response, question))

    def _stored(self, wanted: dict[str, Any]) -> Message:
        client_id = wanted.get("client_id") or natural_id(self.request)
        if conversation := wanted.get("conversation"):
            inbox, known = conversation.inbox, conversation.identity
            sender = Sender(known.external_id, is_verified=known.is_verified)
        else:
            inbox = chat_inbox(by=self.actor)
            sender = self._sender(inbox, wanted.get("contact"), client_id)
        check_customer_pace(inbox, sender.external_id)
        return ask(inbox=inbox, sender=sender, text=wanted["message"], client_id=client_id)

    def _sender(self, inbox: Inbox, contact: dict[str, str] | None, client_id: UUID | None) -> Sender:
        if contact is None:
            seed = client_id and f"{owner_of(self.request)}:{client_id}"
            return Sender(newcomer(seed), locale=_language(self.request))
        return Sender(
            named(inbox, contact["external_id"]),
            name=contact.get("name", ""),
            email=contact.get("email", ""),
            locale=contact.get("locale") or _language(self.request),
            is_verified=True,
        )


def _language(request: Request) -> str:
    """Returns the language that a caller names; programs seldom do."""
    return get_language_from_request(request) if "Accept-Language" in request.headers else ""


async def answer_response(question: Message) -> HttpResponse:
    """Waits for the answer; 202 when it takes too long."""
    answer = await answered(question, seconds=settings.CHAT_WAIT_SECONDS)
    response = JsonResponse(ChatAnswerShape.told(answer), status=200 if answer.is_final else 202)
    if not answer.is_final:
        response["Location"] = asked_shape(question)["events"]
    return response


async def told(question: Message) -> AsyncIterator[str]:
    """The answer as server-sent events, while it is written and when it is done."""
    yield json_event(asked_shape(question), name="asked")
    try:
        async for each in answering(question, seconds=STREAM_SECONDS):
            if isinstance(each, Answer):
                yield json_event(ChatAnswerShape.told(each), name="done" if each.is_final else "pending")
            else:
                yield HEARTBEAT if each["type"] == "ping" else json_event(each, name="delta")
    except (HelpdeskError, DatabaseFailure) as failure:
        logger.warning("an answer could not be told", exc_info=True)
        error = failure if isinstance(failure, HelpdeskError) else Unavailable()
        yield json_event({"type": "error", "code": error.code, "detail": error.detail}, name="error")


addresses: list[URLPattern] = both("chat", Chat.as_view({"post": "ask"}), "chat")
