"""Writing, changing and deleting articles one by one: who may, what is kept, and what search makes of it."""

from functools import partial
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.enums import Role
from accounts.models import Team, User
from core.actor import Actor, ActorKind
from core.errors import Changed, Forbidden, NotFound
from core.versions import version_of
from knowledge import actions
from knowledge.actions import articles as module
from knowledge.models import Article, Chunk
from knowledge.queries import article_by_id, articles_for, search
from knowledge.vectors import vectors_of
from tests.campaigns.lines import no_errors, together
from tests.knowledge.conftest import Write

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
KEY = Actor(ActorKind.API_KEY, "1", "Sync", leads=True)
NEW = {"title": "Prazo de entrega", "body": "Dois dias.", "language": "pt"}


@pytest.fixture
def lead(bruno: User) -> Actor:
    """Bruno, since he leads his team."""
    bruno.role = Role.LEAD
    bruno.save(update_fields=["role"])
    return bruno.as_actor()


def jobs() -> int:
    return ProcrastinateJob.objects.filter(task_name="knowledge.index_article", status="todo").count()


def test_what_is_written_is_a_draft_until_somebody_publishes_it(lead: Actor) -> None:
    article = actions.write_article(by=lead, **NEW)
    actions.index_articles(article_ids=[article.pk])
    assert (article.status, article.slug, search("Prazo de entrega")) == ("draft", "prazo-de-entrega", [])
    actions.change_article(article=article, by=lead, status="published")
    assert search("Prazo de entrega")[0].article_id == article.pk


@pytest.mark.parametrize("name", ["lead", "ana", "key"])
def test_leads_administrators_and_keys_decide_what_customers_are_told(
    name: str, lead: Actor, ana: User
) -> None:
    actor = {"lead": lead, "ana": ana.as_actor(), "key": KEY}[name]
    article = actions.write_article(by=actor, **NEW)
    assert actions.change_article(article=article, by=actor, title="Entrega").slug == "entrega"
    actions.delete_article(article=article, by=actor)
    assert not Article.objects.exists()


@pytest.mark.parametrize("name", ["operator", "contact", "agent", "key that leads nobody"])
def test_nobody_else_writes_changes_or_deletes(name: str, bruno: User, write: Write) -> None:
    actor = {
        "operator": bruno.as_actor(),
        "contact": Actor(ActorKind.CONTACT, "1", "Davi", leads=True),
        "agent": Actor(ActorKind.AGENT, "1", "Lia", leads=True),
        "key that leads nobody": Actor(ActorKind.API_KEY, "1", "Sync"),
    }[name]
    article = write("Title", "Text.")
    with pytest.raises(Forbidden):
        actions.write_article(by=actor, **NEW)
    with pytest.raises(Forbidden):
        actions.change_article(article=article, by=actor, body="Free money.")
    with pytest.raises(Forbidden):
        actions.delete_article(article=article, by=actor)
    assert [(row.title, row.body) for row in Article.objects.all()] == [("Title", "Text.")]


def test_a_change_leaves_alone_what_it_does_not_name(write: Write, team: Team, lead: Actor) -> None:
    article = write("Title", "Text.", team=team, tags=["a"], source_url="https://shop.example/a")
    actions.change_article(article=article, by=lead, body="New text.")
    row = Article.objects.get()
    assert (row.title, row.body, row.team, row.tags) == ("Title", "New text.", team, ["a"])
    assert (row.source_url, row.status, row.language) == ("https://shop.example/a", "published", "en")


def test_a_change_made_to_an_older_copy_undoes_nothing_of_a_newer_one(write: Write, lead: Actor) -> None:
    """What is written is the row with the change, not the copy that was read some minutes ago."""
    old = write("Title", "Text.")
    actions.change_article(article=old, by=lead, body="Newer text.")
    actions.change_article(article=old, by=lead, title="Other title")
    row = Article.objects.get()
    assert (row.title, row.body, row.slug) == ("Other title", "Newer text.", "other-title")


def test_who_read_an_older_version_changes_and_deletes_nothing(write: Write, lead: Actor) -> None:
    article = write("Title", "Text.")
    read = version_of(article)
    actions.change_article(article=article, by=lead, body="Newer.", expected=read)
    with pytest.raises(Changed):
        actions.change_article(article=article, by=lead, body="Mine.", expected=read)
    with pytest.raises(Changed):
        actions.delete_article(article=article, by=lead, expected=read)
    assert Article.objects.get().body == "Newer."


def test_the_job_that_makes_passages_makes_no_new_version(lead: Actor) -> None:
    """Else whoever saves twice within some seconds would be told that somebody else was quicker."""
    article = actions.write_article(by=lead, **NEW)
    read = version_of(Article.objects.get())
    actions.index_articles(article_ids=[article.pk])
    assert version_of(Article.objects.get()) == read
    changed = actions.change_article(article=article, by=lead, body="Três dias.", expected=read)
    assert changed.body == "Três dias."


def test_an_article_that_is_gone_is_neither_changed_nor_deleted_again(write: Write, lead: Actor) -> None:
    article = write("Title")
    Article.objects.all().delete()
    with pytest.raises(NotFound):
        actions.change_article(article=article, by=lead, title="Back again")
    with pytest.raises(NotFound):
        actions.delete_article(article=article, by=lead)
    assert not Article.objects.exists()


def test_a_deleted_article_is_found_by_nobody_any_more(library: dict[str, Article], lead: Actor) -> None:
    actions.delete_article(article=library["noise"], by=lead)
    assert library["noise"].pk not in {passage.article_id for passage in search("how loud is it?")}
    assert not Chunk.objects.exclude(article__in=[library["filter"], library["motor"]]).exists()


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_what_is_taken_back_is_gone_at_once_and_comes_back_without_a_job(
    write: Write, lead: Actor, status: str
) -> None:
    article = write("Prazo de entrega", "Dois dias.", "pt")
    ProcrastinateJob.objects.all().delete()
    actions.change_article(article=article, by=lead, status=status)
    assert search("Prazo de entrega") == []
    actions.change_article(article=article, by=lead, status="published")
    assert search("Prazo de entrega")[0].text == "Dois dias."
    assert jobs() == 0


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"title": "Entrega"}, 1),
        ({"body": "Três dias."}, 1),
        ({"title": "Prazo", "body": "Dois dias."}, 0),
        ({"tags": ["a"]}, 0),
        ({"language": "es"}, 0),
        ({"source_url": "https://shop.example/a"}, 0),
    ],
)
def test_passages_are_made_anew_where_title_or_text_differ_and_only_there(
    write: Write, lead: Actor, change: dict[str, Any], asked: int
) -> None:
    article = write("Prazo", "Dois dias.", "pt")
    ProcrastinateJob.objects.all().delete()
    actions.change_article(article=article, by=lead, **change)
    assert jobs() == asked


def test_text_that_comes_back_before_the_job_has_run_is_searchable_as_it_was(
    write: Write, lead: Actor
) -> None:
    article = write("Prazo", "Dois dias.", "pt")
    actions.change_article(article=article, by=lead, body="Três dias.")
    assert not Article.objects.get().is_searchable
    actions.change_article(article=article, by=lead, body="Dois dias.")
    assert Article.objects.get().is_searchable
    assert actions.index_articles(article_ids=[article.pk]) == 0
    assert search("Prazo")[0].text == "Dois dias."


def test_a_new_title_is_found_as_a_title_at_once_and_the_old_one_no_more(write: Write, lead: Actor) -> None:
    article = write("Prazo de entrega", "Dois dias.", "pt")
    actions.change_article(article=article, by=lead, title="Quando chega meu pedido")
    assert search("quando chega meu pedido?")[0].exact
    assert not search("Prazo de entrega")[0].exact


def test_articles_of_a_team_that_is_deleted_stay_and_are_everybodys(
    write: Write, team: Team, other_team: Team
) -> None:
    article = write("Prazo de entrega", "Dois dias.", "pt", team=team)
    assert search("Prazo de entrega", team_id=other_team.pk) == []
    team.delete()
    assert search("Prazo de entrega", team_id=other_team.pk)[0].article_id == article.pk


def test_an_article_deleted_while_it_is_embedded_leaves_no_passages(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    article, kept = (actions.save_article(article=Article(**NEW), by=SYSTEM) for _ in range(2))

    def deleted_meanwhile(texts: Any) -> Any:
        Article.objects.filter(pk=article.pk).delete()
        return vectors_of(texts)

    monkeypatch.setattr(module, "vectors_of", deleted_meanwhile)
    assert actions.index_articles(article_ids=[article.pk, kept.pk]) == 1
    assert [chunk.article_id for chunk in Chunk.objects.all()] == [kept.pk]


@pytest.mark.django_db(transaction=True)
def test_two_who_change_different_things_at_once_both_have_their_way(write: Write) -> None:
    article = write("Title", "Text.")
    changes: list[dict[str, Any]] = [
        {"title": "New title"},
        {"body": "New text."},
        {"tags": ["new"]},
        {"status": "archived"},
    ]
    no_errors(
        together(*(partial(actions.change_article, article=article, by=SYSTEM, **one) for one in changes))
    )
    row = Article.objects.get()
    assert (row.title, row.body, row.tags, row.status) == ("New title", "New text.", ["new"], "archived")
    actions.index_articles(article_ids=[row.pk])
    assert row.chunks.get().text == "New text."


@pytest.mark.django_db(transaction=True)
def test_of_two_who_change_what_they_both_read_one_is_told(write: Write) -> None:
    article = write("Title", "Text.")
    change = partial(actions.change_article, article=article, by=SYSTEM, expected=version_of(article))
    outcomes = together(partial(change, body="Mine."), partial(change, body="Mine, rather."))
    (winner,) = (one for one in outcomes if isinstance(one, Article))
    assert [type(one) for one in outcomes if one is not winner] == [Changed]
    assert Article.objects.get().body == winner.body


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_index_one_article_at_once_make_its_passages_once(write: Write) -> None:
    article = actions.save_article(article=Article(**NEW), by=SYSTEM)
    run = partial(actions.index_articles, article_ids=[article.pk])
    no_errors(together(run, run, run))
    assert [chunk.position for chunk in article.chunks.all()] == [0]


# --- Lists ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        ("COTTON", ["Half cotton", "Pure cotton"]),
        ("100%", ["Pure cotton"]),
        ("%", ["Pure cotton"]),
        ("size_l", ["Half cotton"]),
        ("_", ["Half cotton"]),
        ("ção", ["Devolução"]),
        ("\\", []),
        ("", ["Devolução", "Half cotton", "Pure cotton"]),
    ],
)
def test_words_are_looked_for_as_they_are_written(write: Write, words: str, titles: list[str]) -> None:
    write("Pure cotton", "It is 100% cotton.")
    write("Half cotton", "Order it as size_l.")
    write("Devolução", "30 dias.", "pt", status="draft")
    assert sorted(article.title for article in articles_for(SYSTEM, words=words)) == titles


@pytest.mark.parametrize("kind", [ActorKind.CONTACT, ActorKind.AGENT])
def test_customers_and_agents_neither_list_nor_read_what_is_not_published(
    write: Write, kind: ActorKind
) -> None:
    draft, public = write("Secret margin", status="draft"), write("Secret of good coffee")
    actor = Actor(kind, "1", "x", is_admin=True, leads=True)
    assert list(articles_for(actor, words="secret")) == [public]
    assert article_by_id(public.pk, actor=actor) == public
    with pytest.raises(NotFound):
        article_by_id(draft.pk, actor=actor)
    assert article_by_id(draft.pk, actor=SYSTEM) == draft
