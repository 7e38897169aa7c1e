"""What may be said of AI agents, and what is shown of them and of what they did."""

from typing import Any, get_args

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.actions.definitions import LONGEST_PERSONA
from agents.enums import RunStatus, Verdict
from agents.models import Agent
from api.fields import LARGEST_ID, Count, Flag, PageQuery, Strict, Text
from api.shapes import Shown
from api.shown.common import ChoiceSerializer, CitationSerializer, ReasonField
from conversations.models import Inbox
from llm.loop import EndedBy
from llm.tools import Effect

MOST_TOOLS, MOST_INBOXES, MOST_STEPS = 50, 500, 8
LONGEST_QUESTION = 4_000
NUMBERS = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID, "example": 1}


@extend_schema_field({"type": "array", "items": NUMBERS, "maxItems": MOST_INBOXES, "uniqueItems": True})
class InboxIds(serializers.Field[list[Inbox], Any, list[int], Any]):
    """Inboxes that the actor may see, by their numbers; one query for all."""

    default_error_messages = {
        "not_a_list": _("Send a list of numbers."),
        "twice": _("Name each of them once."),
        "missing": _("There is no such inbox, or you may not see it."),
    }

    def to_internal_value(self, data: Any) -> list[Inbox]:
        """Returns the inboxes."""
        if not isinstance(data, list) or len(data) > MOST_INBOXES:
            self.fail("not_a_list")
        if not all(_is_number(each) for each in data):
            self.fail("missing")
        found = list(Inbox.objects.visible_to(self.context["actor"]).filter(pk__in=data))
        if len(set(data)) != len(data):
            self.fail("twice")
        if len(found) != len(data):
            self.fail("missing")
        return found

    def to_representation(self, value: list[Inbox]) -> list[int]:
        """Returns the numbers."""
        return [inbox.pk for inbox in value]


class AgentQuery(PageQuery):
    """Which agents, in which order."""

    inbox = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    is_active = serializers.ChoiceField(choices=("true", "false"), required=False)
    ordering = serializers.ChoiceField(choices=["id", "-id", "updated_at", "-updated_at"], default="id")


class RunQuery(PageQuery):
    """Which runs, in which order."""

    status = serializers.ChoiceField(choices=RunStatus.choices, required=False)
    conversation = serializers.UUIDField(required=False)
    ordering = serializers.ChoiceField(choices=["-started_at", "started_at"], default="-started_at")


class AgentWords(Strict):
    """What may be said of any agent."""

    persona = Text(
        max_length=LONGEST_PERSONA, required=False, allow_blank=True, help_text="Tone and house rules."
    )
    model = Text(
        max_length=120, required=False, allow_blank=True, help_text="Empty: the one the settings choose."
    )
    tools = serializers.ListField(
        child=Text(max_length=60),
        max_length=MOST_TOOLS,
        required=False,
        help_text="Names out of `GET /agents/tools`: all it may call.",
    )
    inboxes = InboxIds(required=False, help_text="All in which it answers.")
    max_steps = Count(
        required=False, min_value=1, max_value=MOST_STEPS, help_text="Tool calls in one answer."
    )
    is_active = Flag(required=False)


class NewAgent(AgentWords):
    """An agent to be made."""

    name = Text(max_length=40, help_text="What customers read; each name once.")


class AgentChange(AgentWords):
    """What shall be different; what is left out stays."""

    name = Text(max_length=40, required=False)


class AgentQuestion(Strict):
    """What a customer might ask."""

    message = Text(max_length=LONGEST_QUESTION)


class AgentSerializer(Shown):
    """An AI agent."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    persona = serializers.CharField(help_text="May be empty.")
    model = serializers.CharField(help_text="Empty: the one the settings choose.")
    tools = serializers.ListField(child=serializers.CharField())
    inboxes = serializers.SerializerMethodField(help_text="Those of its inboxes that you may see.")
    max_steps = serializers.IntegerField()
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_inboxes(self, agent: Agent) -> list[int]:
        """Returns their numbers, as `agents_for` found them."""
        return [inbox.pk for inbox in agent.seen_inboxes]  # type: ignore[attr-defined]


class ToolSerializer(Shown):
    """Something that agents may be given to call."""

    name = serializers.CharField()
    description = serializers.CharField(help_text="What the model is told.")
    only_reads = serializers.BooleanField(help_text="It changes nothing.")
    effect = serializers.ChoiceField(
        choices=[each.value for each in Effect],
        help_text="What is `dangerous` waits for a colleague, unless a policy says otherwise.",
    )
    arguments = serializers.DictField(help_text="JSON schema.")


class NamedAgentSerializer(Shown):
    """An agent in short."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class RunSerializer(Shown):
    """One answer in the making, from the customer's message to the agent's, or to a hand-over."""

    id = serializers.UUIDField()
    agent = NamedAgentSerializer()
    conversation = serializers.UUIDField(source="conversation_id")
    status = serializers.ChoiceField(choices=RunStatus.choices)
    attempt = serializers.IntegerField(help_text="Above 1: it was interrupted, and went on.")
    up_to_seq = serializers.IntegerField(help_text="The event up to which it answers.")
    model = serializers.CharField(help_text="Empty until one has answered.")
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=12, decimal_places=6, help_text="US dollars.")
    detail = ReasonField(help_text="Why it failed, or who stopped it; may be empty.")
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class TriedStepSerializer(Shown):
    """One tool call."""

    number = serializers.IntegerField()
    tool = serializers.CharField()
    arguments = serializers.CharField(help_text="As the model gave them: JSON, perhaps broken.")
    result = serializers.CharField(help_text="What the model was told.")
    failed = serializers.BooleanField(help_text="It was refused.")


class StepSerializer(TriedStepSerializer):
    """One tool call of a run."""

    citations = CitationSerializer(many=True)
    effect = serializers.CharField(
        help_text="The tool's class at that time; empty for a tool that there is not."
    )
    verdict = serializers.ChoiceField(choices=Verdict.choices, help_text="What the policy said.")
    approved_by = serializers.CharField(help_text="Who decided, where a colleague was asked; else empty.")
    created_at = serializers.DateTimeField()


class RunFileSerializer(RunSerializer):
    """A run with its steps."""

    steps = StepSerializer(many=True)


class TriedSerializer(Shown):
    """What an agent answered to nobody."""

    text = serializers.CharField()
    citations = CitationSerializer(many=True)
    choices = ChoiceSerializer(many=True)
    steps = TriedStepSerializer(many=True)
    model = serializers.CharField()
    ended_by = serializers.ChoiceField(
        choices=get_args(EndedBy), help_text="Anything but `answer`: a limit was met; the text may be cut."
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_ID
