"""What `benchmarks/message_search.py` measures: an archive, filled and asked in the product's settings."""

import json
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

import django

django.setup()

import numpy as np  # noqa: E402 (needs the app registry, as all below)
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from pgvector import HalfVector  # noqa: E402
from pgvector.psycopg import register_vector  # noqa: E402

from accounts.models import Team  # noqa: E402
from benchmarks import report  # noqa: E402
from benchmarks.processes import ROOT  # noqa: E402
from benchmarks.report import Figure, at_most, percentile  # noqa: E402
from conversations.models import Contact, ContactIdentity, Conversation, Inbox  # noqa: E402
from core.actor import Actor  # noqa: E402
from knowledge.models import MessageVector  # noqa: E402
from knowledge.queries import messages  # noqa: E402
from llm.door import embed  # noqa: E402

Vectors = NDArray[np.float32]
# Shares of all messages; what is left belongs to a team that nobody asks for.
TEAMS = {"half": 0.5, "six-percent": 0.06, "one-percent": 0.01, "one-per-mille": 0.001}
REST = "rest"
MESSAGES_OF_A_CONVERSATION = 8
AT_ONCE = 20_000
LIMIT = 10
WARMING_UP = 10  # questions
RECALL, P95_MS = 0.95, 50
# How far a message lies from the sentence it was made of, at most.
VARIED = 0.6
WRITTEN = """
INSERT INTO conversations_message (id, conversation_id, inbox_id, seq, author_kind, author_id, author_name,
    direction, text, html, citations, choices, details, reactions, validated_by, is_automatic, created_at)
SELECT id, conversation, %s, seq, 'contact', '', 'Davi', 'in', 'What somebody said once', '',
    '[]', '[]', '{}', '{}', 'pending', false, now()
FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) said (id, conversation, seq)
"""
# To load without an index and to build it after takes a fraction of the time.
WITHOUT_INDEX = "DROP INDEX messagevector_nearest; ALTER TABLE conversations_message DISABLE TRIGGER USER"
INDEX = """
ALTER TABLE conversations_message ENABLE TRIGGER USER;
SET maintenance_work_mem = '2GB';
CREATE INDEX messagevector_nearest ON knowledge_messagevector
    USING hnsw (sketch bit_hamming_ops) WITH (m = 16, ef_construction = 64);
"""
SETTLED = (
    "VACUUM ANALYZE knowledge_messagevector",
    "VACUUM ANALYZE conversations_conversation",
    "VACUUM ANALYZE conversations_message",
)


def sentences() -> list[str]:
    """Returns what people and help pages say: the demonstration's articles and questions, line by line."""
    lines = [
        part.strip(" *#-")
        for file in sorted((ROOT / "knowledge/demo").rglob("*.md"))
        for line in file.read_text(encoding="utf-8").splitlines()
        for part in line.split(". ")
    ]
    asked = (ROOT / "tests/fixtures/demo_questions.jsonl").read_text(encoding="utf-8").splitlines()
    idle = (ROOT / "knowledge/idle_questions.txt").read_text(encoding="utf-8").splitlines()
    found = {*lines, *idle, *(json.loads(line)["text"] for line in asked if line)}
    return sorted(line for line in found if len(line) > 15)


def varied(base: Vectors, count: int, random: np.random.Generator) -> Vectors:
    """Returns so many vectors of length 1, each near one of the base."""
    first, second, third = (base[random.integers(0, len(base), count)] for _ in range(3))
    reach = random.uniform(0.1, VARIED, (count, 1)).astype(np.float32)
    moved = first + reach * (second - third)
    result: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return result


class Archive:
    """The product's tables, full."""

    def __init__(self, base: Vectors, random: np.random.Generator) -> None:
        self.base, self.random = base, random

    def fill(self, count: int) -> float:
        """Writes conversations, messages and vectors; returns the seconds that the index took."""
        inbox, conversations = self._conversations(count // MESSAGES_OF_A_CONVERSATION)
        with connection.cursor() as cursor:
            cursor.execute(WITHOUT_INDEX)
            for start in range(0, count, AT_ONCE):
                places = range(start, min(start + AT_ONCE, count))
                ids = [uuid.uuid4() for _ in places]
                where = [conversations[place % len(conversations)] for place in places]
                numbers = [place // len(conversations) + 1 for place in places]
                cursor.execute(WRITTEN, [inbox, ids, where, numbers])
                self._copy(cursor, ids, where)
            began = time.perf_counter()
            cursor.execute(INDEX)
            took = time.perf_counter() - began
            for statement in SETTLED:
                cursor.execute(statement)
        return took

    def _conversations(self, count: int) -> tuple[int, list[uuid.UUID]]:
        """Makes conversations, dealt out to the teams by their shares; returns inbox and ids."""
        inbox = Inbox.objects.create(name="Archive")
        contact = Contact.objects.create(name="Davi")
        identity = ContactIdentity.objects.create(inbox=inbox, contact=contact, external_id="davi")
        shares = {**TEAMS, REST: 1 - sum(TEAMS.values())}
        teams = [Team.objects.create(slug=name, name=name) for name in shares]
        chosen = self.random.choice(len(teams), count, p=list(shares.values()))
        rows = Conversation.objects.bulk_create(
            (
                Conversation(inbox=inbox, contact=contact, identity=identity, team=teams[place], last_seq=8)
                for place in chosen
            ),
            batch_size=5_000,
        )
        return inbox.pk, [row.pk for row in rows]

    def _copy(self, cursor: Any, ids: Sequence[uuid.UUID], where: Sequence[uuid.UUID]) -> None:
        with cursor.copy(
            "COPY knowledge_messagevector (message_id, conversation_id, vector) FROM STDIN (FORMAT BINARY)"
        ) as rows:
            rows.set_types(["uuid", "uuid", "halfvec"])
            for row in zip(ids, where, varied(self.base, len(ids), self.random), strict=True):
                rows.write_row((*row[:2], HalfVector(row[2])))


def measure(name: str, share: float, asked: Vectors) -> list[Figure]:
    """Asks within one team, first so that every message is compared, then as the product would.

    All of the one before the other: to compare everything drives from memory what is asked for day by day.
    """
    team = Team.objects.get(slug=name)
    actor = Actor.system()
    rows = MessageVector.objects.visible_to(actor, team=team)
    nearest = [messages.compared(rows, vector, limit=LIMIT) for vector in asked.tolist()]
    seconds, shares = [], []
    for vector in asked[:WARMING_UP].tolist():
        messages.fetched(messages.nearest_vectors(rows, vector, limit=LIMIT))
    for vector, best in zip(asked.tolist(), nearest, strict=True):
        began = time.perf_counter()
        found = messages.fetched(messages.nearest_vectors(rows, vector, limit=LIMIT))
        seconds.append(time.perf_counter() - began)
        floor = best[-1][1] - 1e-6
        shares.append(sum(row.score >= floor for row in found) / len(best))
    thought = messages.estimate(rows)
    way = messages.way_to(rows, LIMIT)
    recall = sum(shares) / len(shares)
    label = f"{share:.1%} of all"
    return [
        Figure(
            f"{label}: found of the {LIMIT} nearest", recall, "", target=f"≥ {RECALL}", met=recall >= RECALL
        ),
        Figure(f"{label}: p50", percentile(seconds, 0.5) * 1000, "ms", note=f"{way}, {thought} thought"),
        at_most(P95_MS, f"{label}: p95", percentile(seconds, 0.95) * 1000, "ms"),
    ]


def main(count: int, questions: int, seed: int) -> int:
    """Fills, asks, prints; 1 when a target was missed."""
    call_command("migrate", interactive=False, verbosity=0)
    connection.ensure_connection()
    register_vector(connection.connection)
    random = np.random.default_rng(seed)
    base = np.asarray(embed(sentences()), dtype=np.float32)
    print(f"{count} messages, varied from {len(base)} sentences", flush=True)
    figures = [Figure("building the index", Archive(base, random).fill(count), "s")]
    asked = varied(base, questions, random)
    for name, share in TEAMS.items():
        figures += measure(name, share, asked)
    for figure in figures:
        print(report.line(figure))
    print(report.as_json({"message_search": figures}))
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
