"""Answering once what many ask: an answer about public knowledge is given again to the same question.

Only the first question of a conversation is answered so, only from answers that rest on published articles
alone, and only while these, the agent and its rules are what they were. Two questions are the same where they
are near in meaning and have the same words in the same order but for idle ones: meaning alone does not tell
Saturday from Sunday (cosine 0.89) as surely as it tells two ways to ask for the delivery time (0.85).
"""

import hashlib
import re
import unicodedata
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.db.models import Exists, OuterRef
from django.utils import timezone
from pgvector.django import CosineDistance

from agents.actions import Outcome
from agents.citations import Cited
from agents.enums import Reuse
from agents.models import Agent, KnownAnswer, Run
from agents.prompt import PROMPTS, SEARCH, Remembered
from conversations.enums import AuthorKind
from conversations.models import Message
from conversations.queries.proof import is_verified
from knowledge.languages import detect
from knowledge.models import ProposedAnswer
from knowledge.queries import public_version
from knowledge.vectors import question_vector

NEAR = 0.85
LOOKED_AT = 5
KEPT_FOR = timedelta(days=7)
LONGEST_QUESTION = 300  # characters
# An order, a telephone, an address: what belongs to somebody is answered to nobody else.
_PERSONAL = re.compile(r"\d{4}|@|://")
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile("['\N{RIGHT SINGLE QUOTATION MARK}]")
IDLE_WORDS = Path(__file__).with_name("idle_words.txt")


def is_repeatable(run: Run, said: Remembered) -> bool:
    """Says whether the question of a run may be answered as another's, and another's as this one."""
    agent = run.agent
    if agent.reuse == Reuse.NEVER or SEARCH not in agent.tools or said.summary or len(said.messages) != 1:
        return False
    (question,) = said.messages
    if question.author_kind != AuthorKind.CONTACT or question.attachments.exists():
        return False
    if len(question.text) > LONGEST_QUESTION or _PERSONAL.search(question.text) or not bare(question.text):
        return False
    return agent.reuse == Reuse.EVERYBODY or not is_verified(run.conversation)


def known_answer(run: Run, question: str, version: str) -> KnownAnswer | None:
    """Returns an earlier answer to the same question that rests on the same version."""
    corrected = ProposedAnswer.objects.filter(message__run=OuterRef("run"))
    unhelpful = Message.objects.filter(run=OuterRef("run"), helpful=False)
    known = KnownAnswer.objects.filter(
        ~Exists(corrected),
        ~Exists(unhelpful),
        agent=run.agent_id,
        version=version,
        language=detect(question) or "",
        created_at__gt=timezone.now() - KEPT_FOR,
    )
    near = known.annotate(distance=CosineDistance("vector", question_vector(question)))
    for row in near.filter(distance__lte=1 - NEAR).order_by("distance")[:LOOKED_AT]:
        if bare(row.question) == bare(question):
            return row
    return None


def keep(run: Run, question: str, version: str, outcome: Outcome) -> None:
    """Keeps an answer for whoever asks the same, if it rests on public articles and nothing else.

    `version` is that of before the search: what has changed since is another one.
    """
    if not version:
        return
    steps = list(run.steps.all())
    citations = outcome.cited.citations
    if any(step.tool != SEARCH or step.failed for step in steps) or not citations:
        return
    if not all(citation["url"] for citation in citations):
        return
    KnownAnswer.objects.filter(agent=run.agent_id, created_at__lte=timezone.now() - KEPT_FOR).delete()
    KnownAnswer.objects.create(
        agent=run.agent, run=run, version=version, language=detect(question) or "", question=question,
        vector=question_vector(question), text=outcome.text, citations=list(citations),
        choices=list(outcome.choices), model=outcome.model,
    )  # fmt: skip


def as_outcome(known: KnownAnswer) -> Outcome:
    """Returns a kept answer as what a run came to."""
    cited = Cited(known.text, tuple(known.citations))
    return Outcome(known.text, cited, known.choices, known.model, reused_from=known.run_id)


def version(agent: Agent) -> str:
    """Returns what stands for everything that an answer depends on: articles, the agent, our own rules.

    Empty while articles are being read in: then nothing holds.
    """
    articles = public_version()
    if not articles:
        return ""
    parts = [str(agent.pk), agent.updated_at.isoformat(), _prompts(), articles]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def _prompts() -> str:
    """Returns the rules that every agent is told."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(PROMPTS.glob("*.md")))


def bare(question: str) -> tuple[str, ...]:
    """Returns the words that make a question, in their order: without case, accents and idle words."""
    words = map(_plain, _WORD.findall(_APOSTROPHE.sub("", question)))
    return tuple(word for word in words if word not in _idle())


@cache
def _idle() -> frozenset[str]:
    lines = IDLE_WORDS.read_text(encoding="utf-8").splitlines()
    return frozenset(_plain(word) for line in lines if not line.startswith("#") for word in line.split())


def _plain(word: str) -> str:
    parted = unicodedata.normalize("NFKD", word.casefold())
    return "".join(sign for sign in parted if not unicodedata.combining(sign))
