"""Finding what answers a question, whatever the language of question and article.

One statement finds the passages that are nearest in meaning (`knowledge.vectors`); to that is added a little
for the words that they share with the question (`knowledge.likeness`); another statement ranks the articles.
Nothing is ranked and fused, or required to match: full text with AND found 1 of 256 chatty questions, and
reciprocal rank fusion cost 12 to 23 points of right first answers, since words are blind across languages.
`manage.py evaluate_retrieval` prints what the thresholds do.

What may not be found is left out before anything is ranked, by the short list of what is restricted rather
than by a join with all that is not: that takes a third off the time at 10,000 articles. Of few articles each
passage is compared, which is exact. Of many the nearest are found by walking an HNSW index from the nearest
outwards (`hnsw.iterative_scan`: without it a filtered search silently returns too few). A passage that holds
a code of the question, such as `ERR-4711`, is looked at wherever its meaning lies: models know nothing of
codes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import punctuation
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from pgvector import HalfVector

from knowledge.enums import Audience
from knowledge.languages import detect, language_code
from knowledge.likeness import shares
from knowledge.models import Article
from knowledge.pages import anchor
from knowledge.queries.statements import POOLED, SEARCH
from knowledge.text import title_key
from knowledge.vectors import question_vector
from llm.embedding import clean

# From 0.2 to 0.3 two development sets are at their best, with 2 to 4 points more right articles among three
# than without any. More, and the words of one language push aside what is right in another.
WORDS_WEIGHT = 0.25
PUBLIC = (Audience.PUBLIC,)
POOL = 30  # passages looked at closely; what lies below does not climb to the top by its words
# Two articles in different languages are one and the same from this cosine of their openings on: so say 99 %
# of the twins and less than 1 % of the other pairs of the development set.
TWIN_COSINE = 0.62
TWIN_REACH = 0.15  # how far behind the best in meaning its twin in the customer's language may lie
# An article is quoted from its opening, where people put the answer, unless another passage means this much
# more: a section under a heading of its own, or any later part.
SECTION_LEAD = 0.07
PART_LEAD = 0.1
# A best article whose next rival is closer than this was right in 6 of 10 cases, else in 9 of 10.
CLEAR_LEAD = 0.04

# Up to so many articles each passage is compared; of more, this many are kept in view on the way.
EXACT_ARTICLES = 1_000
IN_VIEW = 250
LONGEST_WALK = 40_000  # passages met before it is given up
# What is no word of a language: has so many signs, one of them a digit. Less is in every other text.
SHORTEST_CODE, LONGEST_CODE = 3, 40
LONGEST_READ = 2_000  # characters of a question
MOST_CODES, WITH_CODE = 3, 300  # codes of a question, and passages with one of them that are compared

_LIKE = re.compile(r"[\\%_]")  # what means something in a pattern


class _Row(NamedTuple):
    """The columns of SEARCH."""

    id: int
    article_id: int
    title: str
    slug: str
    source_url: str
    language: str
    heading: str
    text: str
    score: float
    meaning: float
    words: float
    twin: float
    exact: bool
    meaning_rank: int
    words_rank: int
    audience: str
    repeats: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that may answer, with its article.

    `text` is what to quote: the opening, or another passage where that clearly fits better; plain, and ending
    where a sentence does. `score` runs from about 0 (nothing to do with it) to 1 (the question is the title).
    `parts` says where it comes from: `meaning`, `words`, `twin` (taken over from the same article in another
    language); and `lead`, how far it lies before the next different article (below the best: behind it,
    negative). `ranks` gives its place by `meaning` and by `words` alone, from 1. `url` leads to the passage's
    heading on our own page, and is empty for what has no page. `repeats` marks an article that stands above
    in another language.
    """

    chunk_id: int
    article_id: int
    title: str
    url: str
    text: str
    language: str
    score: float
    parts: Mapping[str, float]
    heading: str = ""
    exact: bool = False
    repeats: bool = False
    ranks: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_clear(self) -> bool:
        """True where no other article comes close."""
        return self.exact or self.parts["lead"] >= CLEAR_LEAD

    @property
    def is_certain(self) -> bool:
        """True where it may be given as the answer without a person: a high score and no close rival."""
        return self.is_clear and self.score >= settings.KNOWLEDGE_ANSWER_AT


def search(
    text: str,
    *,
    limit: int = 5,
    language: str | None = None,
    team_id: int | None = None,
    audiences: Sequence[Audience] = PUBLIC,
) -> list[Passage]:
    """Returns the passages nearest to a question, best first, one for each article.

    Only of what is published, valid now and for one of these `audiences`. Nothing is cut off by score; see
    `nearest` for what is worth offering. `language` is the customer's
    (default: as detected from the question) and narrows nothing: of one article in several languages it
    brings that one to the front. `team_id` leaves out articles of other teams, and keeps those of none. A
    question that is an article's title finds that article first, with score 1. Takes milliseconds, plus about
    one for the model; an empty text finds nothing.
    """
    if not text.strip():
        return []
    # Outside the statement: the model runs in this process, and knows nothing of the database.
    parameters: dict[str, Any] = {
        "vector": HalfVector(question_vector(text)).to_text(),
        "key": title_key(text),
        "language": language_code(language) or detect(text),
        "team": team_id,
        "codes": _codes(text),
        "with_code": WITH_CODE,
        "exact_articles": EXACT_ARTICLES,
        "in_view": IN_VIEW,
        "longest_walk": LONGEST_WALK,
        "audiences": [str(one) for one in audiences],
        "now": timezone.now(),
        "limit": limit,
        # Several passages may belong to one article, and only one of each is kept.
        "pool": max(POOL, 6 * limit),
        "section_lead": SECTION_LEAD,
        "part_lead": PART_LEAD,
        "twin_cosine": TWIN_COSINE,
        "twin_reach": TWIN_REACH,
    }
    with connection.cursor() as cursor:
        cursor.execute(POOLED, parameters)
        pool = cursor.fetchall()
        if not pool:
            return []
        ids, article_ids, distances, texts = map(list, zip(*pool, strict=True))
        words = [WORDS_WEIGHT * share for share in shares(clean(text), texts)]
        parameters |= {"ids": ids, "article_ids": article_ids, "distances": distances, "words": words}
        cursor.execute(SEARCH, parameters)
        rows = [_Row(*row) for row in cursor.fetchall()]
    return [_passage(row, _lead(rows, place)) for place, row in enumerate(rows[:limit])]


def nearest(
    text: str, *, limit: int = 5, language: str | None = None, audiences: Sequence[Audience] = PUBLIC
) -> list[Passage]:
    """Returns what is worth showing for a question: nothing where the best lies below `KNOWLEDGE_OFFER_AT`.

    Leaves out the same article in another language, and what scores less than half of what is asked.
    """
    return worth_showing(search(text, limit=limit + 3, language=language, audiences=audiences))[:limit]


def worth_showing(found: Sequence[Passage]) -> list[Passage]:
    """Returns those of the passages found that are worth showing; see `nearest`."""
    if not found or found[0].score < settings.KNOWLEDGE_OFFER_AT:
        return []
    # The right article is often second or third with a middling score; far below it there is only noise.
    return [passage for passage in found if not passage.repeats and passage.score >= lowest_shown()]


def lowest_shown() -> float:
    """Returns the score below which nothing is shown beside what is better."""
    return float(settings.KNOWLEDGE_OFFER_AT / 2)


def languages_in_use() -> list[str]:
    """Returns the languages in which something can be read by anybody."""
    published = Article.objects.public().order_by("language")
    return list(published.values_list("language", flat=True).distinct())


def _codes(text: str) -> list[str]:
    """Returns patterns of the codes that a question names."""
    words = (word.strip(punctuation).lower() for word in text[:LONGEST_READ].split())
    codes = dict.fromkeys(word for word in words if _is_code(word))
    return ["%" + _LIKE.sub(r"\\\g<0>", code) + "%" for code in list(codes)[:MOST_CODES]]


def _is_code(word: str) -> bool:
    return SHORTEST_CODE <= len(word) <= LONGEST_CODE and any(sign.isdigit() for sign in word)


def _lead(rows: Sequence[_Row], place: int) -> float:
    """How far a passage lies before its rival: the best before the next, any other (negative) behind it."""
    # The same article in another language says the same: no reason for doubt.
    rivals = [row for row in rows[1:] if not row.repeats] if place == 0 else rows[:1]
    return rows[place].score - (rivals[0].score if rivals else 0.0)


def _passage(row: _Row, lead: float) -> Passage:
    page = reverse("knowledge:article", args=[row.article_id, row.slug])
    place = f"#{anchor(row.heading)}" if row.heading else ""
    own = f"{settings.PUBLIC_URL}{page}{place}" if row.audience == Audience.PUBLIC else ""
    return Passage(
        chunk_id=row.id,
        article_id=row.article_id,
        title=row.title,
        url=row.source_url or own,
        text=row.text,
        language=row.language,
        score=row.score,
        parts={"meaning": row.meaning, "words": row.words, "twin": row.twin, "lead": lead},
        ranks={"meaning": row.meaning_rank, "words": row.words_rank},
        heading=row.heading,
        exact=row.exact,
        repeats=row.repeats,
    )
