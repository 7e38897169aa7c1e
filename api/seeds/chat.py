"""`/v1/chat` and `/v1/health`: one prompt, one response."""

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts.chat_callers import ChatCaller
from agents.queries import Answer
from agents.waiting import answered
from api.base import ApiViewSet
from api.fields import Strict, Text
from api.health import database
from api.idempotency import natural_id, only_same
from api.later import later
from api.pages import SAFE, not_allowed
from api.routes import both
from api.seeds.callers import ChatKeyAuthentication, MayChat, put
from api.shapes import Shown
from api.throttles import address_of
from conversations.actions.inbound import MAX_TEXT
from core.errors import Unavailable
from core.outages import DatabaseFailure
from llm.providers import choose

RETRY_SECONDS = 5


class PromptBody(Strict):
    """What a user asks, in the words of the older system."""

    userId = Text(max_length=150, help_text="Your id of the customer.")  # noqa: N815 (the older name)
    prompt = Text(max_length=MAX_TEXT)


class InteractionShape(Shown):
    """A prompt and its response, in the words of the older system."""

    interaction_id = serializers.UUIDField(help_text="The message that was stored.")
    userId = serializers.CharField()  # noqa: N815 (the older name)
    prompt = serializers.CharField()
    response = serializers.CharField()
    model = serializers.CharField(help_text="The one that wrote it, or would have.")
    timestamp = serializers.DateTimeField()


class OlderChat(ApiViewSet):
    """The chat of an older system."""

    authentication_classes = (ChatKeyAuthentication,)
    permission_classes = (MayChat,)
    # Counted by what the key or the address is, which the door knows.
    throttle_classes = ()

    def _once(self, do: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        """What is sent again is found by its id, and its answer read from the rows: nothing else is kept."""
        return do(request, *args, **kwargs)

    @extend_schema(
        operation_id="older_chat",
        summary="Ask a question, as older clients do",
        tags=["chat"],
        request=PromptBody,
        responses=InteractionShape,
    )
    def ask(self, request: Request) -> HttpResponseBase:
        """Needs `X-API-Key` unless the server was told to want none. Waits for the answer.

        Where people have the conversation the response says so. 503 when the answer takes too long: the same
        request with the same `Idempotency-Key` finds it later.
        """
        wanted = self.body(PromptBody)
        caller = request.auth if isinstance(request.auth, ChatCaller) else ChatCaller()
        client_id = natural_id(request)
        with only_same(request):
            question = put(
                caller,
                address=address_of(request),
                user_id=wanted["userId"],
                text=wanted["prompt"],
                client_id=client_id,
                seed=client_id,
            )
        return later(request, partial(_interaction, question, wanted))


async def _interaction(question: Any, wanted: dict[str, str]) -> HttpResponse:
    answer = await answered(question, seconds=settings.CHAT_WAIT_SECONDS)
    if not answer.is_final:
        raise Unavailable(_("The answer takes long; ask again."), retry_after=RETRY_SECONDS)
    return JsonResponse(interaction(answer, **wanted))


def interaction(answer: Answer, *, userId: str, prompt: str) -> dict[str, Any]:  # noqa: N803 (the older name)
    """Returns an answer in the shape of the older system."""
    said = answer.message
    return {
        "interaction_id": str(answer.question.pk),
        "userId": userId,
        "prompt": prompt,
        "response": said.text if said else _("A person from our team will answer you."),
        "model": (answer.run.model if answer.run else "") or choose(settings.LLM).model,
        "timestamp": (said or answer.question).created_at.isoformat(),
    }


def health(request: HttpRequest) -> HttpResponse:
    """Whether the server answers and has its database, with its version; open to everybody."""
    if request.method not in SAFE:
        return not_allowed(request)
    try:
        database()
    except DatabaseFailure:
        status = "unavailable"
    else:
        status = "ok"
    body = {"status": status, "version": settings.VERSION, "timestamp": timezone.now().isoformat()}
    response = JsonResponse(body, status=200 if status == "ok" else 503)
    response["Cache-Control"] = "no-store"
    return response


addresses: list[URLPattern] = [
    *both("v1/chat", OlderChat.as_view({"post": "ask"}), "older-chat"),
    *both("v1/health", health, "older-health"),
]
