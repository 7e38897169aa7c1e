"""Secrets at rest: unreadable in the table and in a dump, readable here and after a change of the key."""

from typing import Any

import pytest
from django.core import serializers
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from conversations.models import Inbox
from core.encryption import CannotOpen, closed, opened

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_was_closed_opens_to_the_same(value: Any) -> None:
    assert opened(closed(value)) == value


def test_closed_value_tells_nothing_and_never_looks_the_same() -> None:
    first, second = closed({"token": "t0p-secret"}), closed({"token": "t0p-secret"})
    assert first != second
    assert "secret" not in first


@pytest.mark.parametrize("text", ["", "no token", "gAAAAA", "é"])
def test_what_we_did_not_close_does_not_open(text: str) -> None:
    with pytest.raises(CannotOpen):
        opened(text)


def test_value_that_was_tampered_with_does_not_open() -> None:
    token = closed({"a": 1})
    with pytest.raises(CannotOpen):
        opened(token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:])


def test_former_key_still_opens_and_a_foreign_one_does_not(settings: Any) -> None:
    token = closed({"a": 1})
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, [settings.SECRET_KEY]
    assert opened(token) == {"a": 1}
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(CannotOpen):
        opened(token)


@pytest.mark.django_db
def test_table_holds_no_secret_and_the_model_gives_it_back() -> None:
    inbox = Inbox.objects.create(name="A", config={"token": "t0p-secret"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT config FROM conversations_inbox")
        (raw,) = cursor.fetchone()
    assert "secret" not in raw
    inbox.refresh_from_db()
    assert inbox.config == {"token": "t0p-secret"}
    assert Inbox.objects.create(name="B").config == {}


@pytest.mark.django_db
def test_dump_holds_no_secret_and_loads_as_it_was() -> None:
    inbox = Inbox.objects.create(name="A", config={"token": "t0p-secret"})
    dump = serializers.serialize("json", [inbox])
    assert "t0p-secret" not in dump
    inbox.delete()
    for row in serializers.deserialize("json", dump):
        row.save()
    assert Inbox.objects.get().config == {"token": "t0p-secret"}
