"""What a segment may be: what is wrong is named by its rule, and nothing can make the database stumble."""

from typing import Any

import pytest

from campaigns.segments import MOST_RULES, read_segment
from core.errors import Invalid

GOOD: list[dict[str, Any]] = [
    {"field": "name", "op": "is", "value": "Ana"},
    {"field": "email", "op": "filled"},
    {"field": "language", "op": "is_not", "value": "pt"},
    {"field": "attribute", "name": "plan", "op": "more", "value": "-1.5"},
    {"field": "tag", "op": "has_not", "value": "vip"},
    {"field": "conversation_tag", "op": "has", "value": "vip"},
    {"field": "created", "op": "before", "value": "2026-02-28"},
    {"field": "created", "op": "within_days", "value": 7},
    {"field": "last_message", "op": "not_within_days", "value": "30"},
    {"field": "last_message", "op": "never"},
    {"field": "conversation_inbox", "op": "has", "value": 1},
    {"field": "conversation_status", "op": "has_not", "value": "open"},
    {"field": "campaign", "op": "replied", "value": "3F2504E0-4F89-11D3-9A0C-0305E82C3301"},
]
BAD: list[Any] = [
    {}, "x", None, 1, [], {"field": "name"}, {"field": "name", "op": "is"},
    {"field": "name", "op": "is", "value": "  "}, {"field": "name", "op": "like", "value": "x"},
    {"field": "name", "op": "is", "value": "x", "more": 1}, {"field": "name", "op": "is", "value": "x" * 201},
    {"field": "password", "op": "is", "value": "x"}, {"field": "name", "op": "is", "value": {"a": 1}},
    {"field": "name", "op": "is", "value": "\x00"},
    {"field": "attribute", "op": "is", "value": "x"},
    {"field": "attribute", "name": "", "op": "is", "value": "x"},
    *(
        {"field": "attribute", "name": "n", "op": "more", "value": value}
        for value in ("", "x", "1,5", "nan", "inf", "-inf", "1e999")
    ),
    {"field": "tag", "op": "has", "value": ""}, {"field": "tag", "op": "is", "value": "x"},
    *(
        {"field": "created", "op": "after", "value": value}
        for value in ("0001-01-01", "9999-12-31", "2026-02-30", "soon", "")
    ),
    *(
        {"field": "created", "op": "within_days", "value": value}
        for value in (0, -1, 3651, 10**30, "x", None)
    ),
    {"field": "last_message", "op": "never", "value": 3},
    {"field": "conversation_inbox", "op": "has", "value": 2**31},
    {"field": "conversation_status", "op": "has", "value": "closed"},
    *(
        {"field": "campaign", "op": "got", "value": value}
        for value in ("", "-" * 36, "x" * 36, "0" * 35 + "g", "3f2504e0")
    ),
]  # fmt: skip


@pytest.mark.parametrize("rule", GOOD, ids=lambda rule: f"{rule['field']} {rule['op']}")
def test_rule_is_stored_as_it_is_read(rule: dict[str, Any]) -> None:
    stored = read_segment({"match": "any", "rules": [rule]}).model_dump(mode="json")
    assert read_segment(stored).model_dump(mode="json") == stored
    assert stored["match"] == "any"
    assert stored["rules"][0]["field"] == rule["field"]


@pytest.mark.parametrize("rule", BAD, ids=repr)
def test_what_is_wrong_is_named_by_its_number(rule: Any) -> None:
    with pytest.raises(Invalid) as found:
        read_segment({"rules": [GOOD[0], rule, GOOD[1]]})
    assert found.value.detail == "Rule 2 of who gets it is not complete."
    assert found.value.extra["field"] == "segment"


@pytest.mark.parametrize(
    "data",
    [
        "x",
        [1],
        7,
        {"match": "none"},
        {"rules": "x"},
        {"rules": [GOOD[0]] * (MOST_RULES + 1)},
        {"where": "1=1"},
    ],
)
def test_what_is_no_segment_is_none(data: Any) -> None:
    with pytest.raises(Invalid, match="These are no rules"):
        read_segment(data)


@pytest.mark.parametrize("data", [None, {}, {"rules": []}, ""])
def test_no_rules_mean_everybody(data: Any) -> None:
    assert read_segment(data).rules == []


def test_what_no_database_can_hold_is_left_out() -> None:
    rule = {"field": "attribute", "name": "pl\x00an", "op": "is", "value": "go\ud83dld\x00"}
    found = read_segment({"rules": [rule]}).model_dump(mode="json")["rules"][0]
    assert (found["name"], found["value"]) == ("plan", "go?ld")
