"""What customers asked in vain: gathered by meaning across languages, written about, put away, closed."""

from collections import Counter
from itertools import count
from typing import Any

import pytest
from django.test import Client

from accounts.enums import Role
from accounts.models import Team, User
from conversations.actions import Sender, receive
from conversations.models import Conversation, Inbox, Message
from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden, NotFound
from knowledge.actions import (
    Unanswered,
    close_answered,
    dismiss_wanted,
    index_articles,
    note_unanswered,
    save_article,
    write_wanted,
)
from knowledge.enums import ArticleStatus, WantedStatus, WhyUnanswered
from knowledge.models import UnansweredQuestion, WantedArticle
from knowledge.queries.wanted import questions_of, wanted_for
from tests.conftest import make_user
from tests.knowledge.conftest import Write

pytestmark = pytest.mark.django_db
numbers = count()
TOPICS = {
    "student discount": [
        "Estudante tem desconto?",
        "Vocês dão desconto para quem estuda?",
        "Is there a discount for students?",
        "Do students pay less?",
        "¿Hay descuento para estudiantes?",
    ],
    "pets": [
        "Posso levar meu cachorro na loja?",
        "A loja aceita animais de estimação?",
        "Can I bring my dog to the shop?",
        "Are pets allowed in the store?",
        "¿Puedo entrar con mi perro a la tienda?",
    ],
    "sizes": [
        "Como sei o meu tamanho de camisa?",
        "Tem tabela de medidas das roupas?",
        "How do I find my shirt size?",
        "Is there a size chart for clothes?",
        "¿Cómo sé mi talla de camisa?",
    ],
    "repair": [
        "Vocês consertam bicicletas?",
        "Quanto custa o conserto da bicicleta?",
        "Do you repair bicycles?",
        "How much is a bike repair?",
        "¿Reparan bicicletas?",
    ],
    "newsletter": [
        "Como cancelo a newsletter?",
        "Não quero mais receber os e-mails de promoção",
        "How do I unsubscribe from the newsletter?",
        "Stop sending me promotional e-mails",
        "¿Cómo cancelo el boletín de correos?",
    ],
    "parking": [
        "A loja tem estacionamento?",
        "Onde posso estacionar o carro perto da loja?",
        "Is there parking at the store?",
        "Where can I park my car near the shop?",
        "¿La tienda tiene aparcamiento?",
    ],
}


def ask(inbox: Inbox, text: str, why: WhyUnanswered = WhyUnanswered.NOTHING_FOUND) -> Message:
    """A customer of their own asks in vain."""
    sender = Sender(f"asker-{next(numbers)}", name="Eva")
    message = receive(inbox=inbox, sender=sender, text=text).message
    note_unanswered([Unanswered(message, why)])
    return message


def answer(wanted: WantedArticle, body: str) -> None:
    """Publishes the draft of a topic."""
    article = wanted.article
    assert article is not None
    article.body, article.status = body, ArticleStatus.PUBLISHED
    save_article(article=article, by=Actor.system())
    index_articles(article_ids=[article.pk])


def test_thirty_questions_on_six_topics_in_three_languages_make_about_six(inbox: Inbox) -> None:
    asked = [(topic, text) for turn in range(5) for topic, texts in TOPICS.items() for text in [texts[turn]]]
    topic_of = {ask(inbox, text).pk: topic for topic, text in asked}
    found: dict[int, Counter[str]] = {}
    for row in UnansweredQuestion.objects.all():
        found.setdefault(row.wanted_id, Counter())[topic_of[row.message_id]] += 1
    assert 5 <= len(found) <= 8, found
    together = sum(topics.most_common(1)[0][1] for topics in found.values())
    assert together >= 25, found
    assert max(len(row.languages) for row in wanted_for(Actor.system())) == 3  # type: ignore[attr-defined]


def test_the_same_message_counts_once_and_a_word_is_no_question(inbox: Inbox) -> None:
    message = ask(inbox, "Vocês consertam bicicletas?")
    assert note_unanswered([Unanswered(message, WhyUnanswered.NOT_HELPFUL)]) == 0
    ask(inbox, "ok")
    row = UnansweredQuestion.objects.get()
    assert (row.message, row.why, row.language) == (message, WhyUnanswered.NOTHING_FOUND, "pt")


def test_readers_hear_of_what_was_asked_in_conversations_they_see(
    inbox: Inbox, other_team: Team, bruno: User, ana: User
) -> None:
    ask(inbox, "Vocês consertam bicicletas?")
    secret = ask(inbox, "Quanto custa o conserto da bicicleta?")
    Conversation.objects.filter(pk=secret.conversation_id).update(team=other_team)
    wanted = WantedArticle.objects.get()
    for who, times in ((bruno, 1), (ana, 2)):
        (row,) = wanted_for(who.as_actor())
        assert row.times == times  # type: ignore[attr-defined]
        assert questions_of(wanted, actor=who.as_actor()).count() == times
    assert not wanted_for(Actor(ActorKind.CONTACT, "1", "Eva"))
    Conversation.objects.update(team=other_team)
    assert not wanted_for(bruno.as_actor())


def test_a_draft_begins_with_the_question_and_closes_it_once_it_is_published(
    inbox: Inbox, ana: User, write: Write
) -> None:
    write("Delivery times", "Delivery takes two days.")
    ask(inbox, "Do you repair bicycles?")
    ask(inbox, "Can you repair my bicycle?")
    wanted = WantedArticle.objects.get()
    assert close_answered() == 0
    draft = write_wanted(wanted=wanted, by=ana.as_actor())
    assert (draft.title, draft.body, draft.language) == ("Can you repair my bicycle?", "", "en")
    assert (draft.status, draft.team) == (ArticleStatus.DRAFT, inbox.team)
    assert write_wanted(wanted=wanted, by=ana.as_actor()) == draft
    assert close_answered() == 0
    wanted.refresh_from_db()
    answer(wanted, "Yes, we repair bicycles of every kind within three days.")
    assert close_answered() == 1
    wanted.refresh_from_db()
    assert (wanted.status, wanted.article) == (WantedStatus.WRITTEN, draft)
    with pytest.raises(Conflict):
        dismiss_wanted(wanted=wanted, by=ana.as_actor())
    # Asked in vain once more, it is to be written once more.
    ask(inbox, "Do you repair bicycles?")
    assert WantedArticle.objects.filter(status=WantedStatus.OPEN).count() == 1


def test_what_was_there_already_closes_nothing(inbox: Inbox, write: Write) -> None:
    write("Do you repair bicycles?", "Yes, we repair bicycles of every kind.")
    ask(inbox, "Do you repair bicycles?", WhyUnanswered.NOT_HELPFUL)
    assert close_answered() == 0
    assert WantedArticle.objects.get().status == WantedStatus.OPEN


def test_an_article_whose_passages_come_late_closes_all_the_same(inbox: Inbox) -> None:
    ask(inbox, "Do you repair bicycles?")
    wanted = WantedArticle.objects.get()
    article = write_wanted(wanted=wanted, by=Actor.system())
    article.body, article.status = "Yes, we repair bicycles of every kind.", ArticleStatus.PUBLISHED
    save_article(article=article, by=Actor.system())
    assert close_answered() == 0
    index_articles(article_ids=[article.pk])
    assert close_answered() == 1


def test_what_was_put_away_gathers_unseen(inbox: Inbox, ana: User) -> None:
    ask(inbox, "Do you repair bicycles?")
    dismiss_wanted(wanted=WantedArticle.objects.get(), by=ana.as_actor())
    ask(inbox, "¿Reparan bicicletas?")
    wanted = WantedArticle.objects.get()
    assert (wanted.status, wanted.decided_by, wanted.questions.count()) == (WantedStatus.DISMISSED, "Ana", 2)


def test_who_decides(inbox: Inbox, bruno: User, other_team: Team) -> None:
    ask(inbox, "Do you repair bicycles?")
    wanted = WantedArticle.objects.get()
    elsa = make_user("elsa", Role.LEAD, other_team)
    for act in (write_wanted, dismiss_wanted):
        do: Any = act
        with pytest.raises(Forbidden):
            do(wanted=wanted, by=bruno.as_actor())
        with pytest.raises(NotFound):
            do(wanted=wanted, by=elsa.as_actor())


def test_questions_go_with_their_conversation_and_topics_with_their_questions(inbox: Inbox) -> None:
    message = ask(inbox, "Do you repair bicycles?")
    message.conversation.delete()
    close_answered()
    assert not WantedArticle.objects.exists()


def test_the_page_shows_what_one_may_see_and_leads_to_the_draft(
    inbox: Inbox, ana: User, other_team: Team, client: Client
) -> None:
    as_ana = Client()
    as_ana.force_login(ana, backend="django.contrib.auth.backends.ModelBackend")
    message = ask(inbox, "Do you repair bicycles?")
    wanted = WantedArticle.objects.get()
    page = as_ana.get("/admin/knowledge/wantedarticle/?status__exact=open").content.decode()
    assert "Do you repair bicycles?" in page
    assert "Do you repair" not in as_ana.get("/admin/knowledge/wantedarticle/?q=fridge").content.decode()
    address = f"/admin/knowledge/wantedarticle/{wanted.pk}/change/"
    page = as_ana.get(address).content.decode()
    assert f"/admin/inbox/{message.conversation_id}/" in page
    answer = as_ana.post(address, {"_write": "1"})
    wanted.refresh_from_db()
    assert wanted.article is not None
    assert answer["Location"] == f"/admin/knowledge/article/{wanted.article.pk}/change/"
    as_ana.post(address, {"_dismiss": "1"})
    wanted.refresh_from_db()
    assert wanted.status == WantedStatus.DISMISSED
    elsa = make_user("elsa", Role.LEAD, other_team)
    client.force_login(elsa, backend="django.contrib.auth.backends.ModelBackend")
    assert "bicycles" not in client.get("/admin/knowledge/wantedarticle/").content.decode()
    assert client.get(address).status_code == 302
