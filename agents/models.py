"""Agents, their runs and the steps of a run."""

import uuid
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from accounts.models import Team, User
from agents.enums import (
    ApprovalStatus,
    BudgetScope,
    Reuse,
    RunStatus,
    SuggestionKind,
    SuggestionStatus,
    Verdict,
)
from conversations.models import Contact, Conversation, Inbox
from core.actor import Actor, ActorKind
from core.encryption import EncryptedJSONField
from llm.embedding import DIMENSIONS


def default_tools() -> list[str]:
    """What a new agent may call."""
    return ["search_knowledge", "offer_choices", "create_ticket", "hand_over"]


def empty_schema() -> dict[str, Any]:
    """The arguments of a tool that takes none."""
    return {"type": "object", "properties": {}, "required": []}


class AgentQuerySet(models.QuerySet["Agent"]):
    """The one door to agents for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see: admins all, staff those of their inboxes and those of none."""
        if actor.is_admin:
            return self
        if not actor.is_staff:
            return self.none()
        seen = Agent.inboxes.through.objects.filter(inbox__in=Inbox.objects.visible_to(actor))
        answers = Agent.inboxes.through.objects.filter(agent=OuterRef("pk"))
        return self.filter(Exists(answers.filter(pk__in=seen.values("pk"))) | ~Exists(answers))


class Agent(models.Model):
    """An AI agent: who it is, which model speaks, what it may call, where it answers."""

    name = models.CharField(_("name"), max_length=40)
    persona = models.TextField(
        _("persona"), blank=True, help_text=_("Tone and house rules, in your own words. May stay empty.")
    )
    model = models.CharField(
        _("model"), max_length=120, blank=True, help_text=_("Empty: the one the settings choose.")
    )
    tools = ArrayField(
        models.CharField(max_length=60), verbose_name=_("tools"), default=default_tools, blank=True
    )
    inboxes = models.ManyToManyField(Inbox, verbose_name=_("inboxes"), related_name="agents", blank=True)
    max_steps = models.PositiveSmallIntegerField(_("most steps in a run"), default=8)
    reuse = models.CharField(
        _("reuse answers"),
        max_length=10,
        choices=Reuse,
        default=Reuse.STRANGERS,
        db_default=Reuse.STRANGERS,
        help_text=_("The first question of a conversation, asked before, and answered from public articles."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Also when its inboxes change, which stand in a table of their own.
    updated_at = models.DateTimeField(_("changed"), auto_now=True, db_default=Now())

    objects: ClassVar[models.Manager["Agent"]] = AgentQuerySet.as_manager()

    class Meta:
        verbose_name = _("AI agent")
        verbose_name_plural = _("AI agents")
        ordering = ("name", "pk")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(max_steps__range=(1, 8)), name="agent_steps_1_to_8"),
        ]

    def __str__(self) -> str:
        return self.name

    def as_actor(self) -> Actor:
        """Returns the agent as the `by=` of an action; it may see nothing by itself."""
        return Actor(ActorKind.AGENT, str(self.pk), self.name)


class ToolPolicy(models.Model):
    """What an agent's use of a tool is bound to. Where nothing is said, the tool's own defaults hold."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="policies")
    tool = models.CharField(_("tool"), max_length=60)
    needs_verification = models.BooleanField(
        _("verified customers only"), null=True, blank=True, help_text=_("Their identity must be proven.")
    )
    needs_approval = models.BooleanField(
        _("ask a colleague"),
        null=True,
        blank=True,
        help_text=_("Each call waits until an operator approves it."),
    )
    # Empty: as often as the model asks.
    most_per_conversation = models.PositiveSmallIntegerField(
        _("most in a conversation"), null=True, blank=True
    )
    most_per_day = models.PositiveSmallIntegerField(_("most for a customer in a day"), null=True, blank=True)

    class Meta:
        verbose_name = _("rule for a tool")
        verbose_name_plural = _("rules for tools")
        ordering = ("agent", "tool")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "tool"], name="toolpolicy_once_per_agent"),
        ]

    def __str__(self) -> str:
        return self.tool


class Budget(models.Model):
    """How much an agent may use of models. Where nothing is said, `agents.budgets.USUAL` holds."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="budgets")
    scope = models.CharField(_("for"), max_length=12, choices=BudgetScope)
    tokens = models.PositiveIntegerField(
        _("tokens"), null=True, blank=True, help_text=_("In and out together. Empty: as many as it takes.")
    )
    cost = models.DecimalField(
        _("US dollars"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        ordering = ("agent", "pk")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "scope"], name="budget_once_per_scope"),
            models.CheckConstraint(condition=Q(cost=None) | Q(cost__gte=0), name="budget_cost_not_negative"),
        ]

    def __str__(self) -> str:
        return self.get_scope_display()


class HttpTool(models.Model):
    """A system that agents may ask or change over HTTP. Which of them may, their own list says."""

    class Method(models.TextChoices):
        """How the system is asked."""

        GET = "GET", "GET"
        POST = "POST", "POST"
        PUT = "PUT", "PUT"
        PATCH = "PATCH", "PATCH"
        DELETE = "DELETE", "DELETE"

    class Effects(models.TextChoices):
        """The classes of `llm.tools.Effect`."""

        READ = "read", _("reads")
        WRITE = "write", _("writes")
        DANGEROUS = "dangerous", _("dangerous: a person is asked first")

    name = models.CharField(
        _("name"),
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]{2,59}$", _("Lower-case letters, digits and _ ."))],
        help_text=_("What the model calls it by, such as order_status."),
    )
    description = models.TextField(
        _("description"),
        max_length=1_000,
        help_text=_("Tells the model what it does and when to use it."),
    )
    method = models.CharField(_("method"), max_length=6, choices=Method, default=Method.GET)
    url = models.CharField(
        _("address"),
        max_length=1_000,
        help_text=_(
            "Arguments stand in braces: https://shop.example/orders/{number}. {contact_email}, "
            "{contact_phone}, {contact_id} and {conversation_id} come from the conversation, never from the "
            "model."
        ),
    )
    parameters: "models.JSONField[Any, Any]" = models.JSONField(
        _("arguments"), default=empty_schema, help_text=_("JSON schema of an object.")
    )
    headers = EncryptedJSONField(_("secret headers"), default=dict, blank=True)
    effect = models.CharField(_("class"), max_length=10, choices=Effects, default=Effects.READ)
    needs_verification = models.BooleanField(
        _("verified customers only"), default=True, help_text=_("Their identity must be proven.")
    )
    is_idempotent = models.BooleanField(
        _("honours Idempotency-Key"),
        default=False,
        help_text=_("The system does a call with the same key only once."),
    )
    # A run may take 75 seconds and one tool more; the customer has a final word within 90.
    seconds = models.PositiveSmallIntegerField(
        _("longest wait in seconds"), default=8, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    is_active = models.BooleanField(_("active"), default=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("HTTP tool")
        verbose_name_plural = _("HTTP tools")
        ordering = ("name",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(seconds__range=(1, 12)), name="httptool_seconds_1_to_12"),
        ]

    def __str__(self) -> str:
        return self.name


class RunQuerySet(models.QuerySet["Run"]):
    """The one door to runs for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to the runs of conversations that a member of staff, or a key, may see."""
        if actor.is_admin:
            return self
        seen = Conversation.objects.visible_to(actor)
        return self.filter(conversation__in=seen) if actor.is_staff else self.none()


class Run(models.Model):
    """One answer in the making: from the customer's last message to the agent's, or to a hand-over.

    A run that was killed is continued by the next attempt: its finished steps are not done again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # What was done in a company's name stays known: an agent that has answered is switched off, not deleted.
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="runs", verbose_name=_("agent"))
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="runs")
    status = models.CharField(_("status"), max_length=12, choices=RunStatus, default=RunStatus.RUNNING)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    # The customer's message up to which this run answers.
    up_to_seq = models.PositiveIntegerField()
    model = models.CharField(_("model"), max_length=120, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(
        _("cost"), max_digits=12, decimal_places=6, default=0, help_text=_("US dollars.")
    )
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    # The run whose answer was given again: no model was asked.
    reused_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("reused from")
    )
    # What each sentence of the answer rests on (`agents.grounding.Check`).
    checks: "models.JSONField[Any, Any]" = models.JSONField(_("checks"), default=list, blank=True)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects: ClassVar[models.Manager["Run"]] = RunQuerySet.as_manager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(status=RunStatus.RUNNING),
                name="run_one_at_a_time_per_conversation",
            ),
            models.CheckConstraint(
                condition=Q(status=RunStatus.RUNNING, finished_at=None)
                | (~Q(status=RunStatus.RUNNING) & Q(finished_at__isnull=False)),
                name="run_finished_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "-up_to_seq"], name="run_of_conversation"),
            models.Index(fields=["-started_at"], name="run_newest"),
            models.Index(fields=["agent", "-started_at", "-id"], name="run_newest_of_agent"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.status} {self.started_at:%Y-%m-%d %H:%M}"


class Charge(models.Model):
    """What one call of a model takes from an agent's budgets: set aside before it, what it came to after it.

    A call whose worker died keeps what was set aside: its provider may well have counted it. Outlives the
    conversation, since what is spent stays spent.
    """

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+")
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="charges")
    conversation = models.ForeignKey(Conversation, models.SET_NULL, null=True, related_name="+")
    contact = models.ForeignKey(Contact, models.SET_NULL, null=True, related_name="+")
    model = models.CharField(_("model"), max_length=200)
    prompt_tokens = models.PositiveIntegerField(_("tokens in"))
    completion_tokens = models.PositiveIntegerField(_("tokens out"))
    cost = models.DecimalField(_("cost in US dollars"), max_digits=12, decimal_places=6)
    is_settled = models.BooleanField(_("counted"), default=False)
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)

    class Meta:
        verbose_name = _("call of a model")
        verbose_name_plural = _("calls of models")
        ordering = ("pk",)
        indexes: ClassVar = [
            models.Index(fields=["contact", "created_at"], name="charge_of_contact"),
            # A month's sum is read from the index alone.
            models.Index(
                fields=["agent", "created_at"],
                include=["prompt_tokens", "completion_tokens", "cost"],
                name="charge_of_agent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.cost}"


class KnownAnswer(models.Model):
    """An answer that is given again to whoever asks the same; see `agents.reuse`."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="+")
    # Gone with its conversation, for it holds a customer's words.
    run = models.OneToOneField(Run, models.CASCADE, related_name="+")
    # What it depended on (`agents.reuse.version`).
    version = models.CharField(max_length=64)
    language = models.CharField(max_length=10)
    question = models.TextField()
    vector: Any = HalfVectorField(dimensions=DIMENSIONS)
    text = models.TextField()
    citations: "models.JSONField[Any, Any]" = models.JSONField(default=list)
    choices: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    model = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("known answer")
        verbose_name_plural = _("known answers")
        indexes: ClassVar = [
            models.Index(fields=["agent", "version", "language"], name="known_answer_that_holds"),
            models.Index(fields=["agent", "created_at"], name="known_answer_oldest"),
        ]

    def __str__(self) -> str:
        return self.question[:60]


class Memory(models.Model):
    """What was said in a conversation since its last resolve, in short, up to one of its messages."""

    conversation = models.OneToOneField(Conversation, models.CASCADE, related_name="memory")
    # Where the conversation's context began then; another one makes this worthless.
    from_seq = models.PositiveIntegerField()
    up_to_seq = models.PositiveIntegerField()
    text = models.TextField(_("text"))
    model = models.CharField(_("model"), max_length=200)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("memory")
        verbose_name_plural = _("memories")

    def __str__(self) -> str:
        return self.text[:60]


class Step(models.Model):
    """One tool call of a run, written in the same transaction as its effect: done once or not at all."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField(_("number"))
    tool = models.CharField(_("tool"), max_length=64)
    call_id = models.CharField(max_length=120, blank=True)
    arguments = models.TextField(_("arguments"), blank=True)
    result = models.TextField(_("result"), blank=True)
    citations: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    choices: "models.JSONField[Any, Any]" = models.JSONField(default=list, blank=True)
    ends_run = models.BooleanField(default=False)
    failed = models.BooleanField(_("refused"), default=False)
    # What the tool's class was then, what the policy said, and who approved it: kept though all may change.
    effect = models.CharField(_("class"), max_length=10, blank=True, default="", db_default="")
    verdict = models.CharField(
        _("verdict"), max_length=12, choices=Verdict, default=Verdict.ALLOWED, db_default=Verdict.ALLOWED
    )
    approved_by = models.CharField(_("decided by"), max_length=120, blank=True, default="", db_default="")
    # Names the call to whoever is asked: the same after a restart.
    key = models.CharField(max_length=100, blank=True, default="", db_default="")
    # False while somebody else's system is asked; the result says then that nothing is known.
    is_settled = models.BooleanField(_("answered"), default=True, db_default=True)
    created_at = models.DateTimeField(_("done"), auto_now_add=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ("run", "number")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="step_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.tool}"


class ApprovalQuerySet(models.QuerySet["Approval"]):
    """The one door to approvals for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to calls in conversations that a member of staff, or a key, may see."""
        if actor.is_admin:
            return self
        seen = Conversation.objects.visible_to(actor)
        return self.filter(conversation__in=seen) if actor.is_staff else self.none()

    def open(self) -> Self:
        """Narrows to those that may still have an effect: not decided, or approved and not carried out."""
        return self.filter(status__in=(ApprovalStatus.PENDING, ApprovalStatus.APPROVED), told_at=None)

    def untold(self) -> Self:
        """Narrows to those that a person has decided and no run has been told of yet."""
        return self.filter(status__in=(ApprovalStatus.APPROVED, ApprovalStatus.REFUSED), told_at=None)


class Approval(models.Model):
    """A tool call that waits for a person, with the very arguments that will be used."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, models.CASCADE, related_name="approvals", verbose_name=_("run"))
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="approvals", verbose_name=_("conversation")
    )
    tool = models.CharField(_("tool"), max_length=64)
    call_id = models.CharField(max_length=120, blank=True)
    arguments = models.TextField(_("arguments"))
    status = models.CharField(
        _("status"), max_length=10, choices=ApprovalStatus, default=ApprovalStatus.PENDING
    )
    asked_at = models.DateTimeField(_("asked"), auto_now_add=True)
    expires_at = models.DateTimeField(_("waits until"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("operator")
    )
    decided_by_name = models.CharField(_("decided by"), max_length=120, blank=True)
    # When a run took the decision in: after that it has no further effect.
    told_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager["Approval"]] = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ("-asked_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "tool"],
                condition=Q(status=ApprovalStatus.PENDING),
                name="approval_one_pending_per_tool",
            ),
            models.CheckConstraint(
                condition=Q(status=ApprovalStatus.PENDING, decided_at=None)
                | (~Q(status=ApprovalStatus.PENDING) & Q(decided_at__isnull=False)),
                name="approval_decided_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "status"], name="approval_of_conversation"),
            models.Index(fields=["status", "expires_at"], name="approval_due"),
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.status}"


class EvaluationCaseQuerySet(models.QuerySet["EvaluationCase"]):
    """The one door to cases of one's own for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to what the actor may see: admins all, who leads those of their teams and of none."""
        if actor.is_admin:
            return self
        if not (actor.is_staff and actor.leads):
            return self.none()
        return self.filter(Q(team=None) | Q(team__in=actor.team_ids))


class EvaluationCase(models.Model):
    """A conversation to measure agents by, as the text of a suite's file (docs/evaluation.md).

    Masked when it was made: it outlives the conversation it was made of, and its customer.
    """

    name = models.SlugField(_("id"), max_length=80, unique=True, editable=False)
    title = models.CharField(_("title"), max_length=200, editable=False)
    text = models.TextField(_("case"), help_text=_("YAML."))
    team = models.ForeignKey(
        Team, models.SET_NULL, verbose_name=_("team"), related_name="+", null=True, blank=True
    )
    conversation = models.ForeignKey(
        Conversation,
        models.SET_NULL,
        verbose_name=_("made of"),
        related_name="+",
        null=True,
        editable=False,
    )
    made_by = models.CharField(_("made by"), max_length=150, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects: ClassVar[models.Manager["EvaluationCase"]] = EvaluationCaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("evaluation case")
        verbose_name_plural = _("evaluation cases")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.title


class SuggestionQuerySet(models.QuerySet["Suggestion"]):
    """The one door to suggestions for an actor."""

    def visible_to(self, actor: Actor) -> Self:
        """Narrows to suggestions for conversations that a member of staff, or a key, may see."""
        if actor.is_admin:
            return self
        seen = Conversation.objects.visible_to(actor)
        return self.filter(conversation__in=seen) if actor.is_staff else self.none()


class Suggestion(models.Model):
    """What was written for an operator, and what they made of it. It is never sent by itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="suggestions", verbose_name=_("conversation")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=SuggestionKind)
    status = models.CharField(
        _("status"), max_length=10, choices=SuggestionStatus, default=SuggestionStatus.OFFERED
    )
    text = models.TextField(_("text"), blank=True)
    # What `[1]` in the text stands for, in that order (`agents.copilot.drafting.Source`).
    sources: "models.JSONField[Any, Any]" = models.JSONField(_("sources"), default=list, blank=True)
    # Sentences that nothing supported.
    left_out: "models.JSONField[Any, Any]" = models.JSONField(_("left out"), default=list, blank=True)
    # The last message that was read for it: after another one it is out of date.
    up_to_seq = models.PositiveIntegerField()
    language = models.CharField(_("language"), max_length=20, blank=True)
    by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("operator")
    )
    model = models.CharField(_("model"), max_length=200, blank=True)
    cost = models.DecimalField(
        _("cost"), max_digits=12, decimal_places=6, default=0, help_text=_("US dollars.")
    )
    created_at = models.DateTimeField(_("suggested"), auto_now_add=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    objects: ClassVar[models.Manager["Suggestion"]] = SuggestionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suggestion")
        verbose_name_plural = _("suggestions")
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status=SuggestionStatus.OFFERED, decided_at=None)
                | (~Q(status=SuggestionStatus.OFFERED) & Q(decided_at__isnull=False)),
                name="suggestion_decided_has_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["conversation", "kind", "-created_at"], name="suggestion_of_conversation"),
            models.Index(fields=["-created_at"], name="suggestion_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"
