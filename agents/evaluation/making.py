"""A case made of a conversation: what the customer said, and what came of it or should have.

What an agent did is expected again, run by run, until people had the conversation. Where a person has
corrected an answer, that is expected in its place; where the customer found it of no help, nothing is, but
where the conversation then stood.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from agents.enums import RunStatus, Verdict
from agents.evaluation.cases import Kind
from agents.evaluation.masking import Masking
from agents.evaluation.reading import CHANNELS
from agents.models import Run, Step
from conversations.enums import AuthorKind, Direction
from conversations.models import Conversation, Message
from knowledge.languages import detect, language_or_default
from knowledge.models import Article, ProposedAnswer

ENDED = (RunStatus.ANSWERED, RunStatus.HANDED_OVER, RunStatus.FAILED)
# They are how an agent answers; what it answered is expected instead.
MEANS = ("search_knowledge", "offer_choices", "hand_over")
MOST_ARTICLES = 20
LONGEST_TITLE = 80
WIDTH = 100
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Answered:
    """What the customer had said, the run that dealt with it, and what it came to."""

    says: str
    run: Run
    steps: Sequence[Step]
    message: Message | None
    correction: ProposedAnswer | None


def case_name(conversation: Conversation, last: Run) -> str:
    """Returns the id of the case of a conversation up to a run: the same click twice makes one."""
    return f"own-{conversation.pk.hex[:10]}-{last.up_to_seq}"


def runs_in(conversation: Conversation) -> list[Run]:
    """Returns the runs that make a case: up to the first that gave the conversation to people."""
    found: list[Run] = []
    for run in Run.objects.filter(conversation=conversation, status__in=ENDED).order_by("up_to_seq"):
        found.append(run)
        if run.status != RunStatus.ANSWERED:
            break
    return found


def told(conversation: Conversation, runs: Sequence[Run]) -> Json:
    """Returns the case as a suite tells it, masked; there is at least one run."""
    turns = list(_turns(conversation, runs))
    masking = _masking(conversation)
    for turn in turns:
        masking.hear(turn.says)
    known = _knowledge(turns, masking)
    first = masking.mask(turns[0].says)
    agent = runs[0].agent
    case: Json = {
        "id": case_name(conversation, runs[-1]),
        "title": " ".join(first.split())[:LONGEST_TITLE],
        "kind": str(_kind(turns)),
        "language": str(detect(turns[0].says) or language_or_default(conversation.contact.locale)),
        "knowledge": list(known.values()),
        "channel": str(conversation.inbox.channel) if conversation.inbox.channel in CHANNELS else "web",
        "turns": [{"says": masking.mask(turn.says), "expect": _expected(turn, known)} for turn in turns],
    }
    return case | ({"persona": masking.mask(agent.persona)} if agent.persona.strip() else {})


def as_yaml(case: Json) -> str:
    """Returns the case as the text of a file."""
    return yaml.safe_dump(case, allow_unicode=True, sort_keys=False, width=WIDTH)


def _turns(conversation: Conversation, runs: Sequence[Run]) -> Iterator[_Answered]:
    theirs = Message.objects.filter(conversation=conversation, direction=Direction.IN, deleted_at=None)
    before = 0
    for run in runs:
        said = theirs.filter(seq__gt=before, seq__lte=run.up_to_seq).exclude(text="").order_by("seq")
        before = run.up_to_seq
        message = Message.objects.filter(run=run.pk).first()
        corrections = ProposedAnswer.objects.filter(message=message).exclude(former="")
        correction = corrections.order_by("-updated_at").first() if message else None
        steps = list(run.steps.order_by("number"))
        if texts := list(said.values_list("text", flat=True)):
            yield _Answered("\n".join(texts), run, steps, message, correction)


def _masking(conversation: Conversation) -> Masking:
    contact = conversation.contact
    said = Message.objects.filter(conversation=conversation).exclude(author_kind=AuthorKind.AGENT)
    names = [contact.name, *said.exclude(author_name="").values_list("author_name", flat=True).distinct()]
    told = (value for value in contact.attributes.values() if isinstance(value, str))
    return Masking(names=names, secrets=(contact.phone, conversation.identity.external_id, *told))


def _knowledge(turns: Sequence[_Answered], masking: Masking) -> dict[str, Json]:
    """Returns the articles that were shown, and those that people said instead, by what cites them."""
    titles = dict.fromkeys(
        citation["title"] for turn in turns for step in turn.steps for citation in step.citations
    )
    rows = Article.objects.current().filter(title__in=titles).exclude(body="").order_by("pk")
    known = {row.title: _article(f"article-{row.pk}", row.title, row.body, row.language) for row in rows}
    known = dict(list(known.items())[:MOST_ARTICLES])
    for number, turn in enumerate(turns, start=1):
        if turn.correction is not None:
            told = turn.correction
            question, answer = masking.mask(told.question), masking.mask(told.answer)
            known[_key(told)] = _article(f"corrected-{number}", question, answer, told.language)
    return known


def _article(name: str, title: str, text: str, language: str) -> Json:
    return {"id": name, "title": title, "text": text, "language": str(language)}


def _key(correction: ProposedAnswer) -> str:
    return f"correction:{correction.pk}"


def _expected(turn: _Answered, known: dict[str, Json]) -> Json:
    expected: Json = {}
    if turn.correction is not None:
        expected = {"answers": "yes", "cites": [known[_key(turn.correction)]["id"]]}
    elif turn.message is None:
        expected = {"answers": "silent"}
    elif turn.message.helpful is not False:
        expected = _as_it_was(turn, known)
    return expected | {"status": _status(turn)}


def _as_it_was(turn: _Answered, known: dict[str, Json]) -> Json:
    assert turn.message is not None  # noqa: S101 (narrows the type)
    titles = [citation["title"] for citation in turn.message.citations]
    cited = [known[title]["id"] for title in titles if title in known]
    # Of what has gone meanwhile nothing can be expected.
    expected: Json = {"answers": "yes", "cites": cited} if cited else {} if titles else {"cites": []}
    calls = dict.fromkeys(step.tool for step in turn.steps if _counts(step))
    return expected | ({"calls": list(calls)} if calls else {})


def _counts(step: Step) -> bool:
    done = step.verdict in {Verdict.ALLOWED, Verdict.APPROVED}
    return done and not step.failed and step.tool not in MEANS


def _status(turn: _Answered) -> str:
    if turn.correction is not None:
        return "bot"
    if turn.run.status != RunStatus.ANSWERED:
        return "open"
    return "resolved" if any(step.tool == "resolve" and not step.failed for step in turn.steps) else "bot"


def _kind(turns: Iterable[_Answered]) -> Kind:
    turns = list(turns)
    if turns[-1].run.status != RunStatus.ANSWERED and turns[-1].correction is None:
        return Kind.HAND_OVER
    if any(_counts(step) for turn in turns for step in turn.steps):
        return Kind.TOOL_USE
    if len(turns) > 1:
        return Kind.MULTI_TURN
    first = turns[0]
    cites = first.correction is not None or (first.message is not None and first.message.citations)
    return Kind.GROUNDING if cites else Kind.REFUSAL
