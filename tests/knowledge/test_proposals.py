"""Answers that people correct: proposed, merged, approved, and then found."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from conversations.actions import Sender, receive, reply
from conversations.enums import Status, Validation
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden, Invalid, NotFound
from knowledge.actions import approve_answer, correct_answer, index_articles, proposals, refuse_answer
from knowledge.enums import Audience, ProposalStatus
from knowledge.models import Article, ProposedAnswer
from knowledge.queries import nearest
from tests.knowledge.conftest import Write

pytestmark = pytest.mark.django_db
AGENT = Actor(ActorKind.AGENT, "1", "Lia")
WRONG = "The filter is changed every two years."
RIGHT = "The filter is changed every six months, or when the orange light is on."
QUESTION = "how often do I change the filter of the purifier?"


def answered(inbox: Inbox, question: str = QUESTION, answer: str = WRONG) -> Message:
    """A customer's question and what the agent said to it."""
    conversation = receive(inbox=inbox, sender=Sender(f"v-{question}"), text=question).conversation
    Conversation.objects.filter(pk=conversation.pk).update(status=Status.BOT)
    return reply(conversation=conversation, text=answer, by=AGENT)


def test_operators_correction_waits_for_a_lead(inbox: Inbox, bruno: User, ana: User) -> None:
    message = answered(inbox)
    proposal = correct_answer(message=message, text=RIGHT, by=bruno.as_actor())
    assert (proposal.question, proposal.answer, proposal.former) == (QUESTION, RIGHT, WRONG)
    assert (proposal.language, proposal.team, proposal.status) == ("en", inbox.team, ProposalStatus.PROPOSED)
    assert (proposal.message, proposal.proposed_by) == (message, "Bruno")
    assert nearest(QUESTION) == []
    with pytest.raises(Forbidden):
        approve_answer(proposal=proposal, by=bruno.as_actor())
    approve_answer(proposal=proposal, by=ana.as_actor())
    index_articles(article_ids=list(Article.objects.values_list("pk", flat=True)))
    assert RIGHT in nearest(QUESTION)[0].text


def test_leads_correction_answers_the_same_question_in_other_words(
    inbox: Inbox, ana: User, write: Write
) -> None:
    wrong = write("Maintenance of the purifier", "The filter of the purifier is changed every two years.")
    others = ("when must the purifier's filter be replaced?", "de quanto em quanto tempo troco o filtro?")
    assert {nearest(words)[0].article_id for words in others} == {wrong.pk}
    proposal = correct_answer(message=answered(inbox), text=RIGHT, by=ana.as_actor())
    assert (proposal.status, proposal.decided_by) == (ProposalStatus.APPROVED, "Ana")
    assert proposal.article is not None
    index_articles(article_ids=[proposal.article.pk])
    assert {nearest(words)[0].article_id for words in others} == {proposal.article.pk}


def test_message_keeps_what_was_said_to_the_customer(inbox: Inbox, ana: User) -> None:
    message = answered(inbox)
    correct_answer(message=message, text=RIGHT, by=ana.as_actor())
    message.refresh_from_db()
    assert (message.text, message.validated_by) == (WRONG, Validation.HUMAN)


def test_answer_found_good_is_marked_so(inbox: Inbox, bruno: User) -> None:
    message = answered(inbox, answer=RIGHT)
    proposal = correct_answer(message=message, text=f" {RIGHT}\n", by=bruno.as_actor())
    message.refresh_from_db()
    assert (proposal.former, message.validated_by) == ("", Validation.HUMAN)


@pytest.mark.parametrize(
    "again", [QUESTION.upper(), "how often do I change the filter of the purifiers?", f"  {QUESTION}!"]
)
def test_nearly_the_same_question_changes_what_waits(inbox: Inbox, bruno: User, again: str) -> None:
    first = correct_answer(message=answered(inbox), text="Every year.", by=bruno.as_actor())
    second = correct_answer(message=answered(inbox, again), text=RIGHT, by=bruno.as_actor())
    assert (second.pk, second.answer, second.times) == (first.pk, RIGHT, 2)


@pytest.mark.parametrize(
    "other", ["how do I clean the purifier?", "cada cuánto se cambia el filtro del purificador?"]
)
def test_another_question_or_language_is_another_proposal(inbox: Inbox, bruno: User, other: str) -> None:
    correct_answer(message=answered(inbox), text=RIGHT, by=bruno.as_actor())
    correct_answer(message=answered(inbox, other), text=RIGHT, by=bruno.as_actor())
    assert ProposedAnswer.objects.count() == 2


def test_correction_of_a_correction_changes_its_article(inbox: Inbox, bruno: User, ana: User) -> None:
    first = correct_answer(message=answered(inbox), text="Every year.", by=ana.as_actor())
    second = correct_answer(message=answered(inbox, QUESTION.upper()), text=RIGHT, by=bruno.as_actor())
    assert (second.status, second.article) == (ProposalStatus.PROPOSED, first.article)
    assert Article.objects.get().body == "Every year."
    approve_answer(proposal=second, by=ana.as_actor())
    assert Article.objects.get().body == RIGHT


def test_refused_proposal_leaves_no_trace_in_the_knowledge(inbox: Inbox, bruno: User, ana: User) -> None:
    proposal = correct_answer(message=answered(inbox), text=RIGHT, by=bruno.as_actor())
    refuse_answer(proposal=proposal, by=ana.as_actor())
    with pytest.raises(Conflict):
        approve_answer(proposal=proposal, by=ana.as_actor())
    assert not Article.objects.exists()
    again = correct_answer(message=answered(inbox), text=RIGHT, by=bruno.as_actor())
    assert again.pk != proposal.pk


def test_approved_twice_is_one_article_and_cannot_be_refused(inbox: Inbox, bruno: User, ana: User) -> None:
    proposal = correct_answer(message=answered(inbox), text=RIGHT, by=bruno.as_actor())
    for _again in range(2):
        approve_answer(proposal=proposal, by=ana.as_actor(), audience=Audience.INTERNAL)
    with pytest.raises(Conflict):
        refuse_answer(proposal=proposal, by=ana.as_actor())
    assert Article.objects.get().audience == Audience.INTERNAL


def test_article_of_an_answer_that_was_deleted_is_made_anew(inbox: Inbox, ana: User) -> None:
    correct_answer(message=answered(inbox), text="Every year.", by=ana.as_actor())
    Article.objects.all().delete()
    correct_answer(message=answered(inbox), text=RIGHT, by=ana.as_actor())
    assert Article.objects.get().body == RIGHT


@pytest.mark.parametrize("text", ["", "  ", "x" * 20_001])
def test_correction_says_something(inbox: Inbox, ana: User, text: str) -> None:
    with pytest.raises(Invalid):
        correct_answer(message=answered(inbox), text=text, by=ana.as_actor())


def test_only_answers_are_corrected(inbox: Inbox, ana: User) -> None:
    message = answered(inbox)
    asked = Message.objects.get(conversation=message.conversation, text=QUESTION)
    with pytest.raises(Invalid):
        correct_answer(message=asked, text=RIGHT, by=ana.as_actor())


def test_question_may_be_said_better(inbox: Inbox, ana: User) -> None:
    message = answered(inbox, question="and the filter?")
    proposal = correct_answer(message=message, text=RIGHT, by=ana.as_actor(), question=f"{QUESTION} ")
    assert proposal.question == QUESTION


def test_corrections_are_for_staff_who_see_the_conversation(
    inbox: Inbox, clara: User, bruno: User, ana: User
) -> None:
    message = answered(inbox)
    with pytest.raises(NotFound):
        correct_answer(message=message, text=RIGHT, by=clara.as_actor())
    with pytest.raises(Forbidden):
        correct_answer(message=message, text=RIGHT, by=AGENT)
    proposal = correct_answer(message=message, text=RIGHT, by=bruno.as_actor())
    assert not ProposedAnswer.objects.visible_to(clara.as_actor()).exists()
    assert not ProposedAnswer.objects.visible_to(AGENT).exists()
    assert ProposedAnswer.objects.visible_to(bruno.as_actor()).get() == proposal


def test_proposal_outlives_the_conversation(inbox: Inbox, bruno: User) -> None:
    message = answered(inbox)
    proposal = correct_answer(message=message, text=RIGHT, by=bruno.as_actor())
    Conversation.objects.get(pk=message.conversation_id).delete()
    proposal.refresh_from_db()
    assert proposal.message is None


@pytest.mark.django_db(transaction=True)
def test_four_who_correct_the_same_at_once_are_counted(
    inbox: Inbox, bruno: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, together = proposals._nearly_same, Barrier(4)

    def looks_together(*asked: Any) -> ProposedAnswer | None:
        with suppress(BrokenBarrierError):
            together.wait(timeout=0.5)
        return looks(*asked)

    monkeypatch.setattr(proposals, "_nearly_same", looks_together)
    messages = [answered(inbox, f"{QUESTION}{'!' * number}") for number in range(4)]

    def correct(message: Message) -> None:
        correct_answer(message=message, text=RIGHT, by=bruno.as_actor())
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(correct, messages))
    assert ProposedAnswer.objects.get().times == 4
