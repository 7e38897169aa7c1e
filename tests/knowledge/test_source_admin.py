"""Sources in the admin: set up, given files, read, followed, stopped, confirmed, deleted."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.enums import Role
from accounts.models import User
from core.actor import Actor
from knowledge.actions import add_files
from knowledge.enums import ItemStatus, SourceKind, SourceStatus
from knowledge.models import Article, Source, SourceItem
from tests.knowledge.test_sources import QUESTIONS, kept, read, titles, with_files

pytestmark = pytest.mark.django_db
LIST = "/admin/knowledge/source/"
ITEMS = "/admin/knowledge/sourceitem/"
FORM = {
    "name": "Manual",
    "kind": "files",
    "address": "",
    "text": "",
    "team": "",
    "language": "",
    "category": "",
    "audience": "public",
    "tags": "",
    "hours": "",
    "when_gone": "archive",
}


@pytest.fixture
def lead(client: Client, bruno: User) -> Client:
    bruno.role = Role.LEAD
    bruno.save(update_fields=["role"])
    client.force_login(bruno, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page_of(source: Source) -> str:
    return f"{LIST}{source.pk}/change/"


def file(name: str, content: bytes = b"# Title\n\nText.") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_several_files_are_taken_with_the_form_that_adds_them(lead: Client) -> None:
    given = [file("a.md", b"# A\n\nText."), file("b.md", b"# B\n\nText.")]
    response = lead.post(f"{LIST}add/", {**FORM, "uploads": given}, follow=True)
    source = Source.objects.get()
    assert response.redirect_chain == [(page_of(source), 302)]
    text = response.content.decode()
    assert "2 files are being read." in text
    assert f'data-panel="{LIST}{source.pk}/panel/"' in text
    assert "Stop reading" in text
    assert read(source).status == SourceStatus.DONE
    assert titles() == ["A", "B"]


def test_more_files_are_added_on_the_page_of_the_source(lead: Client) -> None:
    source = with_files(a_md=b"# A\n\nText.")
    lead.post(page_of(source), {**FORM, "uploads": [file("b.md", b"# B\n\nText.")]})
    read(source)
    assert titles() == ["A", "B"]


@pytest.mark.parametrize(
    ("entered", "told"),
    [
        ({"kind": "website"}, "A website needs its address."),
        ({"kind": "website", "address": "ftp://x.test/"}, "Only http and https addresses can be fetched."),
        ({"kind": "questions"}, "There is no text yet."),
        ({"uploads": [file("a.png")]}, "a.png cannot be read"),
        ({"kind": "text", "text": "x", "hours": "0"}, "Between an hour and ninety days, please."),
    ],
)
def test_what_could_never_be_read_is_refused(lead: Client, entered: dict[str, Any], told: str) -> None:
    text = lead.post(f"{LIST}add/", {**FORM, **entered}).content.decode()
    assert told in text
    assert not Source.objects.exists()


def test_a_file_that_is_too_large_is_refused_with_the_form(
    lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge.actions.sources.MAX_TABLE_BYTES", 3)
    text = lead.post(f"{LIST}add/", {**FORM, "uploads": [file("a.md")]}).content.decode()
    assert "It is larger than allowed." in text
    assert not Source.objects.exists()


def test_the_page_shows_what_was_not_read_and_why(lead: Client) -> None:
    source = kept()
    add_files(source=source, files=[("a.md", b"\0"), ("b.md", b"# B\n\nText.")], by=Actor.system())
    read(source)
    text = lead.get(page_of(source)).content.decode()
    assert "Read, with problems" in text
    assert "1 page or file was not read" in text
    assert "binary, not text" in text
    assert f"{ITEMS}?source__id__exact={source.pk}" in text
    assert "Read, with problems" in lead.get(LIST).content.decode()
    assert "binary, not text" in lead.get(f"{ITEMS}?source__id__exact={source.pk}").content.decode()


def test_reading_is_asked_for_stopped_and_followed(lead: Client) -> None:
    source = read(kept(SourceKind.QUESTIONS, text=QUESTIONS))
    form = {**FORM, "text": QUESTIONS}
    panel = f"{LIST}{source.pk}/panel/"
    assert 'data-panel=""' in lead.get(panel).content.decode()
    assert lead.post(page_of(source), {**form, "_read": "1"}).status_code == 302
    source.refresh_from_db()
    assert source.status == SourceStatus.WAITING
    assert f'data-panel="{panel}"' in lead.get(panel).content.decode()
    lead.post(page_of(source), {**form, "_stop": "1"})
    source.refresh_from_db()
    assert source.status == SourceStatus.STOPPED


def test_what_seems_gone_is_named_and_confirmed_by_a_button(lead: Client) -> None:
    source = with_files(faq_csv=b"question,answer\nA?,a\nB?,b\nC?,c\n")
    add_files(source=source, files=[("faq.csv", b"question,answer\nA?,a\n")], by=Actor.system())
    read(source)
    text = lead.get(page_of(source)).content.decode()
    assert "2 articles seem to be gone" in text
    assert "<li>B?</li>" in text
    lead.post(page_of(source), {**FORM, "_confirm": "1"})
    assert titles(status="published") == ["A?"]


def test_deleting_says_how_many_articles_go_along(lead: Client) -> None:
    source = with_files(a_md=b"# A\n\nText.", b_md=b"# B\n\nText.")
    address = f"{LIST}{source.pk}/delete/"
    assert "Manual: with 2 articles made of it" in lead.get(address).content.decode()
    lead.post(address, {"post": "yes"})
    assert not Source.objects.exists()
    assert not Article.objects.exists()


def test_a_file_is_removed_and_a_page_is_not(lead: Client) -> None:
    source = with_files(a_md=b"# A\n\nText.")
    item = source.items.get()
    page = SourceItem.objects.create(source=source, name="https://x.test/", status=ItemStatus.READ)
    assert lead.post(f"{ITEMS}{page.pk}/delete/", {"post": "yes"}).status_code == 403
    assert lead.post(f"{ITEMS}{item.pk}/delete/", {"post": "yes"}).status_code == 302
    assert list(source.items.all()) == [page]
    assert titles(status="published") == []


def test_an_article_names_its_source(lead: Client) -> None:
    source = with_files(a_md=b"# A\n\nText.", b_md=b"# B\n\nText.")
    text = lead.get(f"/admin/knowledge/article/?origin__id__exact={source.pk}").content.decode()
    assert "2 articles" in text
    article = Article.objects.first()
    assert article is not None
    assert (
        f"{LIST}{source.pk}/change/"
        in lead.get(f"/admin/knowledge/article/{article.pk}/change/").content.decode()
    )


def test_operators_see_none_of_it(client: Client, bruno: User) -> None:
    source = kept()
    client.force_login(bruno, backend="django.contrib.auth.backends.ModelBackend")
    for address in (LIST, page_of(source), f"{LIST}{source.pk}/panel/", ITEMS):
        assert client.get(address).status_code == 403


def test_the_list_costs_the_same_for_one_and_many(lead: Client, django_assert_max_num_queries: Any) -> None:
    for _number in range(3):
        with_files(a_md=b"# A\n\nText.")
    with django_assert_max_num_queries(14):
        lead.get(LIST)
