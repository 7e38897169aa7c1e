"""A draft of the next reply, from the conversation and from what the team knows, with its sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict

from agents.citations import cite
from agents.copilot.asking import ask, count, has_model, rules
from agents.enums import Ground, SuggestionKind
from agents.grounding import Seen, check
from agents.models import Suggestion
from agents.prompt import as_chat
from conversations.enums import AuthorKind
from conversations.models import Conversation, Message
from conversations.queries.threads import history
from core.actor import Actor
from core.storable import storable
from knowledge.enums import Audience
from knowledge.languages import detect, language_code
from knowledge.models import Article
from knowledge.queries.passages import Passage, search, worth_showing
from knowledge.tools import LONGEST_TEXT
from llm.door import embed
from llm.fence import fence
from llm.providers import BUILTIN_MODEL
from llm.types import ChatMessage, Citation

MOST_PASSAGES = 5
# The customer's last messages are searched with: the newest alone is often "and when?".
SEARCHED = 3
# Some three thousand tokens of what was said last.
MOST_MESSAGES = 30


class Source(TypedDict):
    """An article that a draft rests on. `url` is empty for what customers cannot open."""

    article: int
    title: str
    url: str
    internal: bool


@dataclass(frozen=True, slots=True)
class _Draft:
    text: str
    sources: Sequence[Source]
    left_out: Sequence[str] = ()
    model: str = BUILTIN_MODEL
    cost: Decimal = Decimal(0)


def suggest_reply(*, conversation: Conversation, by: Actor) -> Suggestion:
    """Drafts the operator's next reply and keeps it, with numbered sources; sends nothing.

    Internal articles are read too, since an operator reads the draft. Sentences that state what neither
    articles nor conversation say are left out, and kept beside it. Without a model the best passage is
    quoted. An empty text says that nothing was found. Raises Forbidden for who is no staff, TooMany, and
    Unavailable when no model answers.
    """
    count(by)
    said = history(conversation, limit=MOST_MESSAGES)
    passages = _passages(conversation, said)
    sources = _sources(passages)
    if has_model():
        draft = _written(conversation, said, passages, sources)
    elif passages:
        draft = _Draft(f"{passages[0].text} [1]", sources[:1])
    else:
        draft = _Draft("", ())
    return Suggestion.objects.create(
        conversation=conversation,
        kind=SuggestionKind.REPLY,
        text=storable(draft.text),
        sources=list(draft.sources),
        left_out=[storable(sentence) for sentence in draft.left_out],
        up_to_seq=said[-1].seq if said else 0,
        by_id=int(by.id),
        model=draft.model,
        cost=draft.cost,
    )


def asked(said: Sequence[Message]) -> str:
    """Returns what the customer wrote last, to search with."""
    texts = [one.text for one in said if one.author_kind == AuthorKind.CONTACT and one.text.strip()]
    return "\n".join(texts[-SEARCHED:])


def _written(
    conversation: Conversation,
    said: Sequence[Message],
    passages: Sequence[Passage],
    sources: Sequence[Source],
) -> _Draft:
    locale = conversation.contact.locale
    # A client may have written anything there.
    told_first = rules("reply", locale=locale if locale.replace("-", "").isalnum() else "en")
    messages: list[ChatMessage] = [told_first, *map(as_chat, said)]
    messages.append(_shown(passages, sources))
    answer = ask(messages, purpose="suggestion", reference=str(conversation.pk))
    told = [*(message.text for message in said), conversation.contact.display_name]
    checked = check(answer.text, Seen([f"{one.title}\n{one.text}" for one in passages], told), embed=embed)
    # The number stands for the source until it is renumbered: titles need not differ.
    marks = [Citation(title=str(number), url="") for number in range(len(sources))]
    cited = cite(checked.text, marks)
    return _Draft(
        cited.text,
        [sources[int(one["title"])] for one in cited.citations],
        [one["text"] for one in checked.checks if one["ground"] == Ground.UNSUPPORTED],
        answer.model,
        answer.usage.cost,
    )


def _passages(conversation: Conversation, said: Sequence[Message]) -> list[Passage]:
    question = asked(said)
    found = search(
        question,
        limit=MOST_PASSAGES + 3,
        # As the agents search: what was written says more than the browser, and no team keeps what it knows.
        language=detect(question) or language_code(conversation.contact.locale),
        audiences=tuple(Audience),
    )
    return worth_showing(found)[:MOST_PASSAGES]


def _sources(passages: Sequence[Passage]) -> list[Source]:
    rows = Article.objects.filter(pk__in=[one.article_id for one in passages], audience=Audience.INTERNAL)
    internal = set(rows.values_list("pk", flat=True))
    return [
        Source(article=one.article_id, title=one.title, url=one.url, internal=one.article_id in internal)
        for one in passages
    ]


def _shown(passages: Sequence[Passage], sources: Sequence[Source]) -> ChatMessage:
    parts = [
        f"[{number}] {'(internal) ' if source['internal'] else ''}{one.title}\n{one.text[:LONGEST_TEXT]}"
        for number, (one, source) in enumerate(zip(passages, sources, strict=True), start=1)
    ]
    return {"role": "user", "content": fence("\n\n".join(parts) or "(no passage fits)", label="passages")}
