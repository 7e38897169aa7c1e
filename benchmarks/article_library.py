"""What `retrieval` measures: ten thousand articles, and questions asked of them, in the product's settings.

Made of the demonstration's articles, each many times with a title, a text and a meaning of its own.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence

import django

django.setup()

import numpy as np  # noqa: E402 (needs the app registry, as all below)
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from pgvector import HalfVector  # noqa: E402

from benchmarks.message_archive import varied  # noqa: E402
from benchmarks.processes import ROOT  # noqa: E402
from knowledge.actions import import_demo  # noqa: E402
from knowledge.models import Article, Chunk  # noqa: E402
from knowledge.queries import passages, search  # noqa: E402
from knowledge.vectors import question_vector  # noqa: E402

POOL, LIMIT = 30, 10
NEAREST = "SELECT id FROM knowledge_chunk ORDER BY vector <#> %s::halfvec(512) LIMIT %s"
COMPARED = "SELECT id FROM knowledge_chunk ORDER BY (vector <#> %s::halfvec(512)) + 0.0 LIMIT %s"


def fill(articles: int) -> None:
    """Makes so many published articles, with the passages of those they are like."""
    import_demo()
    known = list(Article.objects.prefetch_related("chunks"))
    base = np.asarray([chunk.vector for row in known for chunk in row.chunks.all()], dtype=np.float32)
    random = np.random.default_rng(1)
    made, copied = [], []
    for number in range(articles - len(known)):
        like = known[number % len(known)]
        row = Article(
            title=f"{like.title} ({number})"[:200], body=like.body, language=like.language, status=like.status
        )
        row.prepare()
        row.indexed_checksum = row.checksum
        made.append(row)
        copied.append(list(like.chunks.all()))
    Article.objects.bulk_create(made, batch_size=2000)
    # As long as those that questions were found by, not of length 1: their mean of three.
    lengths = float(np.linalg.norm(base, axis=1).mean())
    vectors = iter(varied(base, sum(map(len, copied)), random) * lengths)
    made_chunks = []
    for row, parts in zip(made, copied, strict=True):
        for part in parts:
            said = {"heading": part.heading, "text": part.text, "vector": next(vectors)}
            made_chunks.append(Chunk(article=row, position=part.position, **said))
    Chunk.objects.bulk_create(made_chunks, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE knowledge_chunk")
        cursor.execute("VACUUM ANALYZE knowledge_article")


def questions() -> list[str]:
    """Returns what people ask the demonstration."""
    lines = (ROOT / "tests/fixtures/demo_questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines if line]


def milliseconds(ask: Callable[[str], object], asked: Sequence[str]) -> list[float]:
    """Returns how long each took."""
    taken = []
    for question in asked:
        began = time.perf_counter()
        ask(question)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def bare(vectors: dict[str, str]) -> Callable[[str], object]:
    """Returns the least that finds passages: the nearest, by one statement, with no rights and no words."""

    def ask(question: str) -> object:
        return _ids(NEAREST, vectors[question], POOL)

    return ask


def share_found(vectors: Sequence[str]) -> float:
    """Returns how many of the true nearest an index brings within what is looked at, from 0 to 1."""
    found = [len(_ids(COMPARED, one, LIMIT) & _ids(NEAREST, one, POOL)) for one in vectors]
    return sum(found) / (LIMIT * len(found))


def _ids(statement: str, vector: str, limit: int) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [vector, limit])
        return {row[0] for row in cursor.fetchall()}


def as_searched() -> None:
    """Has the bare statement walk the index as far as the product does."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET hnsw.ef_search = {passages.IN_VIEW}")


def main() -> None:
    """Migrates, fills, asks, prints."""
    call_command("migrate", interactive=False, verbosity=0)
    fill(int(sys.argv[1]))
    asked = questions()
    vectors = {question: HalfVector(question_vector(question)).to_text() for question in asked}
    as_searched()
    rounds: dict[str, Callable[[str], object]] = {"bare": bare(vectors), "search": search}
    taken: dict[str, list[float]] = {name: [] for name in rounds}
    for name, ask in rounds.items():
        milliseconds(ask, asked[:30])  # warms up
        taken[name] = []
    for start in range(0, len(asked), 50):  # in turns: the machine's speed varies
        for name, ask in rounds.items():
            taken[name] += milliseconds(ask, asked[start : start + 50])
    found = share_found(list(vectors.values()))
    print(json.dumps({"passages": Chunk.objects.count(), "found": found, **taken}))


if __name__ == "__main__":
    main()
