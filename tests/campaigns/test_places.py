"""Places in texts: what is put in, what is missed, and what can never become a place."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import Variant
from campaigns.queries.words import known_of, words_for
from conversations.models import Contact, MessageTemplate
from core.places import filled, has_broken_place, places, plain_name

NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
ANYTHING = st.text(st.sampled_from("{}|%s ab1çã\\$&\n"), max_size=30)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Oi {{name}}!", "Oi Ana!"),
        ("Oi {{ name }}!", "Oi Ana!"),
        ("Oi {{NAME}}!", "Oi Ana!"),
        ("{{name|amiga}}, {{name}}", "Ana, Ana"),
        ("Plano {{plan|básico}}", "Plano básico"),
        ("Plano {{plan| básico }}.", "Plano básico."),
        ("{{plan|}}fim", "fim"),
        ("{{Data do pedido}} {{data-do-pedido}} {{data.do.pedido}}", "3/4 3/4 3/4"),
        ("{{promoção}}", "sim"),
        ("{name} {{{name}}}", "{name} {Ana}"),
    ],
)
def test_place_is_filled_with_what_is_known_or_what_stands_behind_the_bar(text: str, said: str) -> None:
    values = {"name": "Ana", "data_do_pedido": "3/4", "promoção": "sim", "plan": " "}
    assert filled(text, values) == (said, [])


def test_what_is_missing_is_named_once_and_nothing_stands_there() -> None:
    assert filled("{{a}}{{B}} {{a}} {{c|x}}", {}) == ("  x", ["a", "b"])
    assert places("{{b}} {{a}} {{B|x}}") == ["b", "a"]


def test_accent_is_the_same_in_one_sign_or_two() -> None:
    apart = unicodedata.normalize("NFD", "promoção")
    assert plain_name(apart) == plain_name("Promoção")
    assert filled(f"{{{{{apart}}}}}", {"promoção": "10%"}) == ("10%", [])
    assert filled("{{promoção}}", {plain_name(apart): "10%"}) == ("10%", [])


@given(ANYTHING)
def test_value_is_put_in_as_it_stands_whatever_it_looks_like(value: str) -> None:
    said, missing = filled("<{{a}}|{{b|no}}>", {"a": value, "b": "{{a}}"})
    if value.strip():
        assert (said, missing) == (f"<{value.strip()}|{{{{a}}}}>", [])
    else:
        assert (said, missing) == ("<|{{a}}>", ["a"])


@given(st.lists(NAMES, max_size=5), ANYTHING)
def test_every_place_is_either_filled_or_named(names: list[str], between: str) -> None:
    between = between.replace("{", "").replace("}", "")
    text = between.join(f"{{{{{name}}}}}" for name in names)
    asked = places(text)
    assert asked == list(dict.fromkeys(plain_name(name) for name in names))
    assert filled(text, {})[1] == asked
    said, missing = filled(text, dict.fromkeys(asked, "v"))
    assert missing == []
    assert said == unicodedata.normalize("NFC", between).join("v" for _name in names)


@pytest.mark.parametrize("text", ["{{name", "name}}", "{{}}", "{{a|{b}}}", "{{a{b}}", "{{" + "x" * 61 + "}}"])
def test_braces_that_are_no_place_are_seen_before_customers_see_them(text: str) -> None:
    assert has_broken_place(f"Oi {text}.")
    assert not has_broken_place("Oi {{name}}, {{plan|x}} {a} }")


def test_words_of_the_list_go_before_what_we_know_but_for_the_link() -> None:
    contact = Contact(name="Bob Smith", email="bob@example.com", attributes={"Plan": "gold", "city": "Rio"})
    told = {"name": "Ana Maria", "plan": "", "city": "Natal", "unsubscribe": "no", "first_name": ""}
    known = known_of(contact, told, "https://x/u/1/")
    assert (known["name"], known["first_name"], known["city"]) == ("Ana Maria", "Ana", "Natal")
    assert (known["plan"], known["email"]) == ("gold", "bob@example.com")
    assert known["unsubscribe"] == "https://x/u/1/"


def test_nothing_is_not_said_as_none() -> None:
    contact = Contact(name="", attributes={"plan": None, "unsubscribe": "x"})
    known = known_of(contact, {"city": None}, "")
    assert "None" not in known.values()
    assert filled("{{plan|basic}} {{city|?}} {{name|there}} {{unsubscribe|-}}", known)[0] == "basic ? there -"


def words(text: str, **known: Any) -> tuple[str, tuple[str, ...]]:
    found = words_for(Variant(text=text), Contact(**known), more={})
    return found.text, found.missing


def test_text_of_which_nothing_is_left_is_missing_all() -> None:
    assert words("{{note|}}") == ("", ("note",))
    assert words("{{note|}} {{name}}", name="Ana") == (" Ana", ())
    assert words("{{note}}") == ("", ("note",))


def test_value_of_a_template_of_which_nothing_is_left_is_missing() -> None:
    template = MessageTemplate(variables=["1", "2"], body="{{1}} {{2}}")
    variant = Variant(template=template, values={"1": "{{first_name|}}", "2": "x {{note|}}"}, text="ignored")
    found = words_for(variant, Contact(), more={})
    assert found.missing == ("first_name",)
    known = words_for(variant, Contact(name="Ana B"), more={})
    assert (known.missing, known.values["1"], known.text) == ((), "Ana", "")
