"""Custom fields: who defines them, and that a value under a key fits it, whoever writes it."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from conversations.actions import create_field, delete_field, edit_field
from conversations.enums import FieldEntity, FieldKind
from conversations.models import CustomField
from conversations.queries.fields import merged_attributes
from conversations.values import free_why_not, why_not
from core.actor import Actor
from core.errors import Changed, Conflict, Forbidden, Invalid
from core.versions import version_of

COLORS = ("red", "green")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    FieldKind.TEXT: st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=500),
    FieldKind.NUMBER: st.integers(-(2**53), 2**53)
    | st.floats(-(2.0**53), 2.0**53, allow_nan=False, allow_infinity=False),
    FieldKind.BOOLEAN: st.booleans(),
    FieldKind.DATE: st.dates().map(date.isoformat),
    FieldKind.CHOICE: st.sampled_from(COLORS),
    FieldKind.URL: st.sampled_from(["https://shop.example/7", "http://a.example:8080/?q=1"]),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(data=st.data(), kind=st.sampled_from(FieldKind.values))
def test_every_value_of_a_kind_fits_it(data: st.DataObject, kind: str) -> None:
    assert why_not(kind, COLORS, data.draw(VALUES[kind])) == ""


@given(value=JSON, kind=st.sampled_from(FieldKind.values))
def test_what_fits_can_be_stored_and_is_of_the_kind(value: Any, kind: str) -> None:
    if why_not(kind, COLORS, value):
        return
    types = {FieldKind.NUMBER: (int, float), FieldKind.BOOLEAN: (bool,)}
    assert isinstance(value, types.get(FieldKind(kind), (str,)))
    assert (kind == FieldKind.BOOLEAN) == isinstance(value, bool)
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert "\x00" not in str(value)
    str(value).encode()


@given(name=st.text(max_size=80), value=JSON)
def test_free_names_hold_short_texts_only(name: str, value: Any) -> None:
    if free_why_not(name, value) == "":
        assert isinstance(value, str)
        assert len(value) <= 500
        assert 0 < len(name.strip()) <= 60


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", ""), ("text", "x" * 501), ("text", "\x00"), ("text", "\ud800"), ("text", 5), ("text", None),
        ("number", "5"), ("number", True), ("number", float("nan")), ("number", float("inf")),
        ("number", 2**53 + 1), ("number", 10**400), ("boolean", 1), ("boolean", "true"),
        ("date", "2026-02-30"), ("date", "30/01/2026"), ("date", "2026-1-1"), ("date", "٢٠٢٦-01-01"),
        ("date", "0000-01-01"), ("choice", "blue"), ("choice", ["red"]), ("choice", {}),
        ("url", "javascript:alert(1)"), ("url", "ftp://a.example"), ("url", "shop"), ("url", 7),
    ],
)  # fmt: skip
def test_what_merely_looks_like_a_value_does_not_fit(kind: str, value: Any) -> None:
    assert why_not(kind, COLORS, value)


def make(by: Actor, **told: Any) -> CustomField:
    return create_field(by=by, **{"entity": "contact", "key": "plan", "kind": "text", **told})


def test_field_is_defined_changed_and_taken_away(ana: User) -> None:
    row = make(ana.as_actor(), kind="choice", choices=[" gold ", "silver", "gold", ""])
    assert (row.label, row.choices) == ("plan", ["gold", "silver"])
    edit_field(field=row, by=ana.as_actor(), label="Plan", choices=["gold", "lead"], position=3)
    row.refresh_from_db()
    assert (row.label, row.choices, row.position) == ("Plan", ["gold", "lead"], 3)
    delete_field(field=row, by=ana.as_actor())
    assert not CustomField.objects.exists()


def test_only_administrators_define(bruno: User, ana: User) -> None:
    row = make(ana.as_actor())
    with pytest.raises(Forbidden):
        make(bruno.as_actor(), key="other")
    with pytest.raises(Forbidden):
        edit_field(field=row, by=bruno.as_actor(), label="x")
    with pytest.raises(Forbidden):
        delete_field(field=row, by=bruno.as_actor())


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"key": "Plan"}, "key"),
        ({"key": "plan\n"}, "key"),
        ({"key": ""}, "key"),
        ({"key": "p" * 41}, "key"),
        ({"kind": "colour"}, "kind"),
        ({"entity": "agent"}, "entity"),
        ({"kind": "choice"}, "choices"),
        ({"choices": ["a"]}, "choices"),
        ({"label": "x" * 81}, "label"),
        ({"position": -1}, "position"),
    ],
)
def test_field_that_cannot_be_is_refused(ana: User, told: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(ana.as_actor(), **told)
    assert refused.value.extra["field"] == field


def test_key_is_taken_once_for_each_thing(ana: User) -> None:
    make(ana.as_actor())
    make(ana.as_actor(), entity="ticket")
    with pytest.raises(Conflict):
        make(ana.as_actor(), kind="number")


def test_who_read_an_older_version_changes_no_field(ana: User) -> None:
    row = make(ana.as_actor())
    read = version_of(row)
    edit_field(field=row, by=ana.as_actor(), label="Plan", expected=read)
    with pytest.raises(Changed):
        delete_field(field=row, by=ana.as_actor(), expected=read)


def test_customers_keep_free_texts_and_nothing_else_free(ana: User) -> None:
    make(ana.as_actor(), kind="number")
    before = {"plan": "from a list", "city": "Recife"}
    assert merged_attributes(FieldEntity.CONTACT, before, {"plan": 3, "shoe": "38", "city": None}) == {
        "plan": 3, "shoe": "38",
    }  # fmt: skip
    for given_, path in ({"plan": "gold"}, "attributes.plan"), ({"shoe": 38}, "attributes.shoe"):
        with pytest.raises(Invalid) as refused:
            merged_attributes(FieldEntity.CONTACT, before, given_)
        assert refused.value.extra["field"] == path
    with pytest.raises(Invalid):
        merged_attributes(FieldEntity.TICKET, {}, {"plan": 3})


def test_attributes_are_bounded() -> None:
    many = {f"n{number}": "x" for number in range(100)}
    with pytest.raises(Invalid):
        merged_attributes(FieldEntity.CONTACT, many, {"one more": "x"}, fields=[])
    assert merged_attributes(FieldEntity.CONTACT, {**many, "a": "b"}, {"n1": "y"}, fields=[])["n1"] == "y"
