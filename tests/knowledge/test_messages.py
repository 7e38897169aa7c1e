"""What past messages mean: made by a job, gone with the text, found only by who may see them."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import Team, User
from conversations.actions import Sender, assign, note, receive, reply
from conversations.actions.changes import edit, take_back
from conversations.exchange import Deleted, Edited
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor, ActorKind
from knowledge import tasks
from knowledge.actions import embed_some
from knowledge.models import MessageToEmbed, MessageVector
from knowledge.queries import messages, similar_messages
from llm.door import embed

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
Say = Callable[..., Message]


@pytest.fixture
def say(inbox: Inbox) -> Say:
    """Has a customer of their own write, in a conversation of their own."""

    def write(text: str, *, where: Inbox = inbox, who: str = "", **more: Any) -> Message:
        return receive(inbox=where, sender=Sender(who or text[:80]), text=text, **more).message

    return write


@pytest.fixture
def other_inbox(other_team: Team) -> Inbox:
    return Inbox.objects.create(name="Finance", team=other_team)


@pytest.fixture(params=["exact", "sketches", "walk"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way to the nearest, whatever the planner would say of so few."""
    monkeypatch.setattr(messages, "way_to", lambda *_: request.param)


def texts(query: str, actor: Actor = SYSTEM, **more: Any) -> list[str]:
    return [found.message.text for found in similar_messages(query, actor=actor, **more)]


def vectors() -> set[str]:
    return set(MessageVector.objects.values_list("message__text", flat=True))


def test_a_message_is_found_by_what_it_means_once_the_job_has_run(say: Say) -> None:
    say("Meu pedido ainda não chegou")
    say("How do I change my password?")
    assert texts("where is my parcel") == []
    assert embed_some() == 2
    assert texts("where is my parcel")[0] == "Meu pedido ainda não chegou"
    assert texts("esqueci a senha")[0] == "How do I change my password?"


def test_the_score_is_the_cosine_and_a_threshold_cuts_by_it(say: Say) -> None:
    said, asked = "The parcel has not arrived", "Where is my parcel?"
    say(said)
    say("Vocês aceitam cartão de crédito?")
    embed_some()
    one, other = embed([said, asked])
    cosine = sum(a * b for a, b in zip(one, other, strict=True))
    best, rest = similar_messages(asked, actor=SYSTEM)
    assert best.score == pytest.approx(cosine, abs=2e-3)
    assert rest.score < best.score < 1
    assert texts(asked, threshold=(best.score + rest.score) / 2) == [said]
    assert similar_messages(said, actor=SYSTEM)[0].score == pytest.approx(1, abs=2e-3)


def test_a_burst_is_one_run_of_the_job_and_no_message_defers_one(say: Say) -> None:
    before = _jobs()
    for number in range(300):
        say(f"Frage Nummer {number}", who="davi")
    assert not [name for name in _jobs()[len(before) :] if name.startswith("knowledge.")]
    assert MessageToEmbed.objects.count() == 300
    tasks_run = 0
    while embed_some():
        tasks_run += 1
    assert tasks_run == 3
    assert MessageVector.objects.count() == 300
    assert not MessageToEmbed.objects.exists()


def _jobs() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT task_name FROM procrastinate_jobs ORDER BY id")
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.django_db(transaction=True)
async def test_the_job_goes_on_until_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from asgiref.sync import sync_to_async

    def begin() -> None:
        inbox = Inbox.objects.create(name="Shop")
        for number in range(5):
            receive(inbox=inbox, sender=Sender("davi"), text=f"Message {number}")

    monkeypatch.setattr("knowledge.actions.messages.BATCH", 2)
    await sync_to_async(begin)()
    await tasks.embed_messages.func(timestamp=0)
    assert await MessageVector.objects.acount() == 5


def test_neither_notes_nor_lines_of_the_system_nor_empty_ones_are_embedded(
    conversation: Conversation, bruno: User
) -> None:
    note(conversation=conversation, text="Ele é difícil", by=bruno.as_actor())
    reply(conversation=conversation, text="Está a caminho.", by=bruno.as_actor())
    Message.objects.filter(direction="in").update(text="")
    embed_some()
    assert vectors() == {"Está a caminho."}


def test_an_edited_message_is_not_found_by_what_it_said_before(say: Say, inbox: Inbox) -> None:
    message = say("I want a refund", external_id="e1")
    embed_some()
    edit(inbox, Edited("e1", "Where do I find the invoice?"))
    assert not MessageVector.objects.exists()
    embed_some()
    message.refresh_from_db()
    found = similar_messages("invoice", actor=SYSTEM)
    assert [row.message.pk for row in found] == [message.pk]
    assert found[0].score > 0.4
    assert similar_messages("I want a refund", actor=SYSTEM)[0].score < 0.9


def test_what_was_taken_back_leaves_neither_vector_nor_work(say: Say, inbox: Inbox) -> None:
    say("My card number is …", external_id="e1")
    say("Another secret", external_id="e2", who="someone")
    embed_some()
    edit(inbox, Edited("e2", "Yet another"))
    take_back(inbox, Deleted("e1"))
    take_back(inbox, Deleted("e2"))
    assert not MessageVector.objects.exists()
    assert not MessageToEmbed.objects.exists()


def test_a_deleted_conversation_takes_the_vectors_along(say: Say) -> None:
    message = say("Hello")
    waiting = say("Hello again", who="someone")
    MessageToEmbed.objects.exclude(message=message).delete()
    embed_some()
    MessageToEmbed.objects.create(message=waiting)
    message.conversation.delete()
    waiting.conversation.delete()
    assert not MessageVector.objects.exists()
    assert not MessageToEmbed.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_text_that_changes_while_it_is_embedded_is_embedded_again(
    say: Say, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("First", external_id="e1")

    def meanwhile(read: list[str]) -> list[list[float]]:
        edit(inbox, Edited("e1", "Second"))
        return embed(read)

    with monkeypatch.context() as patch:
        patch.setattr("knowledge.actions.messages.embed", meanwhile)
        assert embed_some() == 0
    assert not MessageVector.objects.exists()
    assert embed_some() == 1
    assert similar_messages("Second", actor=SYSTEM)[0].score == pytest.approx(1, abs=2e-3)


@pytest.mark.django_db(transaction=True)
def test_a_message_that_somebody_is_changing_is_left_for_later_and_waits_for_nobody(say: Say) -> None:
    one, other = say("One"), say("Other")
    locked, done = threading.Event(), threading.Event()

    def change() -> None:
        try:
            with transaction.atomic():
                Message.objects.filter(pk=one.pk).update(text="Changed")
                locked.set()
                done.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=change)
    thread.start()
    assert locked.wait(30)
    assert embed_some() == 1
    assert set(MessageVector.objects.values_list("pk", flat=True)) == {other.pk}
    # Who changes it has not ended: nobody was waited for.
    assert thread.is_alive()
    done.set()
    thread.join()
    assert embed_some() == 1
    assert vectors() == {"Changed", "Other"}


@pytest.mark.usefixtures("way")
def test_nobody_finds_what_they_may_not_see(
    *, say: Say, other_inbox: Inbox, bruno: User, clara: User, ana: User
) -> None:
    canary = "The canary sings of the secret merger"
    say(canary, where=other_inbox)
    for number in range(40):
        say(f"The canary number {number} sings", where=Inbox.objects.get(name="Shop"))
    embed_some()
    assert canary not in texts(canary, bruno.as_actor(), limit=50)
    assert len(texts(canary, bruno.as_actor(), limit=50)) == 40
    assert texts(canary, clara.as_actor(), limit=50) == [canary]
    assert texts(canary, ana.as_actor())[0] == canary
    key = Actor(ActorKind.API_KEY, "1", "key", team_ids=bruno.as_actor().team_ids)
    assert canary not in texts(canary, key, limit=50)
    assert texts(canary, Actor(ActorKind.AGENT, "1", "Lia")) == []


@pytest.mark.usefixtures("way")
def test_a_team_is_chosen_before_anything_is_ranked(
    *, say: Say, other_inbox: Inbox, other_team: Team, team: Team, ana: User, bruno: User
) -> None:
    for number in range(60):
        say(f"I ask for the invoice of order {number}", where=Inbox.objects.get(name="Shop"))
    say("The weather is fine", where=other_inbox)
    embed_some()
    assert texts("invoice", ana.as_actor(), team=other_team, limit=5) == ["The weather is fine"]
    assert len(texts("invoice", ana.as_actor(), team=team, limit=50)) == 50
    assert texts("invoice", bruno.as_actor(), team=other_team) == []


def test_a_conversation_that_moves_to_another_team_takes_its_messages_along(
    say: Say, bruno: User, clara: User, other_team: Team
) -> None:
    message = say("Where is my parcel?")
    embed_some()
    assign(conversation=message.conversation, to=None, team=other_team, by=SYSTEM)
    assert texts("parcel", bruno.as_actor()) == []
    assert texts("parcel", clara.as_actor()) == ["Where is my parcel?"]


def test_walking_the_index_leaves_the_callers_transaction_as_it_was(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("Hello")
    embed_some()
    monkeypatch.setattr(messages, "way_to", lambda *_: "walk")
    texts("Hello")
    with connection.cursor() as cursor:
        for name in ("enable_sort", "enable_hashjoin", "enable_mergejoin"):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == ("on",)


def test_the_command_embeds_what_is_there_and_all_anew_when_told(say: Say, capsys: Any) -> None:
    for number in range(3):
        say(f"Message {number}")
    call_command("embed_messages")
    assert "3 made, 3 in all." in capsys.readouterr().out
    call_command("embed_messages")
    assert "0 made, 3 in all." in capsys.readouterr().out
    call_command("embed_messages", "--again")
    assert "3 made, 3 in all." in capsys.readouterr().out


def test_an_empty_question_finds_nothing(say: Say) -> None:
    say("Hello")
    embed_some()
    assert similar_messages("  \n", actor=SYSTEM) == []
