"""What a database takes of what strangers send."""

import json

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from conversations.enums import DeliveryStatus
from conversations.exchange import File, Incoming, Receipt, Sender
from core.storable import storable

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)


@given(ANY_TEXT)
def test_any_text_becomes_one_that_can_be_held(text: str) -> None:
    clean = storable(text)
    assert "\x00" not in clean
    assert clean.encode().decode() == clean
    assert storable(clean) == clean


@pytest.mark.django_db
def test_database_takes_any_text_and_json() -> None:
    @given(ANY_TEXT)
    def takes(text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT %s::text, %s::jsonb", [storable(text), json.dumps(storable({text: [text]}))]
            )

    takes()


def test_text_is_cleaned_wherever_it_stands_and_nothing_else_is_touched() -> None:
    file = File({"id": "a\x00"}, content=b"\x00\xff")
    item = Incoming(
        "1\x00", Sender("x", aliases=("y\x00",)), files=(file,), details={"k\x00": [1, None, "\ud83d"]}
    )
    clean = storable(item)
    assert (clean.external_id, clean.sender.aliases) == ("1", ("y",))
    assert clean.files == (File({"id": "a"}, content=b"\x00\xff"),)
    assert clean.details == {"k": [1, None, "?"]}
    assert storable(Receipt(DeliveryStatus.READ)).status is DeliveryStatus.READ
