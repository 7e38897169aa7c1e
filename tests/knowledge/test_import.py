"""Importing folders, files and web pages, again and again."""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from accounts.models import Team
from core.actor import Actor, ActorKind
from core.errors import Forbidden
from knowledge.actions import ImportReport, import_source
from knowledge.management.commands.import_articles import ProgressBar
from knowledge.models import Article, Category, Chunk
from knowledge.queries import search
from knowledge.sources import NoSource, open_source
from tests.fakes.site import Site, page

pytestmark = pytest.mark.django_db
DELIVERY = "---\nteam: support\ntags: entrega\n---\n# Prazo de entrega\n\nDois dias úteis."
PNG = b"\x89PNG\r\n\x1a\n\0\0\0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A help centre as people keep them: several formats and languages."""
    root = tmp_path / "help"
    for path, content in {
        "pt/prazo-de-entrega.md": DELIVERY,
        "pt-br/extra/boleto.markdown": "# Boleto vencido\n\nGere outro.",
        "es/envio.html": "<html lang=es><h1>Costo de envío</h1><p>Gratis desde 50.</p></html>",
        "faq.csv": "title,text,language\nWarranty,Two years.,en\nPix,Aprovado na hora.,pt\n",
        "notes.txt": "# Opening hours\n\nWe are here from nine to five on working days.",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    return root


def add_bad_files(root: Path) -> None:
    (root / "photo.png").write_bytes(PNG)
    (root / "binary.md").write_bytes(PNG)
    (root / "empty.md").write_bytes(b"")
    (root / "latin.md").write_bytes("# Não".encode("latin-1"))
    (root / "broken.csv").write_text('title,text\nOk,fine\nBad,"open', encoding="utf-8")
    (root / ".hidden.md").write_text("# Hidden\n\nx", encoding="utf-8")


def run(*arguments: str) -> tuple[str, str, int]:
    """Runs the command; returns what it printed, what it complained about, and its exit code."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command("import_articles", *arguments, stdout=out, stderr=err)
    except SystemExit as stop:
        code = int(stop.code or 0)
    return out.getvalue(), err.getvalue(), code


def imported(location: Path, **options: Any) -> ImportReport:
    return import_source(source=open_source(str(location)), by=Actor.system(), **options)


def test_import_folder_makes_published_searchable_articles(folder: Path, team: Team) -> None:
    out, _err, code = run(str(folder))
    assert (out, code) == ("6 articles: 6 new, 0 changed, 0 unchanged, 0 skipped, 0 deleted.\n", 0)
    rows = dict(Article.objects.values_list("title", "language"))
    assert rows == {
        "Prazo de entrega": "pt",
        "Boleto vencido": "pt",
        "Costo de envío": "es",
        "Warranty": "en",
        "Pix": "pt",
        "Opening hours": "en",
    }
    delivery = Article.objects.get(title="Prazo de entrega")
    assert (delivery.team, delivery.tags, delivery.status) == (team, ["entrega"], "published")
    assert not Article.objects.stale().exists()
    assert search("em quantos dias chega?")[0].article_id == delivery.pk


def test_import_again_changes_nothing(folder: Path) -> None:
    run(str(folder))
    before = list(Article.objects.order_by("pk").values_list("pk", "updated_at"))
    chunks = set(Chunk.objects.values_list("pk", flat=True))
    out, _err, code = run(str(folder))
    assert (out, code) == ("6 articles: 0 new, 0 changed, 6 unchanged, 0 skipped, 0 deleted.\n", 0)
    assert list(Article.objects.order_by("pk").values_list("pk", "updated_at")) == before
    assert set(Chunk.objects.values_list("pk", flat=True)) == chunks


def test_import_again_embeds_only_what_changed(folder: Path) -> None:
    run(str(folder))
    kept = set(Chunk.objects.exclude(article__title="Prazo de entrega").values_list("pk", flat=True))
    old = Article.objects.get(title="Prazo de entrega")
    (folder / "pt/prazo-de-entrega.md").write_text("# Prazo de entrega\n\nTrês dias úteis.", encoding="utf-8")
    out, _err, _code = run(str(folder))
    assert "0 new, 1 changed, 5 unchanged" in out
    assert kept < set(Chunk.objects.values_list("pk", flat=True))
    assert [chunk.text for chunk in old.chunks.all()] == ["Três dias úteis."]


def test_import_again_leaves_edits_by_hand_alone_until_the_file_changes(folder: Path) -> None:
    run(str(folder))
    Article.objects.filter(title="Warranty").update(body="Three years.", status="archived")
    run(str(folder))
    assert Article.objects.get(title="Warranty").body == "Three years."
    (folder / "faq.csv").write_text("title,text,language\nWarranty,Four years.,en\n", encoding="utf-8")
    run(str(folder))
    article = Article.objects.get(title="Warranty")
    assert (article.body, article.status) == ("Four years.", "archived")


def test_import_finishes_what_an_earlier_one_left_without_passages(folder: Path) -> None:
    run(str(folder))
    Article.objects.filter(title="Pix").update(indexed_checksum="")
    Chunk.objects.filter(article__title="Pix").delete()
    run(str(folder))
    assert Chunk.objects.filter(article__title="Pix").count() == 1


def test_import_bad_files_are_named_with_the_reason_and_skipped(folder: Path) -> None:
    add_bad_files(folder)
    out, err, code = run(str(folder))
    assert "7 articles: 7 new, 0 changed, 0 unchanged, 5 skipped" in out
    assert code == 0
    for line in (
        "skipped photo.png: not Markdown, HTML, CSV, PDF or Word (.docx)",
        "skipped binary.md: binary, not text",
        "skipped empty.md: empty",
        "skipped latin.md: not encoded in UTF-8",
        "skipped broken.csv: broken CSV after line",
    ):
        assert line in err
    assert "hidden" not in err.lower()


def test_import_file_that_cannot_be_opened_is_named(folder: Path) -> None:
    (folder / "gone.md").symlink_to(folder / "nowhere.md")
    _out, err, code = run(str(folder))
    assert "skipped gone.md: No such file or directory" in err
    assert code == 0


def test_import_paths_that_no_key_can_hold_are_named_and_hold_up_no_other(folder: Path) -> None:
    deep = folder.joinpath(*["x" * 120] * 5)
    deep.mkdir(parents=True)
    (deep / "deep.md").write_text("# Deep\n\nText.")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.md")).write_text("# Coffee\n\nText.")
    out, err, code = run(str(folder))
    err.encode()
    assert (out, code) == ("6 articles: 6 new, 0 changed, 0 unchanged, 2 skipped, 0 deleted.\n", 0)
    assert "deep.md: its path or address has more than 500 characters" in err
    assert "caf\\udce9.md: its name is not UTF-8" in err


def test_import_of_a_folder_whose_name_is_not_utf8_is_refused_file_by_file(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    odd.mkdir()
    (odd / "a.md").write_text("# A\n\nText.")
    for location in (odd, odd / "a.md"):
        (refused,) = imported(location, prune=True).rejected
        assert (refused.name, refused.reason) == ("a.md", "its name is not UTF-8")


def test_import_with_nothing_usable_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(PNG)
    out, err, code = run(str(tmp_path))
    assert code == 1
    assert out.startswith("0 articles")
    assert "photo.png" in err


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_import_of_nothing_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandError, match=name):
        call_command("import_articles", str(tmp_path / name))


def test_import_gone_files_are_reported_and_kept(folder: Path) -> None:
    run(str(folder))
    (folder / "notes.txt").unlink()
    _out, err, _code = run(str(folder))
    assert "gone, kept (--prune deletes): Opening hours" in err
    assert Article.objects.filter(title="Opening hours").exists()


def test_import_prune_deletes_what_is_gone_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "help2"
    other.mkdir()
    (other / "a.md").write_text("# Elsewhere\n\nText of another folder.", encoding="utf-8")
    run(str(other))
    run(str(folder))
    Article.objects.create(title="By hand", language="en")
    (folder / "notes.txt").unlink()
    (folder / "faq.csv").write_text("title,text,language\nPix,Aprovado na hora.,pt\n", encoding="utf-8")
    out, err, _code = run(str(folder), "--prune")
    assert "2 deleted" in out
    assert "deleted: Opening hours" in err
    titles = set(Article.objects.values_list("title", flat=True))
    assert titles == {"Prazo de entrega", "Boleto vencido", "Costo de envío", "Pix", "Elsewhere", "By hand"}


def test_import_prune_keeps_articles_of_files_that_are_broken_now(folder: Path) -> None:
    run(str(folder))
    (folder / "notes.txt").write_bytes(PNG)
    (folder / "faq.csv").write_bytes(b"")
    out, _err, _code = run(str(folder), "--prune")
    assert "0 deleted" in out
    assert Article.objects.filter(title__in=["Opening hours", "Warranty", "Pix"]).count() == 3


def test_import_single_file_and_its_folder_are_the_same_articles(folder: Path) -> None:
    run(str(folder))
    out, _err, _code = run(str(folder / "faq.csv"))
    assert out.startswith("2 articles: 0 new, 0 changed, 2 unchanged")


def test_import_single_table_prunes_its_own_rows_only(folder: Path) -> None:
    run(str(folder))
    (folder / "faq.csv").write_text("title,text,language\nPix,Aprovado na hora.,pt\n", encoding="utf-8")
    out, _err, _code = run(str(folder / "faq.csv"), "--prune")
    assert "1 deleted" in out
    assert Article.objects.count() == 5


def test_import_options_stand_in_for_what_documents_do_not_say(
    folder: Path, team: Team, other_team: Team
) -> None:
    (folder / "short.md").write_text("# Pix\n\n12345", encoding="utf-8")
    run(str(folder), "--language", "es", "--team", "finance")
    facts = {
        title: (language, slug)
        for title, language, slug in Article.objects.values_list("title", "language", "team__slug")
    }
    assert facts["Prazo de entrega"] == ("pt", "support")
    assert facts["Opening hours"] == ("es", "finance")
    assert facts["Warranty"] == ("en", "finance")


def test_import_language_that_nothing_tells_is_the_installations(tmp_path: Path, settings: Any) -> None:
    settings.LANGUAGE_CODE = "pt-br"
    (tmp_path / "a.md").write_text("# 123\n\n456", encoding="utf-8")
    imported(tmp_path)
    assert Article.objects.get().language == "pt"


def test_import_language_of_a_folder_high_above_is_not_believed(tmp_path: Path) -> None:
    deep = tmp_path / "es/a/b/c"
    deep.mkdir(parents=True)
    (deep / "x.md").write_text("# How are you\n\nThe text is here.", encoding="utf-8")
    imported(deep)
    assert Article.objects.get().language == "en"


def test_import_makes_categories_and_leaves_those_that_people_chose(folder: Path) -> None:
    chosen = Category.objects.create(slug="chosen")
    run(str(folder))
    article = Article.objects.get(source_key__endswith="prazo-de-entrega.md")
    Article.objects.filter(pk=article.pk).update(category=chosen)
    (folder / "pt/prazo-de-entrega.md").write_text(f"{DELIVERY} Úteis.")
    (folder / "faq.csv").write_text("title,text,category\nPix,Na hora.,Formas de Pagamento\n")
    run(str(folder))
    article.refresh_from_db()
    assert (article.category, article.body) == (chosen, "Dois dias úteis. Úteis.")
    pix = Article.objects.get(title="Pix", body="Na hora.")
    assert pix.category is not None
    assert (pix.category.slug, pix.category.name_in("pt")) == ("formas-de-pagamento", "Formas de pagamento")


def test_import_unknown_team_in_a_document_is_told(folder: Path) -> None:
    _out, err, code = run(str(folder))
    assert "there is no team support; its articles belong to no team" in err
    assert code == 0


def test_import_unknown_team_as_an_option_is_an_error(folder: Path) -> None:
    with pytest.raises(CommandError, match="no team nobody"):
        call_command("import_articles", str(folder), team="nobody")


@pytest.mark.parametrize("kind", [ActorKind.CONTACT, ActorKind.AGENT])
def test_import_is_for_staff(folder: Path, kind: ActorKind) -> None:
    with pytest.raises(Forbidden):
        import_source(source=open_source(str(folder)), by=Actor(kind, "1", "x"))
    assert not Article.objects.exists()


def test_import_more_documents_than_a_batch(tmp_path: Path) -> None:
    rows = "".join(f"Question number {number},Answer number {number}.\n" for number in range(150))
    (tmp_path / "many.csv").write_text(f"title,text\n{rows}", encoding="utf-8")
    report = imported(tmp_path, language="en")
    assert (report.created, report.imported) == (150, 150)
    assert Chunk.objects.count() == 150


# --- Web addresses ---------------------------------------------------------------------------------------


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    server = Site()
    yield server
    server.shutdown()
    server.server_close()


def test_import_page_keeps_its_address_as_source(site: Site) -> None:
    body = b"<html lang=en><title>x</title><h1>Returns</h1><p>Thirty days.</p>"
    site.answers["/help/returns"] = page(body, content_type="text/html; charset=utf-8")
    out, _err, code = run(f"{site.url}/help/returns")
    assert (out[:12], code) == ("1 articles: ", 0)
    article = Article.objects.get()
    assert (article.title, article.source_url) == ("Returns", f"{site.url}/help/returns")
    assert article.public_url == article.source_url


@pytest.mark.parametrize(
    ("path", "content_type", "body", "titles"),
    [
        ("/a.md", "text/plain", b"# Alpha\n\nText", ["Alpha"]),
        ("/a", "text/markdown", b"# Alpha\n\nText", ["Alpha"]),
        ("/a.csv", "application/octet-stream", b"title,text\nA,x\nB,y\n", ["A", "B"]),
        ("/a", "text/csv", b"title,text\nA,x\n", ["A"]),
        ("/some-page", "text/html", b"<p>Words</p>", ["Some page"]),
    ],
)
def test_import_address_by_type_or_ending(
    site: Site, path: str, content_type: str, body: bytes, titles: list[str]
) -> None:
    site.answers[path] = page(body, content_type=content_type)
    assert run(site.url + path)[2] == 0
    assert list(Article.objects.order_by("title").values_list("title", flat=True)) == titles


def test_import_address_that_fails_is_named(site: Site) -> None:
    site.answers["/gone"] = page(b"", 404, content_type="text/html")
    site.answers["/photo"] = page(PNG, content_type="image/png")
    _out, err, code = run(f"{site.url}/gone")
    assert (code, "answered 404" in err) == (1, True)
    assert "not Markdown, HTML, CSV, PDF or Word (.docx) but image/png" in run(f"{site.url}/photo")[1]


def test_import_address_too_long_for_a_key_is_named(site: Site) -> None:
    (refused,) = import_source(source=open_source(site.url + "/" + "x" * 500), by=Actor.system()).rejected
    assert refused.reason == "its path or address has more than 500 characters"


def test_import_private_address_is_refused(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = []
    _out, err, code = run("http://127.0.0.1:1/secret")
    assert code == 1
    assert "127.0.0.1 is not a public address. To allow it," in err


# --- Progress --------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal(folder: Path) -> None:
    err = Terminal()
    call_command("import_articles", str(folder), stdout=io.StringIO(), stderr=err, no_color=True)
    assert f"\r[{'#' * 30}] 5/5\n" in err.getvalue()


def test_progress_is_lines_elsewhere(folder: Path) -> None:
    _out, err, _code = run(str(folder))
    assert re.findall(r"(\d)/5 files read\n", err) == ["1", "2", "3", "4", "5"]
    assert "\r" not in err


def test_progress_of_many_files_is_ten_lines() -> None:
    out = io.StringIO()
    bar = ProgressBar(OutputWrapper(out))
    for done in range(1, 1001):
        bar.show(done, 1000)
    bar.end()
    assert len(out.getvalue().splitlines()) == 10


def test_source_scheme_that_is_no_web_address_is_a_path() -> None:
    with pytest.raises(NoSource):
        open_source("ftp://example.com/x")
