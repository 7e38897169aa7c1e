"""Articles, search, reports and events."""

from datetime import timedelta

from django.utils import timezone

from conversations.actions import Sender, receive
from conversations.models import Inbox
from core.actor import Actor
from knowledge.actions import embed_some, index_articles, save_article
from knowledge.models import Article
from tests.api.rows import Row, Side, Who

ONE = "api/v1/articles/<int:article_id>"
WEEK = f"?since={timezone.now() - timedelta(days=6):%Y-%m-%d}&until={timezone.now():%Y-%m-%d}"


def article_of(side: Side) -> Article:
    """Articles are everybody's to read."""
    found = Article.objects.filter(team=side.team).first()
    return found or one_more(side, 0)


def one_more(side: Side, number: int) -> Article:
    made = Article(
        title=f"Troca {number}", body="Em 30 dias.", language="pt", team=side.team, status="published"
    )
    save_article(article=made, by=Actor.system())
    index_articles(article_ids=[made.pk])
    return made


IDS = {"article_id": lambda side: article_of(side).pk}
ROWS = {
    ("api/v1/articles", "get"): Row(foreign=200, lists=0),
    ("api/v1/articles", "post"): Row(201, 201, body={"title": "Trocas", "language": "pt"}, who=Who.LEADS),
    (ONE, "get"): Row(foreign=200),
    (ONE, "patch"): Row(foreign=200, body={"status": "published"}, who=Who.LEADS),
    (ONE, "delete"): Row(204, 204, who=Who.LEADS),
    ("api/v1/search", "get"): Row(
        foreign=200, query="?q=Pedido&in=articles,messages,conversations,contacts,tickets&limit=20"
    ),
    ("api/v1/messages/search", "post"): Row(
        foreign=200, body={"query": "Segredo"}, reads=True, before=lambda _side: embed_some()
    ),
    ("api/v1/events", "get"): Row(foreign=200),
    **{
        (f"api/v1/reports/{name}", "get"): Row(foreign=200, query=WEEK + more)
        for name, more in {
            "conversations": "&by=operator",
            "first-reply": "&by=team",
            "resolution": "&by=inbox",
            "operators": "",
            "agents": "&by=agent",
            "tickets": "&by=operator",
        }.items()
    },
}


def grow(side: Side, number: int) -> None:
    one_more(side, number)
    inbox = Inbox.objects.filter(team=side.team).earliest("pk")
    receive(inbox=inbox, sender=Sender(f"known{number}"), text=f"Pedido número {number}")
    embed_some()
