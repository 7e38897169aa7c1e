"""Playing a case: its cast is set up, its customer writes, the agent's job runs, and what came of it is read.

Everything goes through the actions that real messages take; the job is run as a worker would, if and only if
one was planned.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import Team
from agents.enums import Reuse
from agents.evaluation.apart import clock, empty
from agents.evaluation.cases import Case, KnownArticle, Other, StandIn
from agents.evaluation.tape import Exchange, Tape
from agents.models import Agent, Run, Step
from agents.tasks import answer
from conversations.actions import hand_over, note, receive
from conversations.enums import AuthorKind
from conversations.exchange import Incoming, Sender, Thread
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor
from core.reasons import in_english
from core.threads import in_thread
from knowledge.actions import import_demo
from knowledge.actions.articles import index_articles
from knowledge.enums import ArticleStatus, Language
from knowledge.languages import detect
from knowledge.models import Article
from llm import breaker, tap
from llm.tools import Effect, Tool, ToolContext, ToolResult, added
from tickets.actions import create_ticket
from tickets.models import Ticket

TEAMS = ("support", "finance", "sales")
# A customer is answered again only for what they wrote meanwhile, and here nobody does.
MOST_JOBS = 3
CUSTOMER = "customer"
PLANNED = """
DELETE FROM procrastinate_jobs WHERE task_name = %s AND status = 'todo' AND args->>'conversation_id' = %s
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer as the customer reads it."""

    text: str
    cites: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Called:
    """One tool call of a run, and what came of it."""

    tool: str
    arguments: str
    result: str
    failed: bool


@dataclass(slots=True)
class Played:
    """What came of a turn: answers, calls, and where the conversation stands."""

    says: str
    said: list[Said] = field(default_factory=list)
    calls: list[Called] = field(default_factory=list)
    status: str = ""
    runs: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    tokens: int = 0
    cost: Decimal = Decimal(0)
    tickets: list[dict[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Performance:
    """What came of a case. `touched`: somebody else's matters changed, which nothing may cause."""

    turns: list[Played] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    title_of: dict[str, str] = field(default_factory=dict)


class Stage:
    """Where cases are played one after the other; knows which knowledge is indexed already."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self.knowledge: tuple[bool, tuple[KnownArticle, ...]] | None = None

    async def play(self, case: Case, tape: Tape, model: str) -> Performance:
        """Plays a case from an empty database on; raises what no customer would ever be shown."""
        performance = Performance(title_of={article.id: article.title for article in case.articles})
        breaker.reset()
        with clock(case.time), _stand_ins(case.tools), tap.tapped(tape.pieces):
            inbox = await in_thread(self._set_up, case, model)
            before = await in_thread(_others_matters)
            for number in range(1, len(case.turns) + 1):
                tape.begin_turn(number)
                performance.turns.append(await _play_turn(case, number, inbox))
            after = await in_thread(_others_matters)
        performance.touched = [who for who, matters in before.items() if after.get(who) != matters]
        performance.exchanges = tape.exchanges
        return performance

    def _set_up(self, case: Case, model: str) -> Inbox:
        wanted = (case.demo, case.articles)
        keep = self.knowledge == wanted
        empty(keep_knowledge=keep)
        if not keep:
            _store_knowledge(case)
            self.knowledge = wanted
        teams = [Team.objects.create(slug=slug, name=slug.title()) for slug in TEAMS]
        inbox = Inbox.objects.create(name="Shop", channel=case.channel, team=teams[0], agent_name="Lia")
        agent = Agent.objects.create(name="Lia", persona=case.persona, model=model, reuse=Reuse.NEVER)
        agent.tools = [*agent.tools, *(made.name for made in case.tools)]
        agent.save()
        _set_up_others(case.others, inbox)
        # Only now: the matters of others are told, not played.
        agent.inboxes.add(inbox)
        return inbox


def _store_knowledge(case: Case) -> None:
    if case.demo:
        import_demo()
        return
    rows = [
        Article(
            title=article.title,
            body=article.text,
            language=article.language or detect(f"{article.title}\n{article.text}") or Language.EN,
            status=ArticleStatus.PUBLISHED,
        )
        for article in case.articles
    ]
    for row in rows:
        row.prepare()
        row.save()
    index_articles(article_ids=[row.pk for row in rows])


def _set_up_others(others: Sequence[Other], inbox: Inbox) -> None:
    """Writes down the matters of others: what they said, what colleagues noted, their tickets."""
    system = Actor.system()
    for number, other in enumerate(others):
        sender = Sender(f"other-{number}", name=other.name, email=other.email)
        conversation = None
        for text in other.says or ("Hello",):
            conversation = receive(inbox=inbox, sender=sender, text=text).conversation
        if conversation is None:
            continue
        if other.note:
            note(conversation=conversation, text=other.note, by=system)
        if other.ticket:
            create_ticket(by=system, subject=other.ticket, conversation=conversation)
        conversation.refresh_from_db()
        if conversation.status == "bot":
            hand_over(conversation=conversation, by=system, reason="With people.")


async def _play_turn(case: Case, number: int, inbox: Inbox) -> Played:
    """Has the customer write, and the agent's job run if there is one."""
    conversation = await in_thread(_receive, case, number, inbox)
    seq = conversation.last_seq
    runs_before = await in_thread(_run_ids, conversation)
    for _ in range(MOST_JOBS):
        if not await in_thread(_take_job, conversation):
            break
        await answer(conversation_id=str(conversation.pk))
    return await in_thread(_came_of, case.turns[number - 1].says, conversation, seq, runs_before)


def _receive(case: Case, number: int, inbox: Inbox) -> Conversation:
    customer, text = case.customer, case.turns[number - 1].says
    sender = Sender(CUSTOMER, customer.name, customer.email, customer.locale or case.language)
    if case.channel == "web":
        return receive(inbox=inbox, sender=sender, text=text).conversation
    thread = Thread(subject=case.title, answers=tuple(f"mail-{n}" for n in range(number - 1, 0, -1)))
    origin = Incoming(f"mail-{number}", sender, text, thread=thread)
    return receive(
        inbox=inbox, sender=sender, text=text, external_id=origin.external_id, origin=origin
    ).conversation


def _take_job(conversation: Conversation) -> bool:
    """Takes the agent's job out of the queue, where no worker looks; False where none was planned."""
    with connection.cursor() as cursor:
        cursor.execute(PLANNED, [answer.name, str(conversation.pk)])
        return bool(cursor.fetchall())


def _run_ids(conversation: Conversation) -> list[Any]:
    return list(Run.objects.filter(conversation=conversation).values_list("pk", flat=True))


def _came_of(says: str, conversation: Conversation, seq: int, before: list[Any]) -> Played:
    conversation.refresh_from_db()
    played = Played(says, status=conversation.status, tickets=_tickets())
    runs = Run.objects.filter(conversation=conversation).exclude(pk__in=before).order_by("started_at")
    for run in runs:
        played.runs.append(run.status)
        played.details += [in_english(run.detail)] if run.detail else []
        played.tokens += run.prompt_tokens + run.completion_tokens
        played.cost += run.cost
        for step in Step.objects.filter(run=run).order_by("number"):
            played.calls.append(Called(step.tool, step.arguments, step.result, step.failed))
    answers = Message.objects.filter(
        conversation=conversation, seq__gt=seq, author_kind=AuthorKind.AGENT, run__isnull=False
    )
    played.said = [_said(message) for message in answers.order_by("seq")]
    return played


def _said(message: Message) -> Said:
    return Said(
        message.text,
        tuple(citation["title"] for citation in message.citations),
        tuple(choice["label"] for choice in message.choices),
    )


def _tickets() -> list[dict[str, str]]:
    """Returns the customer's tickets, oldest first."""
    rows = Ticket.objects.filter(requester__identities__external_id=CUSTOMER).select_related("team")
    return [
        {
            "subject": ticket.subject,
            "description": ticket.description,
            "team": ticket.team.slug if ticket.team else "",
        }
        for ticket in rows.order_by("number")
    ]


def _others_matters() -> dict[str, str]:
    """Returns all that others have, in words that change when any of it does."""
    rows = Conversation.objects.exclude(contact__identities__external_id=CUSTOMER).select_related("contact")
    return {
        row.contact.name: json.dumps(
            [
                row.status,
                list(row.messages.order_by("seq").values_list("text", flat=True)),
                [
                    [one.reference, one.subject, one.description, one.status, one.priority]
                    for one in Ticket.objects.filter(requester=row.contact).order_by("number")
                ],
            ]
        )
        for row in rows.order_by("created_at")
    }


@contextmanager
def _stand_ins(tools: Sequence[StandIn]) -> Iterator[None]:
    """Makes the tools of a case known while it is played."""
    with ExitStack() as stack:
        for told in tools:
            stack.enter_context(added(_as_tool(told)))
        yield


def _as_tool(told: StandIn) -> Tool:
    def stand_in(context: ToolContext, *, about: str = "") -> ToolResult:
        """Returns what the case says."""
        del context, about
        return ToolResult(told.result)

    stand_in.__name__ = told.name
    return Tool(stand_in, told.description, effect=Effect.READ)
