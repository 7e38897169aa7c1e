"""Sources that are read by a job: files, pasted text, questions and answers, and what all kinds share."""

import io
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden, Invalid, TooLarge
from core.reasons import in_english
from helpdesk.media import DISK
from knowledge import vectors
from knowledge.actions import (
    add_files,
    confirm_gone,
    delete_source,
    plan_due,
    remove_items,
    save_article,
    save_source,
    start_sync,
    stop_sync,
    syncing,
)
from knowledge.enums import ItemStatus, SourceKind, SourceStatus, WhenGone
from knowledge.models import Article, Category, Source, SourceItem
from knowledge.queries import search
from tests.knowledge.documents import docx, pdf

pytestmark = pytest.mark.django_db
BY = Actor.system()
QUESTIONS = (
    "Q: How long does delivery take?\nA: Two days.\n\nQ: Do you ship abroad?\nA: To the whole of Europe."
)


def kept(kind: SourceKind = SourceKind.FILES, **more: Any) -> Source:
    return save_source(source=Source(name="Manual", kind=kind, **more), by=BY)


def read(source: Source) -> Source:
    """Lets the job run to its end."""
    job = syncing.Syncing(source.pk, sleep=lambda _seconds: None)
    while job.go_on():
        pass
    source.refresh_from_db()
    return source


def with_files(**files: bytes) -> Source:
    source = kept()
    given = [(name.replace("_", "."), content) for name, content in files.items()]
    add_files(source=source, files=given, by=BY)
    return read(source)


def put(source: Source, name: str, content: bytes) -> Source:
    add_files(source=source, files=[(name, content)], by=BY)
    return read(source)


def titles(**where: Any) -> list[str]:
    return sorted(Article.objects.filter(**where).values_list("title", flat=True))


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles of all articles that were embedded."""
    seen: list[str] = []
    real = vectors.vectors_of

    def counted(articles: Any) -> Any:
        seen.extend(title for title, _passages in articles)
        return real(articles)

    monkeypatch.setattr("knowledge.actions.articles.vectors_of", counted)
    return seen


# --- Kinds ----------------------------------------------------------------------------------------------


def test_files_of_every_kind_become_articles_that_are_found() -> None:
    source = with_files(
        warranty_md=b"# Warranty\n\nThe motor has a warranty of five years.",
        returns_html=b"<h1>Returns</h1><p>Within thirty days.</p>",
        faq_csv=b"question,answer\nDo you sell gift cards?,Yes.\n",
        manual_pdf=pdf("Hold the blue button for ten seconds to reset the purifier."),
        prices_docx=docx("Prices", "Spare filters cost twenty euros each."),
    )
    assert (source.status, in_english(source.error), source.created) == (SourceStatus.DONE, "", 5)
    assert (source.done, source.total) == (5, 5)
    assert titles() == ["Do you sell gift cards?", "Manual", "Prices", "Returns", "Warranty"]
    assert search("how do I reset the purifier")[0].title == "Manual"
    assert set(Article.objects.values_list("origin", flat=True)) == {source.pk}


def test_pasted_text_is_one_article_with_the_sources_name() -> None:
    source = read(kept(SourceKind.TEXT, text="We are open from nine to five."))
    assert (source.status, titles()) == (SourceStatus.DONE, ["Manual"])


@pytest.mark.parametrize(
    "text",
    [
        QUESTIONS,
        "How long does delivery take?\nTwo days.\n\nDo you ship abroad?\nTo the whole of Europe.",
        "P: How long does delivery take?\nR: Two days.\nP: Do you ship abroad?\nR: To the whole of Europe.",
        "title;text\nHow long does delivery take?;Two days.\nDo you ship abroad?;To the whole of Europe.",
    ],
)
def test_each_question_is_an_article_however_it_is_pasted(text: str) -> None:
    read(kept(SourceKind.QUESTIONS, text=text))
    found = dict(Article.objects.values_list("title", "body"))
    assert found == {
        "How long does delivery take?": "Two days.",
        "Do you ship abroad?": "To the whole of Europe.",
    }


def test_a_question_that_was_taken_out_answers_nobody_any_more() -> None:
    source = read(kept(SourceKind.QUESTIONS, text=QUESTIONS))
    source.text = "Q: Do you ship abroad?\nA: To the whole of Europe."
    read(save_source(source=source, by=BY))
    assert (source.status, source.gone, source.held) == (SourceStatus.DONE, 1, 0)
    assert titles(status="published") == ["Do you ship abroad?"]
    assert "How long does delivery take?" not in [found.title for found in search("How long is delivery?")]


def test_what_a_source_says_of_its_articles_they_have(team: Any) -> None:
    category = Category.objects.create(slug="delivery")
    read(
        kept(
            SourceKind.QUESTIONS,
            text=QUESTIONS,
            team=team,
            category=category,
            audience="internal",
            language="en",
            tags=["faq"],
        )
    )
    for article in Article.objects.all():
        assert (article.team, article.category, article.audience) == (team, category, "internal")
        assert (article.language, article.tags) == ("en", ["faq"])


# --- What cannot be read --------------------------------------------------------------------------------


def bomb() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("word/document.xml", b"0" * (101 * 1024 * 1024))
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.pdf", pdf(""), "pictures of pages only"),
        ("a.pdf", pdf("Secret.", password="x"), "locked with a password"),
        ("a.pdf", pdf("x", pages=501), "more than 500 pages"),
        ("a.pdf", b"%PDF-1.7 nothing", "damaged"),
        ("a.docx", b"PK\x03\x04 nothing", "damaged"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or locked Word file"),
        ("a.docx", bomb(), "unpacks to more than is read"),
        ("a.md", b"\0\0", "binary, not text"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_keeps_no_other_from_it(
    name: str, content: bytes, why: str
) -> None:
    source = kept()
    add_files(source=source, files=[(name, content), ("b.md", b"# B\n\nText.")], by=BY)
    read(source)
    assert (source.status, source.rejected, titles()) == (SourceStatus.PARTIAL, 1, ["B"])
    item = source.items.get(name=name)
    assert item.status == ItemStatus.FAILED
    assert why in in_english(item.reason)


def test_a_parser_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    child = tmp_path / "child.py"
    child.write_text("while True: pass")
    monkeypatch.setattr("knowledge.office.CHILD", child)
    monkeypatch.setattr("knowledge.office.SECONDS", 0.5)
    source = with_files(a_pdf=b"%PDF")
    assert source.status == SourceStatus.FAILED
    assert "too long" in in_english(source.items.get().reason)


def test_a_source_of_files_without_files_says_so() -> None:
    source = start_sync(source=kept(), by=BY)
    assert in_english(read(source).error) == "There are no files yet."


def test_a_file_whose_content_was_lost_keeps_its_article() -> None:
    source = with_files(a_md=b"# A\n\nText.", b_md=b"# B\n\nText.")
    item = source.items.get(name="a.md")
    item.file.storage.delete(str(item.file.name))
    start_sync(source=source, by=BY)
    read(source)
    assert (source.status, titles(status="published")) == (SourceStatus.PARTIAL, ["A", "B"])


# --- Again ----------------------------------------------------------------------------------------------


def test_reading_again_embeds_only_what_has_changed(embedded: list[str]) -> None:
    source = with_files(a_md=b"# A\n\nText.", b_md=b"# B\n\nText.")
    assert sorted(embedded) == ["A", "B"]
    embedded.clear()
    put(source, "b.md", b"# B\n\nAnother text.")
    assert (source.created, source.updated, source.unchanged) == (0, 1, 1)
    assert embedded == ["B"]


def test_an_edit_by_hand_survives_until_the_file_changes() -> None:
    source = with_files(a_md=b"# A\n\nText.")
    article = Article.objects.get()
    article.body = "By hand."
    save_article(article=article, by=BY)
    start_sync(source=source, by=BY)
    assert read(source).unchanged == 1
    article.refresh_from_db()
    assert article.body == "By hand."
    put(source, "a.md", b"# A\n\nNew.")
    article.refresh_from_db()
    assert article.body == "New."


def test_a_reading_that_was_killed_goes_on_and_its_figures_are_right(
    monkeypatch: pytest.MonkeyPatch, embedded: list[str]
) -> None:
    """Killed after the first file was stored, and before its passages were made."""

    class Killed(BaseException):
        pass

    def die(_name: str) -> None:
        raise Killed

    source = kept()
    files = [(f"{number}.md", f"# Title {number}\n\nText {number}.".encode()) for number in range(3)]
    add_files(source=source, files=files, by=BY)
    with monkeypatch.context() as patched:
        patched.setattr(syncing, "crash_point", die)
        with pytest.raises(Killed):
            syncing.Syncing(source.pk).go_on()
    source.refresh_from_db()
    assert (source.status, source.done, source.total, source.created) == (SourceStatus.READING, 1, 3, 1)
    read(source)
    assert (source.status, source.sync, source.done) == (SourceStatus.DONE, 1, 3)
    assert (source.created, source.updated, source.unchanged) == (3, 0, 0)
    assert sorted(embedded) == ["Title 0", "Title 1", "Title 2"]
    assert not Article.objects.stale().exists()


GO_ON = """
import django, sys
django.setup()
from knowledge.actions.syncing import Syncing
job = Syncing(int(sys.argv[1]))
while job.go_on():
    pass
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_killed_between_two_files_leaves_nothing_to_do_twice(
    tmp_path: Path, settings: Any
) -> None:
    """kill -9, of a process of its own on the same database and files."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.STORAGES = {**settings.STORAGES, "default": DISK}
    source = kept()
    files = [(f"{number}.md", f"# Title {number}\n\nText {number}.".encode()) for number in range(4)]
    add_files(source=source, files=files, by=BY)
    where = connection.settings_dict
    address = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**where)
    variables = {
        "DATABASE_URL": address,
        "DJANGO_SETTINGS_MODULE": "helpdesk.settings",
        "HELPDESK_HOME": str(tmp_path),
        "HELPDESK_CRASH_AT": "knowledge.item_stored:2",
    }
    died = subprocess.run(
        [sys.executable, "-c", GO_ON, str(source.pk)],
        cwd=settings.BASE_DIR,
        env={**os.environ, **variables},
        check=False,
        timeout=120,
        capture_output=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    source.refresh_from_db()
    assert (source.status, source.done, source.created) == (SourceStatus.READING, 2, 2)
    assert Article.objects.stale().count() == 2
    read(source)
    assert (source.status, source.sync, source.done, source.created) == (SourceStatus.DONE, 1, 4, 4)
    assert (source.updated, source.unchanged) == (0, 0)
    assert not Article.objects.stale().exists()


def test_a_table_that_was_killed_half_way_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "BATCH", 1)
    source = kept(SourceKind.QUESTIONS, text=QUESTIONS)
    real, calls = syncing._store_some, []

    def once(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(syncing, "_store_some", once)
        with pytest.raises(KeyboardInterrupt):
            syncing.Syncing(source.pk).go_on()
    assert Article.objects.count() == 1
    read(source)
    assert (source.created, source.updated, source.unchanged) == (2, 0, 0)


def test_a_source_that_is_read_is_not_read_beside_itself() -> None:
    source = kept(SourceKind.TEXT, text="Text.")
    start_sync(source=source, by=BY)
    jobs = ProcrastinateJob.objects.filter(task_name="knowledge.read_source")
    assert [job.lock for job in jobs] == [f"knowledge.source:{source.pk}"]


def test_a_stopped_reading_stores_nothing_more() -> None:
    source = kept(SourceKind.TEXT, text="Text.")
    stop_sync(source=source, by=BY)
    assert read(source).status == SourceStatus.STOPPED
    assert not Article.objects.exists()
    assert read(start_sync(source=source, by=BY)).status == SourceStatus.DONE


def test_a_source_that_is_stopped_under_way_ends_after_the_file_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = kept()
    add_files(source=source, files=[("a.md", b"# A\n\nText."), ("b.md", b"# B\n\nText.")], by=BY)
    monkeypatch.setattr(syncing, "crash_point", lambda _name: stop_sync(source=source, by=BY))
    assert read(source).status == SourceStatus.STOPPED
    assert titles() == ["A"]
    assert not Article.objects.stale().exists()


def test_what_is_due_is_read_and_then_planned_again(time_machine: Any) -> None:
    time_machine.move_to("2026-11-23T10:00:00Z", tick=False)
    source = read(kept(SourceKind.TEXT, text="Text.", hours=2))
    by_hand = read(kept(SourceKind.TEXT, text="Other.", language="en"))
    time_machine.move_to("2026-11-23T11:59:00Z", tick=False)
    plan_due()
    assert read(source).sync == 1
    time_machine.move_to("2026-11-23T12:00:00Z", tick=False)
    plan_due()
    assert (read(source).sync, read(by_hand).sync) == (2, 1)
    assert str(source.due_at) == "2026-11-23 14:00:00+00:00"


def test_a_reading_whose_job_was_lost_gets_another() -> None:
    source = kept(SourceKind.TEXT, text="Text.")
    ProcrastinateJob.objects.all().delete()
    plan_due()
    assert ProcrastinateJob.objects.get().args == {"source_id": source.pk}


# --- What is gone ---------------------------------------------------------------------------------------


def test_rows_that_are_gone_are_put_away_and_come_back() -> None:
    rows = [f"Question {number}?,Answer {number}." for number in range(4)]
    source = with_files(faq_csv="\n".join(["question,answer", *rows]).encode())
    put(source, "faq.csv", "\n".join(["question,answer", *rows[1:]]).encode())
    assert (source.gone, titles(status="archived")) == (1, ["Question 0?"])
    put(source, "faq.csv", "\n".join(["question,answer", *rows]).encode())
    assert titles(status="published") == [f"Question {number}?" for number in range(4)]


def test_what_somebody_put_away_by_hand_stays_so() -> None:
    source = with_files(a_md=b"# A\n\nText.")
    Article.objects.update(status="archived")
    put(source, "a.md", b"# A\n\nNew.")
    assert titles(status="archived") == ["A"]


@pytest.mark.parametrize(("when", "left"), [(WhenGone.ARCHIVE, 3), (WhenGone.DELETE, 1)])
def test_more_than_half_gone_is_kept_until_somebody_confirms(when: WhenGone, left: int) -> None:
    source = with_files(faq_csv=b"question,answer\nA?,a\nB?,b\nC?,c\n")
    source.when_gone = when
    save_source(source=source, by=BY)
    put(source, "faq.csv", b"question,answer\nA?,a\n")
    assert (source.status, source.held, source.gone) == (SourceStatus.PARTIAL, 2, 0)
    assert titles(status="published") == ["A?", "B?", "C?"]
    assert confirm_gone(source=source, by=BY) == 2
    source.refresh_from_db()
    assert (source.status, source.held, source.gone) == (SourceStatus.DONE, 0, 2)
    assert titles(status="published") == ["A?"]
    assert Article.objects.count() == left
    assert confirm_gone(source=source, by=BY) == 0


def test_nothing_is_confirmed_while_it_is_read() -> None:
    with pytest.raises(Conflict):
        confirm_gone(source=kept(SourceKind.TEXT, text="Text."), by=BY)


def test_a_table_that_is_broken_today_keeps_its_rows() -> None:
    source = with_files(faq_csv=b"question,answer\nA?,a\nB?,b\n")
    put(source, "faq.csv", b'question,answer\nA?,a\nB?,"b')
    assert (source.status, titles(status="published")) == (SourceStatus.PARTIAL, ["A?", "B?"])


def test_a_file_that_is_removed_takes_its_article_along() -> None:
    source = with_files(a_md=b"# A\n\nText.", b_md=b"# B\n\nText.")
    item = source.items.get(name="a.md")
    remove_items(items=[item], by=BY)
    assert titles(status="published") == ["B"]
    assert not SourceItem.objects.filter(pk=item.pk).exists()


def test_a_deleted_source_takes_articles_and_files_along(
    django_capture_on_commit_callbacks: Any,
) -> None:
    other = read(kept(SourceKind.TEXT, text="Other.", language="en"))
    source = with_files(a_md=b"# A\n\nText.")
    file = source.items.get().file
    with django_capture_on_commit_callbacks(execute=True):
        assert delete_source(source=source, by=BY) == 1
    assert not file.storage.exists(str(file.name))
    assert list(Source.objects.all()) == [other]
    assert titles() == ["Manual"]


# --- Who may, and what is refused -----------------------------------------------------------------------

OPERATOR = Actor(ActorKind.OPERATOR, "1", "Bruno")


def test_an_operator_may_do_none_of_it() -> None:
    source = kept()
    for attempt in (
        lambda: save_source(source=source, by=OPERATOR),
        lambda: start_sync(source=source, by=OPERATOR),
        lambda: stop_sync(source=source, by=OPERATOR),
        lambda: confirm_gone(source=source, by=OPERATOR),
        lambda: add_files(source=source, files=[], by=OPERATOR),
        lambda: remove_items(items=[], by=OPERATOR),
        lambda: delete_source(source=source, by=OPERATOR),
    ):
        with pytest.raises(Forbidden):
            attempt()


@pytest.mark.parametrize("name", ["photo.png", "a", f"{'a' * 200}.md"])
def test_a_file_of_another_kind_is_refused_at_once(name: str) -> None:
    with pytest.raises(Invalid):
        add_files(source=kept(), files=[(name, b"x")], by=BY)


def test_a_file_that_is_too_large_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.actions.sources.MAX_TABLE_BYTES", 1)
    with pytest.raises(TooLarge):
        add_files(source=kept(), files=[("a.md", b"xx")], by=BY)


def test_files_are_for_sources_of_files_only() -> None:
    with pytest.raises(Invalid):
        add_files(source=kept(SourceKind.TEXT, text="x"), files=[("a.md", b"x")], by=BY)


def test_a_text_without_a_word_is_refused() -> None:
    with pytest.raises(Invalid):
        kept(SourceKind.QUESTIONS, text="  ")
