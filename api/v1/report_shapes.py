"""What reports look like: lines of figures, one for each step, or for each step and group."""

from rest_framework import serializers

from api.shapes import Shown
from core.spans import Step

SECONDS = "Seconds; null where there were none."


class LineSerializer(Shown):
    """A step, and a group where rows are told apart."""

    start = serializers.DateField(help_text="The first day of the step; it may lie before `since`.")
    group = serializers.CharField(
        allow_null=True, help_text="Short name of a team, channel, or number of an inbox, person or agent."
    )
    name = serializers.CharField(allow_null=True, help_text="What people call the group.")


class ConversationLine(LineSerializer):
    """Conversations of a step."""

    opened = serializers.IntegerField()
    resolved = serializers.IntegerField()


class TimeLine(LineSerializer):
    """How long things took in a step."""

    conversations = serializers.IntegerField()
    median = serializers.FloatField(allow_null=True, help_text=SECONDS)
    p90 = serializers.FloatField(allow_null=True, help_text="Nine of ten took less. " + SECONDS)


class OperatorLine(LineSerializer):
    """What an operator did in a step."""

    replies = serializers.IntegerField()
    resolved = serializers.IntegerField()
    median = serializers.FloatField(allow_null=True, help_text="To the first reply. " + SECONDS)
    p90 = serializers.FloatField(allow_null=True, help_text="Nine of ten waited less. " + SECONDS)


class AgentLine(LineSerializer):
    """What AI agents did in a step."""

    runs = serializers.IntegerField()
    answered = serializers.IntegerField()
    alone = serializers.IntegerField(help_text="Conversations that were answered and never handed over.")
    handed_over = serializers.IntegerField()
    failed = serializers.IntegerField()
    helpful = serializers.IntegerField(help_text="Answers of which customers said that they helped.")
    not_helpful = serializers.IntegerField(help_text="Answers of which customers said that they did not.")
    helpful_share = serializers.FloatField(
        allow_null=True,
        help_text="The share of the helpful ones in both, from 0 to 1; null where nobody said.",
    )
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cost = serializers.DecimalField(max_digits=None, decimal_places=6, help_text="US dollars.")


class TicketLine(LineSerializer):
    """Tickets of a step."""

    opened = serializers.IntegerField()
    solved = serializers.IntegerField()
    backlog = serializers.IntegerField(allow_null=True, help_text="Left at the end of the step.")


class ConversationsNow(Shown):
    """Conversations that are not resolved, at present."""

    bot = serializers.IntegerField(help_text="An AI agent answers.")
    open = serializers.IntegerField()
    snoozed = serializers.IntegerField()


class TicketsNow(Shown):
    """Tickets on which work is left, at present."""

    new = serializers.IntegerField()
    open = serializers.IntegerField()
    pending = serializers.IntegerField()


class ReasonSerializer(Shown):
    """Why people were needed, and how often."""

    reason = serializers.CharField()
    count = serializers.IntegerField()


class Report(Shown):
    """Figures of a stretch of days."""

    since = serializers.DateField()
    until = serializers.DateField()
    step = serializers.ChoiceField(choices=[step.value for step in Step])
    zone = serializers.CharField()


class ConversationReport(Report):
    """Conversations begun and resolved."""

    lines = ConversationLine(many=True)
    now = ConversationsNow()


class TimeReport(Report):
    """How long something took."""

    lines = TimeLine(many=True)


class OperatorReport(Report):
    """What operators did."""

    lines = OperatorLine(many=True)


class AgentReport(Report):
    """What AI agents did."""

    lines = AgentLine(many=True)
    reasons = ReasonSerializer(many=True, help_text="The twenty most frequent.")


class TicketReport(Report):
    """Tickets opened and solved."""

    lines = TicketLine(many=True)
    now = TicketsNow()
