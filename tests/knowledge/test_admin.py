"""Articles in the admin."""

from typing import Any

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.enums import Role
from accounts.models import Team, User
from knowledge.models import Article, ProposedAnswer
from tests.knowledge.conftest import Write

pytestmark = pytest.mark.django_db
LIST = "/admin/knowledge/article/"
FORM = {
    "title": "Prazo de entrega",
    "body": "Dois dias.",
    "language": "pt",
    "status": "published",
    "audience": "public",
    "team": "",
    "tags": "entrega,prazo",
    "source_url": "",
    "chunks-TOTAL_FORMS": "0",
    "chunks-INITIAL_FORMS": "0",
}


@pytest.fixture
def admin(client: Client, ana: User) -> Client:
    client.force_login(ana)
    return client


def test_add_goes_through_the_action(admin: Client) -> None:
    response = admin.post(f"{LIST}add/", FORM)
    assert response.status_code == 302, response.content.decode()
    article = Article.objects.get()
    assert (article.slug, article.tags) == ("prazo-de-entrega", ["entrega", "prazo"])
    assert ProcrastinateJob.objects.filter(task_name="knowledge.index_article").count() == 1


def test_add_form_has_no_page_to_show_yet(admin: Client) -> None:
    text = admin.get(f"{LIST}add/").content.decode()
    assert "Show the page" not in text
    assert "/help/" not in text


def test_add_without_a_title_says_so(admin: Client) -> None:
    response = admin.post(f"{LIST}add/", {**FORM, "title": ""})
    assert "This field is required" in response.content.decode()
    assert not Article.objects.exists()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "not an address", "ftp://"])
def test_source_that_is_no_web_address_is_refused(admin: Client, url: str) -> None:
    admin.post(f"{LIST}add/", {**FORM, "source_url": url})
    assert not Article.objects.exists()


def test_change_shows_preview_and_passages_and_keeps_them_until_the_job(admin: Client, write: Write) -> None:
    article = write("Prazo", "Dois dias.", "pt")
    text = admin.get(f"{LIST}{article.pk}/change/").content.decode()
    assert article.get_absolute_url() in text
    assert "Dois dias." in text
    form = {**FORM, "body": "Três dias."}
    assert admin.post(f"{LIST}{article.pk}/change/", form).status_code == 302
    article.refresh_from_db()
    assert article.body == "Três dias."
    assert article.chunks.get().text == "Dois dias."
    assert article.checksum != article.indexed_checksum


def test_delete_takes_the_passages_along(admin: Client, write: Write) -> None:
    one, two = write("One"), write("Two")
    admin.post(f"{LIST}{one.pk}/delete/", {"post": "yes"})
    assert list(Article.objects.all()) == [two]
    selection = {"action": "delete_selected", "_selected_action": [str(two.pk)], "post": "yes"}
    admin.post(LIST, selection)
    assert not Article.objects.exists()


def test_list_counts_passages_and_marks_what_is_not_indexed(admin: Client, write: Write) -> None:
    write("Long", "\n\n".join(f"Paragraph {number} goes on. " * 12 for number in range(4)))
    Article.objects.create(title="New", language="en", checksum="x")
    rows = admin.get(LIST).content.decode().split("<tr>")[1:]
    (long,) = (row for row in rows if ">Long</a>" in row)
    (new,) = (row for row in rows if ">New</a>" in row)
    assert f'class="field-passages">{Article.objects.get(title="Long").chunks.count()}<' in long
    assert 'class="field-passages">0<' in new
    assert "icon-yes" in long
    assert "icon-no" in new


def test_list_is_searched_and_filtered(admin: Client, write: Write) -> None:
    write("Delivery", "Parcels fly.", "en")
    write("Entrega", "Caixas voam.", "pt", status="draft")
    for query, shown, hidden in (
        ("q=parcels", "Delivery", "Entrega"),
        ("status__exact=draft", "Entrega", "Delivery"),
        ("language__exact=en", "Delivery", "Entrega"),
    ):
        text = admin.get(f"{LIST}?{query}").content.decode()
        assert f">{shown}</a>" in text
        assert f">{hidden}</a>" not in text


def test_list_costs_the_same_with_one_article_and_with_three(
    admin: Client, write: Write, team: Any, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    write("One", team=team)
    with django_assert_max_num_queries(12) as first:
        admin.get(LIST)
    write("Two", team=team)
    write("Three", team=team)
    with django_assert_num_queries(len(first.captured_queries)):
        admin.get(LIST)


def test_operator_may_read_articles_and_not_change_them(client: Client, bruno: User, write: Write) -> None:
    article = write("Title", "Text.")
    client.force_login(bruno)
    assert client.get(LIST).status_code == 200
    page = client.get(f"{LIST}{article.pk}/change/")
    assert page.status_code == 200
    assert "Passages" in page.content.decode()
    assert client.post(f"{LIST}{article.pk}/change/", FORM).status_code == 403
    assert client.post(f"{LIST}add/", FORM).status_code == 403
    article.refresh_from_db()
    assert article.body == "Text."


def test_lead_may_change_and_delete_articles(client: Client, bruno: User, write: Write) -> None:
    bruno.role = Role.LEAD
    bruno.save(update_fields=["role"])
    article = write("Title", "Text.")
    client.force_login(bruno)
    assert client.post(f"{LIST}{article.pk}/change/", {**FORM, "body": "New."}).status_code == 302
    assert client.post(f"{LIST}{article.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Article.objects.exists()


# --- Proposed answers --------------------------------------------------------------------------------------
PROPOSALS = "/admin/knowledge/proposedanswer/"


@pytest.fixture
def proposal(team: Team) -> ProposedAnswer:
    """What an operator of Bruno's team has proposed."""
    return ProposedAnswer.objects.create(
        question="Do you ship abroad?", answer="Yes.", language="en", team=team, vector=[0.0] * 512
    )


def decide(client: Client, proposal: ProposedAnswer, verb: str, **more: str) -> int:
    form = {"question": proposal.question, "answer": "Yes, to Portugal.", "language": "en", "team": ""}
    address = f"{PROPOSALS}{proposal.pk}/change/"
    return client.post(address, {**form, **more, verb: "1"}).status_code


def test_lead_approves_what_they_have_said_better(
    client: Client, ana: User, proposal: ProposedAnswer
) -> None:
    client.force_login(ana)
    assert "Approve" in client.get(f"{PROPOSALS}{proposal.pk}/change/").content.decode()
    assert decide(client, proposal, "_approve") == 302
    article = Article.objects.get()
    assert (article.title, article.body) == ("Do you ship abroad?", "Yes, to Portugal.")
    proposal.refresh_from_db()
    assert (proposal.status, proposal.article) == ("approved", article)
    page = client.get(f"{PROPOSALS}{proposal.pk}/change/").content.decode()
    assert 'name="_approve"' not in page
    assert decide(client, proposal, "_refuse") == 403


def test_lead_refuses_a_proposal(client: Client, ana: User, proposal: ProposedAnswer) -> None:
    client.force_login(ana)
    assert decide(client, proposal, "_refuse") == 302
    assert not Article.objects.exists()


def test_saving_a_proposal_decides_nothing(client: Client, ana: User, proposal: ProposedAnswer) -> None:
    client.force_login(ana)
    assert decide(client, proposal, "_save") == 302
    proposal.refresh_from_db()
    assert (proposal.status, proposal.answer) == ("proposed", "Yes, to Portugal.")


def test_proposals_are_for_leads_of_the_team(
    client: Client, bruno: User, clara: User, proposal: ProposedAnswer
) -> None:
    client.force_login(bruno)
    assert client.get(PROPOSALS).status_code == 403
    clara.role = "lead"
    clara.save()
    client.force_login(clara)
    assert proposal.question not in client.get(PROPOSALS).content.decode()
    assert decide(client, proposal, "_approve") in {302, 404}
    proposal.refresh_from_db()
    assert proposal.status == "proposed"
