"""Many people at once: made once, and what somebody said of themselves stands."""

from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.actions.people import Person, know_people
from conversations.exchange import Sender
from conversations.models import Contact, ContactIdentity, Inbox
from tests.campaigns.lines import no_errors, together

pytestmark = pytest.mark.django_db(transaction=True)


def person(number: int, **more: object) -> Person:
    sender = {"name": f"P{number}", "phone": f"+{number}"}
    sender |= {name: str(value) for name, value in more.items() if name in {"name", "email", "locale"}}
    rest = {name: value for name, value in more.items() if name not in sender}
    return Person(Sender(str(number), **sender), **rest)  # type: ignore[arg-type]


def test_stranger_becomes_a_contact_with_what_is_told(inbox: Inbox) -> None:
    told = person(
        1, email="a@b.example", timezone="America/Manaus", tags=("a", "a", "b"), attributes={"k": "v"}
    )
    found = know_people(inbox=inbox, people=[told, told])
    contact = Contact.objects.get()
    assert found["1"].contact == contact
    assert (contact.name, contact.email, contact.timezone) == ("P1", "a@b.example", "America/Manaus")
    assert (contact.tags, contact.attributes) == (["a", "b"], {"k": "v"})


def test_what_was_known_stands_and_again_changes_nothing(inbox: Inbox) -> None:
    know_people(inbox=inbox, people=[person(1, tags=("a",), attributes={"k": "v"})])
    later = person(1, name="Other", email="n@b.example", tags=("b",), attributes={"k": "w", "l": "x"})
    know_people(inbox=inbox, people=[later])
    contact = Contact.objects.get()
    assert (contact.name, contact.email, contact.tags) == ("P1", "n@b.example", ["a", "b"])
    assert contact.attributes == {"k": "v", "l": "x"}
    with CaptureQueriesContext(connection) as queries:
        know_people(inbox=inbox, people=[later])
    assert not any(query["sql"].startswith(("UPDATE", "INSERT")) for query in queries)


def test_further_id_of_somebody_leads_to_the_first(inbox: Inbox) -> None:
    root = know_people(inbox=inbox, people=[person(1)])["1"]
    ContactIdentity.objects.create(inbox=inbox, external_id="2", contact=root.contact, same_as=root)
    found = know_people(
        inbox=inbox, people=[person(1, attributes={"a": "1"}), person(2, attributes={"b": "2"})]
    )
    assert found == {"1": root, "2": root}
    assert Contact.objects.get().attributes == {"a": "1", "b": "2"}


def test_same_id_in_another_inbox_is_somebody_else(inbox: Inbox) -> None:
    other = Inbox.objects.create(name="Other")
    one, two = (know_people(inbox=each, people=[person(1)])["1"] for each in (inbox, other))
    assert one.contact != two.contact


def test_two_who_meet_the_same_strangers_make_each_once(inbox: Inbox) -> None:
    for rnd in range(4):
        people = [person(rnd * 1_000 + number) for number in range(400)]
        found = together(
            partial(know_people, inbox=inbox, people=people),
            partial(know_people, inbox=inbox, people=people[::-1]),
        )
        no_errors(found)
        assert found[0] == found[1]
    assert ContactIdentity.objects.count() == Contact.objects.count() == 1_600


def test_many_take_no_more_queries_than_a_few(inbox: Inbox) -> None:
    counts = []
    for numbers in (range(3), range(3, 300)):
        with CaptureQueriesContext(connection) as queries:
            know_people(inbox=inbox, people=[person(number) for number in numbers])
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 9
