"""Importing what has moved, changed its options, failed today or was stopped half way."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Team
from core.actor import Actor
from knowledge.actions import ImportReport, import_source, importing
from knowledge.models import Article, Chunk
from knowledge.queries import search
from knowledge.sources import open_source
from tests.fakes.site import Site, page
from tests.knowledge.test_import import site as site  # noqa: PLC0414 (a fixture)

pytestmark = pytest.mark.django_db
TABLE = "title,text,language\nWarranty,Two years.,en\nPix,Aprovado na hora.,pt\n"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def imported(location: Path | str, **options: Any) -> ImportReport:
    return import_source(source=open_source(str(location)), by=Actor.system(), **options)


def titles() -> list[str]:
    return sorted(Article.objects.values_list("title", flat=True))


# --- What it was pointed at -----------------------------------------------------------------------------


@pytest.mark.parametrize(("folder", "neighbour"), [("he_p", "help"), ("he%", "help"), ("help", "help_old")])
def test_pruning_a_folder_touches_none_with_a_name_like_it(
    tmp_path: Path, folder: str, neighbour: str
) -> None:
    """Whatever the signs of its name mean to the database."""
    put(tmp_path / neighbour / "a.md", "# Kept\n\nText.")
    gone = put(tmp_path / folder / "b.md", "# Gone\n\nText.")
    put(tmp_path / folder / "c.md", "# Stays\n\nText.")
    imported(tmp_path / neighbour)
    imported(tmp_path / folder)
    gone.unlink()
    report = imported(tmp_path / folder, prune=True)
    assert (report.missing, report.pruned) == (["Gone"], 1)
    assert titles() == ["Kept", "Stays"]


def test_pruning_one_table_leaves_the_one_beside_it(tmp_path: Path) -> None:
    one, other = put(tmp_path / "faq.csv", TABLE), put(tmp_path / "faq.csv.csv", "title,text\nOther,x\n")
    imported(other)
    imported(one)
    put(one, "title,text,language\nPix,Aprovado na hora.,pt\n")
    assert imported(one, prune=True).pruned == 1
    assert titles() == ["Other", "Pix"]


def test_hidden_folders_and_links_to_folders_are_not_entered(tmp_path: Path) -> None:
    root = tmp_path / "help"
    put(root / "a.md", "# Seen\n\nText.")
    put(root / ".git/b.md", "# Hidden\n\nText.")
    put(tmp_path / "elsewhere/c.md", "# Elsewhere\n\nText.")
    (root / "loop").symlink_to(root)
    (root / "out").symlink_to(tmp_path / "elsewhere")
    assert imported(root).created == 1
    assert titles() == ["Seen"]


def test_a_file_that_was_renamed_is_a_new_article_and_the_old_one_is_named(tmp_path: Path) -> None:
    old = put(tmp_path / "delivery.md", "# Delivery\n\nTwo days.")
    imported(tmp_path)
    old.rename(tmp_path / "shipping.md")
    report = imported(tmp_path, prune=True)
    assert (report.created, report.missing, report.pruned) == (1, ["Delivery"], 1)
    assert Article.objects.get().source_key == f"file:{tmp_path.resolve()}/shipping.md"


def test_a_file_with_a_new_title_is_the_same_article_and_its_old_address_leads_there(
    tmp_path: Path, client: Client
) -> None:
    file = put(tmp_path / "delivery.md", "# Delivery\n\nTwo days.")
    imported(tmp_path)
    before = Article.objects.get()
    put(file, "# Shipping\n\nTwo days.")
    assert imported(tmp_path).updated == 1
    response = client.get(before.get_absolute_url())
    assert (response.status_code, response["location"]) == (301, f"/help/{before.pk}-shipping/")


@pytest.mark.parametrize(
    "table",
    [
        "title,text,language\nNew,New.,en\nWarranty,Two years.,en\nPix,Aprovado na hora.,pt\n",
        "title,text,language\nPix,Aprovado na hora.,pt\nWarranty,Two years.,en\n",
        "language;text;title\nen;Two years.;WARRANTY\npt;Aprovado na hora.;píx!\n",
    ],
)
def test_rows_are_known_by_their_titles_wherever_in_the_table_they_stand(tmp_path: Path, table: str) -> None:
    file = put(tmp_path / "faq.csv", TABLE)
    imported(file)
    before = set(Article.objects.values_list("pk", flat=True))
    put(file, table)
    assert imported(file).missing == []
    assert before <= set(Article.objects.values_list("pk", flat=True))


def test_rows_with_an_address_may_change_their_titles(tmp_path: Path) -> None:
    file = put(tmp_path / "faq.csv", "title,text,url\nPix,One.,https://shop.example/pix\n")
    imported(file)
    put(file, "title,text,url\nPaying by Pix,One.,https://shop.example/pix\n")
    report = imported(file)
    assert (report.updated, report.missing, titles()) == (1, [], ["Paying by Pix"])


# --- With other options ---------------------------------------------------------------------------------


def test_other_options_change_what_the_documents_left_open_and_nothing_else(
    tmp_path: Path, team: Team, other_team: Team
) -> None:
    put(tmp_path / "a.md", "# 123\n\n456")
    put(tmp_path / "b.md", "---\nteam: support\nlanguage: en\n---\n# B\n\nText.")
    imported(tmp_path, language="es")
    report = imported(tmp_path, language="pt", team=other_team)
    rows = {row.title: (row.language, row.team) for row in Article.objects.select_related("team")}
    assert rows == {"123": ("pt", other_team), "B": ("en", team)}
    assert report.created == 0
    assert imported(tmp_path, language="pt", team=other_team).unchanged == 2


def test_a_team_that_is_made_later_gets_its_articles_at_the_next_import(tmp_path: Path) -> None:
    put(tmp_path / "a.md", "---\nteam: night\n---\n# A\n\nText.")
    assert imported(tmp_path).unknown_teams == {"night"}
    night = Team.objects.create(slug="night", name="Night")
    assert (imported(tmp_path).updated, Article.objects.get().team) == (1, night)


# --- Stopped and failed ---------------------------------------------------------------------------------


def test_an_import_that_is_stopped_keeps_whole_batches_and_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)
    for number in range(5):
        put(tmp_path / f"{number}.md", f"# Question {number}\n\nAnswer {number}.")

    def stop(done: int, _all: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path, progress=stop)
    assert titles() == ["Question 0", "Question 1"]
    assert Chunk.objects.count() == 2
    report = imported(tmp_path)
    assert (report.created, report.unchanged) == (3, 2)
    assert not Article.objects.stale().exists()


def test_an_article_that_was_put_away_stays_so_and_is_not_found_after_its_file_changed(
    tmp_path: Path,
) -> None:
    file = put(tmp_path / "a.md", "# Delivery times\n\nTwo days.")
    imported(tmp_path)
    Article.objects.update(status="archived")
    put(file, "# Delivery times\n\nThree days.")
    assert imported(tmp_path).updated == 1
    assert search("Delivery times") == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_page_that_fails_today_takes_nothing_away(site: Site, status: int) -> None:
    """Neither the page itself nor the rows of a table at that address, however much is pruned."""
    site.answers["/faq"] = page(TABLE.encode(), content_type="text/csv")
    site.answers["/page"] = page(b"# Page\n\nText.", content_type="text/markdown")
    for path in ("/faq", "/page"):
        imported(site.url + path)
        site.answers[path] = page(b"", status, content_type="text/html")
        report = imported(site.url + path, prune=True)
        assert (report.pruned, report.missing, len(report.rejected)) == (0, [], 1)
    assert titles() == ["Page", "Pix", "Warranty"]


def test_a_table_at_an_address_loses_the_rows_that_are_gone(site: Site) -> None:
    site.answers["/faq"] = page(TABLE.encode(), content_type="text/csv")
    imported(f"{site.url}/faq")
    site.answers["/faq"] = page(b"title,text,language\nPix,Aprovado na hora.,pt\n", content_type="text/csv")
    assert imported(f"{site.url}/faq", prune=True).missing == ["Warranty"]
    assert titles() == ["Pix"]
