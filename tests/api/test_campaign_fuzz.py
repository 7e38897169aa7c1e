"""Nothing that a campaign is made of breaks anything: not when it is made, nor at any step after that."""

import json
from datetime import date
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from conversations.models import Inbox
from tests.api.test_errors import CAMPAIGNS, SCALARS, STRINGS
from tests.campaigns.lines import go_on

RULES = ["name", "attribute", "tag", "created", "last_message", "conversation_inbox", "campaign"]
OPS = ["is", "has", "contains", "more", "less", "before", "within_days", "never", "got", "replied"]
DAYS = st.dates() | st.sampled_from([date.min, date(1900, 1, 1), date(2199, 12, 31), date.max])
SAID = st.text(min_size=1, max_size=9)
WHOLE = st.one_of(
    st.fixed_dictionaries({"field": st.just("name"), "op": st.just("contains"), "value": SAID}),
    st.fixed_dictionaries({"field": st.just("tag"), "op": st.just("has_not"), "value": SAID}),
    st.fixed_dictionaries(
        {"field": st.just("attribute"), "name": SAID, "op": st.just("more"), "value": st.floats().map(str)}
    ),
    st.fixed_dictionaries(
        {"field": st.just("created"), "op": st.sampled_from(["before", "after"]), "value": DAYS.map(str)}
    ),
    st.fixed_dictionaries(
        {"field": st.just("campaign"), "op": st.just("not_got"), "value": st.uuids().map(str)}
    ),
)
BROKEN = st.fixed_dictionaries(
    {"field": st.sampled_from(RULES), "op": st.sampled_from(OPS)},
    optional={"value": SCALARS | st.just("-" * 36), "name": STRINGS},
)
# Fields of a campaign with values that are nearly right, so that they come past the first look.
NEARLY: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from(["broadcast", "onsite"]),
    "segment": st.fixed_dictionaries(
        {},
        optional={
            "match": st.sampled_from(["all", "any"]),
            "rules": st.lists(WHOLE | BROKEN, max_size=3),
        },
    ),
    "text": st.text(max_size=50),
    "values": st.dictionaries(st.text("ab1_ .é", min_size=1, max_size=4), st.text(max_size=9), max_size=3),
    "starts_at": st.datetimes().map(lambda moment: f"{moment.isoformat()}-12:00"),
    "quiet_from": st.times().map(str),
    "quiet_until": st.times().map(str),
    "per_minute": st.integers(1, 10**6) | st.integers(),
    "daily_limit": st.integers(1, 10**9) | st.integers() | st.none(),
    "price": st.decimals("0", "99999", places=4).map(str) | st.floats(allow_nan=False, allow_infinity=False),
    "currency": st.sampled_from(["", "BRL", "brl", "\x00"]),
    "recipients": st.lists(
        st.fixed_dictionaries(
            {"address": st.text(max_size=20) | st.just("+5511999990001")},
            optional={"name": STRINGS, "values": st.dictionaries(st.text(max_size=5), STRINGS, max_size=2)},
        ),
        max_size=3,
    ),
}


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.fixed_dictionaries({"name": st.text(min_size=1, max_size=130)}, optional=NEARLY))
def test_no_campaign_breaks_anything(as_ana: APIClient, number: Inbox, body: Any) -> None:
    data = json.dumps({**body, "inbox": number.pk}).encode()
    made = as_ana.post(CAMPAIGNS, data=data, content_type="application/json")
    assert made.status_code in {201, 422}, made.content
    assert as_ana.get(CAMPAIGNS).status_code == 200
    if made.status_code == 201:
        url = f"{CAMPAIGNS}/{made.json()['id']}"
        assert as_ana.patch(url, {"text": "Olá"}, format="json").status_code == 200
        assert as_ana.post(f"{url}/approve").status_code in {200, 422}
        if as_ana.post(f"{url}/start").status_code == 200:
            go_on(made.json()["id"])
        for what in ("recipients", "lists", "stats"):
            assert as_ana.get(f"{url}/{what}").status_code == 200
