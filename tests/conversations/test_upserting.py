"""Many customers at once: made or brought up to date, each for itself, in a few statements."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from conversations.actions import Known, Outcome, Sender, Told, Wanted, receive, upsert_contacts
from conversations.models import Contact, ContactIdentity, CustomField, Inbox
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound
from tests.campaigns.lines import no_errors, together


@pytest.fixture
def app(team: Team) -> Inbox:
    return Inbox.objects.create(name="App", channel="api", team=team)


def by_id(inbox: Inbox, external_id: str, **told: Any) -> Wanted:
    return Wanted(Told(**told), Known(inbox, external_id))


def by_email(email: str, **told: Any) -> Wanted:
    return Wanted(Told(email=email, **told))


def put(by: User | Actor, *wanted: Wanted) -> list[Outcome]:
    return upsert_contacts(wanted=wanted, by=by.as_actor() if isinstance(by, User) else by)


def test_strangers_are_made_and_the_known_are_changed(app: Inbox, bruno: User) -> None:
    known = receive(inbox=app, sender=Sender("u1", name="Old", email="o@example.com"), text="Oi").conversation
    first, second = put(
        bruno,
        by_id(app, "u1", name="Eva", add_tags=["b"]),
        by_id(app, "u2", name="Rui", attributes={"k": "v"}),
    )
    assert [(one.is_new, one.error) for one in (first, second)] == [(False, None), (True, None)]
    eva, rui = Contact.objects.get(pk=known.contact_id), Contact.objects.get(name="Rui")
    assert (eva.name, eva.email, eva.tags) == ("Eva", "o@example.com", ["b"])
    assert (rui.attributes, rui.identities.get().external_id) == ({"k": "v"}, "u2")
    again = put(bruno, by_id(app, "u2", attributes={"l": "w"}, add_tags=["c"]))
    assert [(one.contact, one.is_new) for one in again] == [(rui, False)]
    rui.refresh_from_db()
    assert (rui.name, rui.attributes, rui.tags) == ("Rui", {"k": "v", "l": "w"}, ["c"])


def test_what_is_wrong_with_one_holds_up_no_other(
    app: Inbox, bruno: User, ana: User, other_team: Team
) -> None:
    CustomField.objects.create(entity="contact", key="orders", label="Orders", kind="number")
    foreign = Inbox.objects.create(name="Bills", channel="api", team=other_team)
    told = put(
        bruno,
        by_id(app, "u1", name="Eva"),
        by_id(app, "u2", attributes={"orders": "many"}),
        by_id(foreign, "u3", name="Eva"),
        by_id(app, "", name="Eva"),
        Wanted(Told(name="Nobody")),
        by_email("stranger@example.com"),
        by_id(app, "u4", phone="none"),
        by_id(app, "u5", attributes={"orders": 5}),
    )
    fields = [one.error.extra.get("field") if one.error else None for one in told]
    assert fields == [None, "attributes.orders", "inbox", "external_id", "email", "inbox", "phone", None]
    assert [type(one.error) for one in told[1:3]] == [Invalid, NotFound]
    assert sorted(ContactIdentity.objects.values_list("external_id", flat=True)) == ["u1", "u5"]
    assert Contact.objects.count() == 2


def test_address_that_no_database_takes_holds_up_no_other(app: Inbox, ana: User) -> None:
    put(ana, by_email("a@b.example"))
    told = put(ana, by_email("a\x00@b.example", name="Eva"), by_email("\x00"), by_email("r\ud83d@b.example"))
    assert [(one.is_new, type(one.error)) for one in told[:2]] == [(False, type(None)), (False, Invalid)]
    assert sorted(Contact.objects.values_list("email", "name")) == [
        ("a@b.example", "Eva"),
        ("r?@b.example", ""),
    ]


def test_refused_row_leaves_nothing_of_itself_on_a_known_customer(app: Inbox, ana: User) -> None:
    put(ana, by_id(app, "u1", name="Eva"))
    told = put(ana, by_id(app, "u1", name="New", timezone="Mars/Base"), by_id(app, "u1", add_tags=["x"]))
    assert told[0].error is not None
    assert [(row.name, row.tags) for row in Contact.objects.all()] == [("Eva", ["x"])]


def test_email_names_whom_it_belongs_to_and_nobody_where_several_have_it(ana: User, davi: Contact) -> None:
    (known,) = put(ana, by_email("DAVI@example.com", phone="+55 11 90000-0000"))
    assert (known.contact, known.is_new) == (davi, False)
    Contact.objects.create(email="davi@Example.com")
    (refused,) = put(ana, by_email("davi@example.com", name="X"))
    assert isinstance(refused.error, Invalid)
    assert not Contact.objects.filter(name="X").exists()


def test_email_of_another_team_s_customer_makes_no_change_to_them(
    davi: Contact, clara: User, ana: User
) -> None:
    (refused,) = put(clara, by_email("davi@example.com", name="X"))
    assert refused.error is not None
    davi.refresh_from_db()
    assert davi.name == "Davi Duarte"


def test_somebody_named_twice_is_one(app: Inbox, ana: User) -> None:
    told = put(
        ana,
        by_id(app, "u1", name="First", add_tags=["a"]),
        by_id(app, "u1", name="Second", add_tags=["b"]),
        by_email("n@example.com", name="Third"),
        by_email("N@example.com", locale="pt"),
    )
    assert [one.is_new for one in told] == [True, False, True, False]
    rows = Contact.objects.order_by("name").values_list("name", "tags", "locale")
    assert list(rows) == [("Second", ["a", "b"], ""), ("Third", [], "pt")]


def test_customers_cannot(davi: Contact) -> None:
    with pytest.raises(Forbidden):
        put(davi.as_actor(), by_email("x@example.com"))


def statements(by: User, wanted: list[Wanted]) -> int:
    with CaptureQueriesContext(connection) as queries:
        put(by, *wanted)
    return len(queries)


def test_statements_do_not_grow_with_the_list(app: Inbox, ana: User) -> None:
    def people(count: int, start: int) -> Iterator[Wanted]:
        for number in range(start, start + count):
            yield by_id(app, f"u{number}", name=f"P{number}", attributes={"k": "v"})
            yield by_email(f"p{number}@example.com", name=f"P{number}")

    few, many = list(people(1, 0)), list(people(50, 100))
    assert statements(ana, few) == statements(ana, many)
    renamed = [Wanted(Told(name="New", email=one.told.email), one.known) for one in (*few, *many)]
    assert statements(ana, renamed[:2]) == statements(ana, renamed)


@pytest.mark.django_db(transaction=True)
def test_same_strangers_at_once_are_made_once(app: Inbox, system: Actor) -> None:
    wanted = [by_id(app, "u1", name="Eva"), by_email("n@example.com"), by_id(app, "u2", name="Rui")]
    calls = [partial(put, system, *order) for order in (wanted, wanted[::-1], wanted, wanted[::-1])]
    found = together(*calls)
    no_errors(found)
    assert Contact.objects.count() == 3
    assert sum(one.is_new for told in found for one in told) == 3


@pytest.mark.django_db(transaction=True)
def test_customer_who_writes_meanwhile_is_one(app: Inbox, system: Actor) -> None:
    def write() -> Any:
        return receive(inbox=app, sender=Sender("u1", name="Eva"), text="Oi")

    upsert = partial(put, system, by_id(app, "u1", name="Eva"))
    no_errors(together(upsert, write, upsert, write))
    assert Contact.objects.count() == ContactIdentity.objects.count() == 1
