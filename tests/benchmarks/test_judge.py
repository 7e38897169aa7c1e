"""Each kind of broken promise is planted once, and must be seen as what it is."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from benchmarks.faults.customers import Ledger
from benchmarks.faults.judge import Verdict, judge
from benchmarks.faults.payloads import ANSWER, text_of
from conversations.actions import Sender, receive
from conversations.actions.record import Draft, add_message, lock, save_locked
from conversations.enums import AuthorKind, DeliveryStatus, Direction, Status
from conversations.enums import Verdict as Receipt
from conversations.models import Conversation, Delivery, Event, InboundEvent, Inbox, Message
from core.actor import Actor

WRITER, ANSWERER = "telegram.1", "reply.telegram.1"


@dataclass
class Scene:
    """A customer who has written three messages and got two replies, and all who keep accounts of it."""

    inbox: Inbox
    folder: Path
    ledger: Ledger = field(default_factory=Ledger)
    given: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def write(self, text: str) -> None:
        """The customer's message is stored; whether it was sent and acknowledged is for the ledger."""
        receive(inbox=self.inbox, sender=Sender("c1"), text=text, client_id=uuid.uuid4())

    def say(self, number: int) -> str:
        text = text_of(WRITER, number)
        self.ledger.sent[WRITER].append(text)
        self.write(text)
        self.ledger.ack(text)
        return text

    def give(
        self, number: int, *, to: str = "c1", by: str = "telegram", keys: tuple[str, ...] = ("",)
    ) -> None:
        """A provider accepts a reply, once for each key."""
        rows = [{"to": to, "text": text_of(ANSWERER, number), "key": key} for key in keys]
        self.given.setdefault(by, []).extend(rows)

    def reply(self, *numbers: int) -> None:
        for number in numbers:
            self.ledger.replied_acked.add(text_of(ANSWERER, number))
            self.give(number)

    @property
    def conversation(self) -> Conversation:
        return Conversation.objects.get(inbox=self.inbox)

    def verdict(self) -> Verdict:
        paths = {name: self.folder / f"{name}.ledger" for name in ("telegram", "email", "api")}
        for name, rows in self.given.items():
            paths[name].write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
        known = {name: connection.settings_dict[key] for name, key in names.items()}
        return judge(
            make_conninfo(**{name: value for name, value in known.items() if value}), self.ledger, paths
        )


@pytest.fixture
def scene(transactional_db: None, inbox: Inbox, tmp_path: Path) -> Scene:
    made = Scene(inbox, tmp_path)
    for number in (1, 2, 3):
        made.say(number)
    made.reply(1, 2)
    return made


def plant_delivery(scene: Scene, status: DeliveryStatus) -> None:
    message = Message.objects.filter(inbox=scene.inbox).latest("seq")
    Delivery.objects.create(
        message=message, conversation=scene.conversation, inbox=scene.inbox, seq=message.seq, status=status
    )


def plant_receipt(scene: Scene, verdict: Receipt) -> None:
    InboundEvent.objects.create(inbox=scene.inbox, provider_event_id="1", body=b"?", verdict=verdict)


def lose_a_number(scene: Scene) -> None:
    Event.objects.filter(conversation=scene.conversation, seq=2).delete()


def leave_unanswered(scene: Scene) -> None:
    Conversation.objects.update(status=Status.BOT)


def answer(scene: Scene, text: str) -> None:
    """The agent says something."""
    with transaction.atomic():
        conversation = lock(scene.conversation.pk, by=Actor.system())
        add_message(conversation, Draft(AuthorKind.AGENT, "1", "Lia", Direction.OUT, text))
        save_locked(conversation)


def note(name: str) -> Callable[[Scene], None]:
    return lambda scene: setattr(scene.ledger, name, 1)


PLANTED: dict[str, tuple[Callable[[Scene], Any], set[str]]] = {
    "lost": (lambda scene: scene.ledger.ack(text_of(WRITER, 4)), {"acknowledged messages lost"}),
    "doubled": (lambda scene: scene.write(text_of(WRITER, 3)), {"messages stored twice"}),
    "ghost": (lambda scene: scene.write(text_of(WRITER, 4)), {"messages nobody sent"}),
    "disordered": (
        lambda scene: [scene.say(number) for number in (5, 4)],
        {"messages stored out of order"},
    ),
    "mangled": (
        lambda scene: scene.write(f"{WRITER}-4-00000000"),
        {"messages changed on the way", "messages nobody sent"},
    ),
    "a number missing": (lose_a_number, {"conversations whose numbers have gaps"}),
    "not understood": (lambda scene: plant_receipt(scene, Receipt.QUARANTINED), {"receipts in quarantine"}),
    "reply lost": (
        lambda scene: scene.ledger.replied_acked.add(text_of(ANSWERER, 3)),
        {"replies lost"},
    ),
    "replies disordered": (
        lambda scene: scene.reply(4, 3),
        {"replies sent out of order"},
    ),
    "delivery left": (
        lambda scene: plant_delivery(scene, DeliveryStatus.UNKNOWN),
        {"deliveries left unfinished"},
    ),
    "gap": (note("gaps"), {"gaps on sockets"}),
    "double": (note("doubles"), {"doubles on sockets"}),
    "unanswered": (leave_unanswered, {"questions without an answer"}),
    "half an answer": (lambda scene: answer(scene, ANSWER[:13]), {"answers of which a part is shown"}),
    "mail sent twice": (
        lambda scene: scene.give(9, by="email", keys=("<1@x>", "<2@x>")),
        {"sent twice by email"},
    ),
    "more doubles than deaths make": (
        lambda scene: scene.give(2, keys=("", "", "", "")),
        {"sent twice by telegram"},
    ),
}


def broken(verdict: Verdict) -> set[str]:
    return {line.partition(" ")[2] for line in verdict.failures}


def test_judge_finds_nothing_where_nothing_is_wrong(scene: Scene) -> None:
    verdict = scene.verdict()
    assert verdict.failures == []
    assert (verdict.acked, verdict.stored, verdict.replied, verdict.sent) == (3, 3, 2, 2)


@pytest.mark.parametrize("kind", PLANTED)
def test_judge_sees_what_was_planted_and_nothing_else(scene: Scene, kind: str) -> None:
    plant, expected = PLANTED[kind]
    plant(scene)
    assert broken(scene.verdict()) == expected


def test_judge_lets_a_message_pass_that_was_never_acknowledged(scene: Scene) -> None:
    text = text_of(WRITER, 4)
    scene.ledger.sent[WRITER].append(text)
    assert scene.verdict().failures == []
    scene.write(text)
    assert scene.verdict().failures == []


def test_judge_lets_a_whole_answer_pass(scene: Scene) -> None:
    answer(scene, ANSWER)
    assert scene.verdict().failures == []


def test_judge_takes_the_same_key_again_for_one_message(scene: Scene) -> None:
    scene.give(9, by="email", keys=("<1@x>",) * 3)
    scene.give(8, by="api", keys=("msg_1",) * 3)
    verdict = scene.verdict()
    assert verdict.failures == []
    assert verdict.sent_twice_by == {"telegram": 0, "email": 0, "api": 0}


def test_judge_lets_a_forgetful_provider_have_one_double(scene: Scene) -> None:
    scene.give(2)
    verdict = scene.verdict()
    assert verdict.failures == []
    assert verdict.sent_twice == 1


def test_judge_holds_order_for_each_customer_alone(scene: Scene) -> None:
    scene.give(5)
    scene.give(3, to="c2")
    assert scene.verdict().sent_out_of_order == 0
