"""Lists that hold what cannot be stored, or cannot be read: an end, a reason, and nothing else lost."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import User
from campaigns import actions, lists
from campaigns.actions import importing
from campaigns.actions.feeding import sweep
from campaigns.actions.importing import give_list, read_some
from campaigns.enums import UploadStatus
from campaigns.models import Campaign, Recipient, Upload
from conversations.models import Contact
from core.actor import Actor
from core.errors import Invalid
from core.reasons import in_english
from tests.campaigns.conftest import Draft
from tests.campaigns.pages import BACKEND, page_of
from tests.campaigns.test_importing import account, read, reasons
from tests.conversations.lines import planned

pytestmark = pytest.mark.django_db(transaction=True)
OURS = "An error of ours; the server's log has it"


@pytest.fixture
def campaign(draft: Draft) -> Campaign:
    """A draft."""
    return draft()


@pytest.fixture
def eights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight lines at a time."""
    monkeypatch.setattr(importing, "AT_ONCE", 8)


@contextmanager
def refused(table: str, condition: str) -> Iterator[None]:
    """The database refuses rows of which that is true."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT refused CHECK (NOT ({condition})) NOT VALID")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT refused")


def lines_of(count: int, *poisoned: int) -> str:
    rows = (f"+55119999900{n:02};{'poison' if n in poisoned else 'Maria'}" for n in range(count))
    return "\n".join(["fone;nome", *rows])


@pytest.mark.parametrize(
    "where",
    [("conversations_contact", "name = 'poison'"), ("campaigns_recipient", "values ->> 'name' = 'poison'")],
)
@pytest.mark.usefixtures("eights")
@pytest.mark.parametrize("poisoned", [(0,), (5, 6, 29), tuple(range(30))])
def test_line_that_the_database_refuses_is_a_bad_row_and_costs_no_other(
    campaign: Campaign, lead: Actor, where: tuple[str, str], poisoned: tuple[int, ...]
) -> None:
    with refused(*where):
        upload = read(campaign, lines_of(30, *poisoned), lead)
    assert account(upload) == (30, 30 - len(poisoned), 0, len(poisoned))
    assert reasons(upload) == {2 + n: OURS for n in poisoned}
    assert upload.status == UploadStatus.DONE
    assert Contact.objects.count() == Recipient.objects.count() == 30 - len(poisoned)


def breaking(times: int, error: Exception) -> Callable[[str], lists.Shape]:
    """Reads the shape of lists but for so many times."""
    left = iter([True] * times)
    shape_of = lists.shape_of

    def broken(content: str) -> lists.Shape:
        if next(left, False):
            raise error
        return shape_of(content)

    return broken


def test_list_that_cannot_be_read_ends_and_says_so(
    campaign: Campaign, lead: Actor, elsa: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = give_list(campaign=campaign, data=lines_of(3).encode(), by=lead)
    monkeypatch.setattr(importing, "shape_of", breaking(9, ValueError("odd")))
    assert read_some(upload.pk) is False
    upload.refresh_from_db()
    assert (upload.status, in_english(upload.error)) == (UploadStatus.FAILED, OURS)
    assert json.loads(upload.content) == [["phone", "name"]]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    sweep()
    assert planned("campaigns.read_list") == []
    client.force_login(elsa, backend=BACKEND)
    assert "An error of ours" in client.get(page_of(campaign)).content.decode()


def test_what_was_read_before_it_failed_stays(
    campaign: Campaign, lead: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "AT_ONCE", 4)
    upload = give_list(campaign=campaign, data=lines_of(9).encode(), by=lead)
    assert read_some(upload.pk) is True
    monkeypatch.setattr(importing, "shape_of", breaking(9, ValueError("odd")))
    assert read_some(upload.pk) is False
    upload.refresh_from_db()
    assert (upload.status, upload.done, upload.added) == (UploadStatus.FAILED, 4, 4)
    assert Recipient.objects.count() == 4


def test_what_goes_wrong_once_and_an_outage_end_nothing(
    campaign: Campaign, lead: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = give_list(campaign=campaign, data=lines_of(3).encode(), by=lead)
    monkeypatch.setattr(importing, "shape_of", breaking(3, OperationalError("away")))
    for _time in range(3):
        with pytest.raises(OperationalError):
            read_some(upload.pk)
        assert Upload.objects.get().status == UploadStatus.WAITING
    monkeypatch.setattr(importing, "shape_of", breaking(1, ValueError("odd")))
    assert read_some(upload.pk) is False
    upload.refresh_from_db()
    assert account(upload) == (3, 3, 0, 0)


def test_list_is_not_kept_once_it_has_been_read_and_bad_rows_are(
    campaign: Campaign, lead: Actor, elsa: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "AT_ONCE", 4)
    upload = give_list(campaign=campaign, data=f"{lines_of(6)}\nnobody".encode(), by=lead)
    assert read_some(upload.pk) is True
    upload.refresh_from_db()
    assert "+5511999990005" in upload.content
    assert read_some(upload.pk) is False
    upload.refresh_from_db()
    assert json.loads(upload.content) == [["fone", "nome"], ["nobody", "", ""]]
    assert account(upload) == (7, 6, 0, 1)
    client.force_login(elsa, backend=BACKEND)
    assert "nobody" in client.get(page_of(campaign)).content.decode()
    assert read_some(upload.pk) is False


@pytest.mark.parametrize("extra", [40, 41])
def test_list_with_more_columns_than_are_taken_is_refused(
    campaign: Campaign, lead: Actor, extra: int
) -> None:
    names = [f"v{n}" for n in range(extra)]
    heading = ";".join(["fone", "nome", "email", "idioma", "fuso", "tags", *names])
    first = ";".join(["+5511999990001", "Ana", "a@b.example", "pt", "America/Manaus", "vip", *names])
    data = f"{heading}\n{first}\n".encode()
    if extra > 40:
        with pytest.raises(Invalid, match="41 columns") as found:
            give_list(campaign=campaign, data=data, by=lead)
        assert found.value.extra["field"] == "file"
        assert not Upload.objects.exists()
        return
    give_list(campaign=campaign, data=data, by=lead)
    while read_some(Upload.objects.get().pk):
        pass
    assert Contact.objects.get().attributes == {name: name for name in names}
    assert set(Recipient.objects.get().values) == {*names, "name"}
    assert actions.clear_list(campaign=campaign, by=lead) == 1
