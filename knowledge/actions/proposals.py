"""Answers that people correct or find good, on their way to being knowledge."""

import re
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _
from pgvector.django import CosineDistance

from conversations.actions.answering import answer_message
from conversations.enums import AuthorKind, Direction, Validation
from conversations.models import Conversation, Message
from core.actor import Actor
from core.errors import Conflict, Invalid, NotFound
from knowledge.actions.articles import require_lead, require_staff, save_article
from knowledge.enums import ArticleStatus, Audience, ProposalStatus
from knowledge.languages import detect, language_or_default
from knowledge.models import Article, ProposedAnswer
from knowledge.text import title_key
from llm.door import embed

# Of 25,392 pairs of questions that different articles answer, in two development sets, one lies above.
SAME_QUESTION = 0.75
LONGEST_QUESTION, LONGEST_ANSWER = 200, 20_000
PREFIX = "answer:"
_SOURCE = re.compile(r"\s?\[\d{1,2}\]")
# Of two who correct the same at once, the second finds what the first has proposed.
ONE_BY_ONE = "SELECT pg_advisory_xact_lock(hashtext('knowledge.proposals'))"


def correct_answer(*, message: Message, text: str, by: Actor, question: str = "") -> ProposedAnswer:
    """Proposes how a customer's question is to be answered from now on; returns the proposal.

    `message` is the answer that was given, by an agent or a person; with its own words as `text` it is found
    good as it is. The question is what the customer had asked before it, unless `question` says it better.
    Whoever leads decides at once: then it is an article already. Nearly the same question in the same
    language changes the proposal that waits, or the article that one became. What has been said to the
    customer stays, with the note that a person has judged it. Asks a model what the question means: not to
    be called in a transaction. Raises Forbidden for those who are no staff, NotFound for what one may not
    see, Invalid for what is no answer.
    """
    require_staff(by)
    if not Conversation.objects.visible_to(by).filter(pk=message.conversation_id).exists():
        raise NotFound
    asked = (question.strip() or _asked_before(message)).strip()[:LONGEST_QUESTION]
    text = _unmarked(text)
    if message.direction != Direction.OUT or message.author_kind not in {
        AuthorKind.AGENT,
        AuthorKind.OPERATOR,
    }:
        raise Invalid(_("Only what an agent or a person answered can be corrected."), field="message")
    if not asked:
        raise Invalid(_("There is no question before it."), field="question")
    if not 0 < len(text) <= LONGEST_ANSWER:
        raise Invalid(_("Write at most %d characters.") % LONGEST_ANSWER, field="text")
    vector = embed([asked])[0]
    proposal = _proposed(message, asked, text, vector, by)
    answer_message(message=message, by=by, validated_by=Validation.HUMAN)
    return approve_answer(proposal=proposal, by=by) if by.leads else proposal


@transaction.atomic
def _proposed(message: Message, question: str, text: str, vector: list[float], by: Actor) -> ProposedAnswer:
    with connection.cursor() as cursor:
        cursor.execute(ONE_BY_ONE)
    language = detect(question) or detect(text) or language_or_default(message.conversation.contact.locale)
    known = _nearly_same(question, language, vector)
    row = known if known is not None and known.status == ProposalStatus.PROPOSED else None
    if row is None:
        row = ProposedAnswer(question=question, language=language, article=known.article if known else None)
    else:
        row.times += 1
    row.answer, row.vector, row.message, row.proposed_by = text, vector, message, by.name
    former = _unmarked(message.text)
    row.former = former if former != text else ""
    row.team = message.conversation.team
    row.save()
    return row


def _nearly_same(question: str, language: str, vector: list[float]) -> ProposedAnswer | None:
    """Returns the nearest that waits, or whose article is there."""
    rows = ProposedAnswer.objects.filter(language=language).exclude(status=ProposalStatus.REFUSED)
    rows = rows.exclude(status=ProposalStatus.APPROVED, article=None)
    found = rows.annotate(distance=CosineDistance("vector", vector)).order_by("distance", "-updated_at")
    nearest = found.first()
    if nearest is None:
        return None
    same = title_key(nearest.question) == title_key(question)
    return nearest if same or 1 - getattr(nearest, "distance", 1.0) >= SAME_QUESTION else None


def _unmarked(text: str) -> str:
    """Returns an answer without the numbers of its sources."""
    return _SOURCE.sub("", text).strip()


def _asked_before(message: Message) -> str:
    """Returns what the customer had written last before an answer."""
    theirs = Message.objects.filter(
        conversation=message.conversation_id, direction=Direction.IN, seq__lt=message.seq
    )
    return theirs.exclude(text="").order_by("-seq").values_list("text", flat=True).first() or ""


@transaction.atomic
def approve_answer(
    *, proposal: ProposedAnswer, by: Actor, audience: Audience = Audience.PUBLIC, **values: Any
) -> ProposedAnswer:
    """Makes an article of a proposed answer, or changes the one it is about; `values` say it better.

    Approved before, it stays as it is. Raises Forbidden for operators, Conflict for what was refused.
    """
    row = _locked(proposal, by)
    if row.status == ProposalStatus.APPROVED:
        return row
    if row.status == ProposalStatus.REFUSED:
        raise Conflict(_("It was refused already."))
    for name, value in values.items():
        setattr(row, name, value)
    article = row.article or Article(source_key=f"{PREFIX}{row.pk}", audience=audience)
    article.title, article.body = row.question, row.answer
    article.language, article.team, article.status = row.language, row.team, ArticleStatus.PUBLISHED
    row.article = save_article(article=article, by=by)
    return _decided(row, ProposalStatus.APPROVED, by)


@transaction.atomic
def refuse_answer(*, proposal: ProposedAnswer, by: Actor) -> ProposedAnswer:
    """Puts a proposed answer away; the same question can be proposed again. Raises as `approve_answer`."""
    row = _locked(proposal, by)
    if row.status == ProposalStatus.APPROVED:
        raise Conflict(_("It is an article already."))
    return _decided(row, ProposalStatus.REFUSED, by)


def _locked(proposal: ProposedAnswer, by: Actor) -> ProposedAnswer:
    require_lead(by)
    rows = ProposedAnswer.objects.visible_to(by).select_for_update(of=("self",))
    row = rows.filter(pk=proposal.pk).first()
    if row is None:
        raise NotFound
    return row


def _decided(row: ProposedAnswer, status: ProposalStatus, by: Actor) -> ProposedAnswer:
    row.status, row.decided_by = status, by.name
    row.save()
    return row
