"""Receipts, deliveries, templates and identities in the admin: looked at, and set right at a click."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.enums import Role
from accounts.models import Team, User
from conversations.actions import Sender, merge_contacts, receive, reply
from conversations.admin.receipts import HIDDEN, SHOWN_BYTES, as_text, readable
from conversations.enums import DeliveryStatus, Verdict
from conversations.models import (
    Contact,
    ContactIdentity,
    Conversation,
    Delivery,
    InboundEvent,
    Inbox,
    MessageTemplate,
)
from core.actor import Actor
from tests.conftest import make_user
from tests.conversations.test_admin import as_ana as as_ana  # noqa: PLC0414 (a fixture)
from tests.conversations.test_admin import of
from tests.fakes.api_channel import SECRET
from tests.integrations.api.case import config

PAGES = ["inboundevent", "delivery", "messagetemplate"]


@pytest.fixture
def api(team: Team) -> Inbox:
    """An inbox of the API channel."""
    return Inbox.objects.create(name="API", channel="api", team=team, config=config("http://127.0.0.1:9"))


def receipt(inbox: Inbox, number: int = 1, body: bytes = b"{}", **values: Any) -> InboundEvent:
    """A receipt that was not understood."""
    values = {"verdict": Verdict.QUARANTINED, "detail": f"why {number}", **values}
    return InboundEvent.objects.create(inbox=inbox, provider_event_id=f"evt_{number}", body=body, **values)


def failed(inbox: Inbox, number: int, by: User) -> Delivery:
    """A message that was not delivered."""
    conversation = receive(inbox=inbox, sender=Sender(f"c{number}"), text="hi").conversation
    message = reply(conversation=conversation, text=f"answer {number}", by=by.as_actor())
    row = Delivery.objects.get(message=message)
    row.status, row.error, row.attempts = DeliveryStatus.FAILED, f"400: refused {number}", 3
    row.save()
    return row


def template(inbox: Inbox, number: int = 1, body: str = "Hi {{1}}") -> MessageTemplate:
    return MessageTemplate.objects.create(
        inbox=inbox, name=f"t{number}", language="en", status="APPROVED", body=body, synced_at=timezone.now()
    )


def fill(inbox: Inbox, number: int, by: User) -> dict[str, Model]:
    """One row for each page."""
    return {
        "inboundevent": receipt(inbox, number),
        "delivery": failed(inbox, number, by),
        "messagetemplate": template(inbox, number),
    }


def said(answer: Any) -> list[str]:
    return [f"{message.level_tag}: {message}" for message in answer.context["messages"]]


def chosen(client: Client, model: str, action: str, *rows: Model) -> Any:
    """Presses "Go" for the chosen rows of a list."""
    form = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(of(model), form, follow=True)


@pytest.mark.parametrize("model", PAGES)
def test_list_asks_as_much_for_three_as_for_one(
    *, as_ana: Client, api: Inbox, team: Team, bruno: User, model: str, django_assert_max_num_queries: Any
) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(16) as captured:
            assert as_ana.get(of(model)).status_code == 200
        return len(captured)

    fill(api, 1, bruno)
    queries()
    one = queries()
    for number in (2, 3):
        fill(
            Inbox.objects.create(name=f"I{number}", channel="api", team=team, config=api.config),
            number,
            bruno,
        )
    assert queries() == one


@pytest.mark.parametrize("model", PAGES)
def test_rows_are_changed_and_deleted_by_nobody(as_ana: Client, api: Inbox, bruno: User, model: str) -> None:
    row = fill(api, 1, bruno)[model]
    assert as_ana.get(of(model, "add")).status_code == 403
    assert as_ana.get(of(model, "change", row.pk)).status_code == 200
    assert as_ana.post(of(model, "change", row.pk), {"status": "sent", "verdict": "done"}).status_code == 403
    assert as_ana.post(of(model, "delete", row.pk), {"post": "yes"}).status_code == 403


WHO = {"admin": Role.ADMIN, "lead": Role.LEAD, "lead of another team": Role.LEAD, "operator": Role.OPERATOR}


@pytest.mark.parametrize("model", ["inbox", *PAGES])
@pytest.mark.parametrize("who", WHO)
def test_pages_of_an_inbox_are_seen_by_admins_and_its_team_s_leads(
    client: Client, api: Inbox, other_team: Team, model: str, who: str
) -> None:
    """A lead read the settings, and scanned the code, of another team's inbox."""
    assert api.team is not None
    row = {**fill(api, 1, make_user("rita", Role.OPERATOR, api.team)), "inbox": api}[model]
    Inbox.objects.update(name="Loja VIP")
    open_to_all = [Inbox.objects.create(name=f"Open {number}") for number in range(2)]
    client.force_login(make_user("otto", WHO[who], other_team if "another" in who else api.team))
    answer = client.get(of(model), {"verdict": "all"} if model == "inboundevent" else {})
    page = client.get(of(model, "change", row.pk))
    if who == "operator":
        assert (answer.status_code, page.status_code) == (403, 403)
        return
    sees = "another" not in who
    also = {each.pk for each in open_to_all} if model == "inbox" else set()
    assert {each.pk for each in answer.context["cl"].result_list} == also | ({row.pk} if sees else set())
    assert (page.status_code == 200) is sees
    # Nor does a filter name what is another team's.
    assert "Open 1" in answer.content.decode()
    assert ("Loja VIP" in answer.content.decode()) is sees


def test_lead_reads_without_buttons_and_is_led_to_no_closed_page(
    client: Client, api: Inbox, bruno: User, team: Team
) -> None:
    rows = fill(api, 1, bruno)
    client.force_login(make_user("otto", Role.LEAD, team))
    for model in ("inboundevent", "delivery"):
        page = client.get(of(model, "change", rows[model].pk)).content.decode()
        assert of(model, "act", rows[model].pk) not in page
        assert client.post(of(model, "act", rows[model].pk)).status_code == 403
    assert "answer 1" in page
    assert of("message", "changelist") not in page


def test_delivery_of_a_conversation_that_went_to_another_team_is_not_seen(
    client: Client, api: Inbox, bruno: User, team: Team, other_team: Team
) -> None:
    fill(api, 1, bruno)
    Conversation.objects.update(team=other_team, assignee=None)
    client.force_login(make_user("otto", Role.LEAD, team))
    assert list(client.get(of("delivery")).context["cl"].result_list) == []


# --- receipts ----------------------------------------------------------------------------------------------
def test_what_was_not_understood_comes_first(as_ana: Client, api: Inbox) -> None:
    old = receipt(api, 1)
    new = receipt(api, 2, verdict=Verdict.DONE)
    InboundEvent.objects.filter(pk=old.pk).update(received_at=timezone.now() - timedelta(days=9))
    assert list(as_ana.get(of("inboundevent")).context["cl"].result_list) == [old]
    every = as_ana.get(of("inboundevent"), {"verdict": "all"})
    assert list(every.context["cl"].result_list) == [new, old]
    assert list(as_ana.get(of("inboundevent"), {"verdict": "done"}).context["cl"].result_list) == [new]


def test_without_trouble_the_list_shows_all(as_ana: Client, api: Inbox) -> None:
    row = receipt(api, 1, verdict=Verdict.DONE)
    page = as_ana.get(of("inboundevent"))
    assert list(page.context["cl"].result_list) == [row]


def test_list_leaves_the_bytes_where_they_are(as_ana: Client, api: Inbox) -> None:
    receipt(api, 1, body=b"x" * 100)
    (row,) = as_ana.get(of("inboundevent")).context["cl"].result_list
    assert {"body", "headers"} <= row.get_deferred_fields()


def test_bytes_are_shown_as_text_escaped_and_without_secrets(as_ana: Client, api: Inbox) -> None:
    body = f'{{"text": "<script>x</script>", "Access_Token": "a\\"b", "note": "{SECRET}"}}'.encode()
    headers = {"x-api-key": "abc", "content-type": "application/json", "webhook-signature": "v1,zzz"}
    row = receipt(api, body=body, headers=headers)
    page = as_ana.get(of("inboundevent", "change", row.pk)).content.decode()
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page
    assert f"&quot;Access_Token&quot;: &quot;{HIDDEN}&quot;" in page
    assert f"&quot;note&quot;: &quot;{HIDDEN}&quot;" in page
    assert f"x-api-key: {HIDDEN}" in page
    assert "v1,zzz" not in page
    assert "content-type: application/json" in page


def test_secrets_of_settings_that_cannot_be_read_are_hidden_too(as_ana: Client, api: Inbox) -> None:
    Inbox.objects.filter(pk=api.pk).update(config={"signing_secret": "brokenone"})
    row = receipt(api, body=b"brokenone")
    assert "brokenone" not in as_ana.get(of("inboundevent", "change", row.pk)).content.decode()


def test_bytes_that_are_no_text_are_shown_in_hexadecimal(as_ana: Client, api: Inbox) -> None:
    row = receipt(api, body=bytes([0, 255, 10, 65, 66]))
    page = as_ana.get(of("inboundevent", "change", row.pk)).content.decode()
    assert re.search(r"00000000  00 ff 0a 41 42 +\.\.\.AB<", page)


def test_mail_in_an_old_charset_is_readable() -> None:
    assert as_text("Olá, çã".encode("latin-1")) == "Olá, çã"


def test_huge_body_is_cut_and_says_so(as_ana: Client, api: Inbox) -> None:
    row = receipt(api, body="é".encode() * SHOWN_BYTES)
    page = as_ana.get(of("inboundevent", "change", row.pk)).content.decode()
    assert page.count("é") == SHOWN_BYTES // 2
    assert f"… and {SHOWN_BYTES} bytes more" in page


@given(body=st.binary(max_size=200))
def test_any_bytes_are_shown_without_control_characters(body: bytes) -> None:
    shown = readable(as_text(body), [])
    assert all(character.isprintable() or character in "\n\t" for character in shown)


def test_text_that_turns_a_line_around_is_shown_as_it_is_not() -> None:
    """U+202E makes what follows look like something else than what was sent."""
    assert readable("a\u202eb", []) == "a\ufffdb"


def test_receipt_is_replayed_by_one_click(as_ana: Client, api: Inbox, ana: User) -> None:
    row = receipt(api)
    page = as_ana.get(of("inboundevent", "change", row.pk)).content.decode()
    assert of("inboundevent", "act", row.pk) in page
    answer = as_ana.post(of("inboundevent", "act", row.pk), follow=True)
    row.refresh_from_db()
    assert row.verdict == Verdict.IGNORED
    assert said(answer) == ["success: It is taken in again. What is stored already stays once."]
    assert LogEntry.objects.get().user == ana


def test_replay_of_what_is_still_not_understood_says_so(as_ana: Client, api: Inbox, ana: User) -> None:
    row = receipt(api, body=b"{")
    (answer,) = said(as_ana.post(of("inboundevent", "act", row.pk), follow=True))
    assert answer.startswith("error: Still not understood: ")
    row.refresh_from_db()
    assert row.verdict == Verdict.QUARANTINED
    assert LogEntry.objects.get().user == ana


def test_click_is_a_post_of_an_administrator(as_ana: Client, client: Client, api: Inbox, clara: User) -> None:
    row = receipt(api)
    assert as_ana.get(of("inboundevent", "act", row.pk)).status_code == 405
    assert as_ana.post(of("inboundevent", "act", 99)).status_code == 403
    client.force_login(clara)
    assert client.post(of("inboundevent", "act", row.pk)).status_code == 403
    row.refresh_from_db()
    assert row.verdict == Verdict.QUARANTINED


def test_click_needs_the_page_s_own_token(ana: User, api: Inbox) -> None:
    row = receipt(api)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ana)
    assert strict.post(of("inboundevent", "act", row.pk)).status_code == 403


def test_chosen_receipts_are_replayed(as_ana: Client, api: Inbox) -> None:
    rows = [receipt(api, number) for number in range(3)]
    answer = chosen(as_ana, "inboundevent", "replay_chosen", *rows[:2])
    assert said(answer) == ["success: 2 receipts are taken in again."]
    verdicts = InboundEvent.objects.order_by("pk").values_list("verdict", flat=True)
    assert list(verdicts) == [Verdict.RECEIVED, Verdict.RECEIVED, Verdict.QUARANTINED]
    assert LogEntry.objects.count() == 2


# --- deliveries --------------------------------------------------------------------------------------------
def test_delivery_is_sent_again_by_one_click(as_ana: Client, api: Inbox, bruno: User) -> None:
    row = failed(api, 1, bruno)
    answer = as_ana.post(of("delivery", "act", row.pk), follow=True)
    row.refresh_from_db()
    assert (row.status, row.attempts, row.error) == (DeliveryStatus.QUEUED, 0, "")
    assert said(answer) == ["success: It is sent again."]
    assert LogEntry.objects.get().get_change_message() == "It is sent again."


def test_only_what_failed_has_the_button(as_ana: Client, api: Inbox, bruno: User) -> None:
    row = failed(api, 1, bruno)
    address = of("delivery", "act", row.pk)
    assert address in as_ana.get(of("delivery", "change", row.pk)).content.decode()
    Delivery.objects.update(status=DeliveryStatus.SENT)
    assert address not in as_ana.get(of("delivery", "change", row.pk)).content.decode()
    assert said(as_ana.post(address, follow=True))[0].startswith("error: Only a message that was not")
    assert not LogEntry.objects.exists()


def test_chosen_deliveries_are_sent_again_without_those_that_arrived(
    as_ana: Client, api: Inbox, bruno: User
) -> None:
    rows = [failed(api, number, bruno) for number in range(3)]
    Delivery.objects.filter(pk=rows[0].pk).update(status=DeliveryStatus.READ)
    answer = chosen(as_ana, "delivery", "retry", *rows)
    assert said(answer) == ["success: 2 messages are sent again."]
    states = [Delivery.objects.get(pk=row.pk).status for row in rows]
    assert states == [DeliveryStatus.READ, DeliveryStatus.QUEUED, DeliveryStatus.QUEUED]


def test_delivery_shows_its_error_and_leads_to_its_message(as_ana: Client, api: Inbox, bruno: User) -> None:
    row = failed(api, 1, bruno)
    page = as_ana.get(of("delivery", "change", row.pk)).content.decode()
    assert "400: refused 1" in page
    assert f'href="{of("message", "change", row.message_id)}">answer 1' in page
    found = as_ana.get(of("delivery"), {"status__exact": "failed", "q": "refused"})
    assert found.context["cl"].result_count == 1


# --- templates ---------------------------------------------------------------------------------------------
def test_template_is_previewed_with_its_variables_marked(as_ana: Client, api: Inbox) -> None:
    row = template(api, body="Hi {{1}} & {{ shop_name }}, <b>{{}} {{{x}}}")
    row.details = {"header_format": "IMAGE"}
    row.save(update_fields=["details"])
    page = as_ana.get(of("messagetemplate", "change", row.pk)).content.decode()
    assert "a picture" in page
    assert "Hi <mark>{{1}}</mark> &amp; <mark>{{ shop_name }}</mark>, &lt;b&gt;{{}} " in page


# --- contacts ----------------------------------------------------------------------------------------------
def two(inbox: Inbox) -> tuple[Contact, Contact]:
    """Two contacts, the older first."""
    first = receive(inbox=inbox, sender=Sender("a1", name="Davi"), text="hi").conversation.contact
    second = receive(inbox=inbox, sender=Sender("b2", email="d@example.com"), text="hi").conversation.contact
    return first, second


def test_two_contacts_are_merged_into_the_older(as_ana: Client, api: Inbox, ana: User) -> None:
    first, second = two(api)
    answer = chosen(as_ana, "contact", "merge", second, first)
    assert said(answer) == ["success: d@example.com is now Davi. An identity can be split off on their page."]
    first.refresh_from_db()
    assert first.email == "d@example.com"
    assert set(Conversation.objects.values_list("contact", flat=True)) == {first.pk}
    assert list(as_ana.get(of("contact")).context["cl"].result_list) == [first]
    entry = LogEntry.objects.get()
    assert (entry.user, entry.get_change_message()) == (ana, "Merged with d@example.com.")


def test_more_or_fewer_than_two_are_not_merged(as_ana: Client, api: Inbox) -> None:
    first, second = two(api)
    third = receive(inbox=api, sender=Sender("c3"), text="hi").conversation.contact
    assert said(chosen(as_ana, "contact", "merge", first)) == ["error: Choose two contacts."]
    assert said(chosen(as_ana, "contact", "merge", first, second, third)) == ["error: Choose two contacts."]
    assert not Contact.objects.exclude(merged_into=None).exists()


def test_operators_look_and_do_not_merge(client: Client, api: Inbox, bruno: User) -> None:
    first, second = two(api)
    client.force_login(bruno)
    chosen(client, "contact", "merge", first, second)
    assert not Contact.objects.exclude(merged_into=None).exists()
    ContactIdentity.objects.create(inbox=api, external_id="z9", contact=first)
    assert "Split off" not in client.get(of("contact", "change", first.pk)).content.decode()


def test_leads_merge_what_they_see_only(client: Client, api: Inbox, other_team: Team, team: Team) -> None:
    first, second = two(api)
    client.force_login(make_user("lea", Role.LEAD, other_team))
    chosen(client, "contact", "merge", first, second)
    assert not Contact.objects.exclude(merged_into=None).exists()
    client.force_login(make_user("leo", Role.LEAD, team))
    chosen(client, "contact", "merge", first, second)
    assert Contact.objects.exclude(merged_into=None).get() == second


def contact_form(contact: Contact, **values: Any) -> dict[str, Any]:
    """What the browser sends with the page of a contact."""
    form: dict[str, Any] = {"name": contact.name, "email": contact.email, "phone": "", "locale": "", **values}
    rows = list(contact.identities.all())
    form |= {"identities-TOTAL_FORMS": len(rows), "identities-INITIAL_FORMS": len(rows)}
    return form | {f"identities-{number}-id": row.pk for number, row in enumerate(rows)}


def test_identity_is_split_off_and_gets_its_contact_back(as_ana: Client, api: Inbox, system: Actor) -> None:
    first, second = two(api)
    merge_contacts(keep=first, other=second, by=system)
    identity = ContactIdentity.objects.get(external_id="b2")
    page = as_ana.get(of("contact", "change", first.pk)).content.decode()
    assert f'name="_split" value="{identity.pk}"' in page
    answer = as_ana.post(
        of("contact", "change", first.pk),
        contact_form(first, name="Davi D.", _split=identity.pk),
        follow=True,
    )
    assert said(answer) == ["success: b2 now belongs to d@example.com."]
    identity.refresh_from_db()
    first.refresh_from_db()
    assert (identity.contact, first.name) == (second, "Davi D.")
    assert "Split off b2." in [entry.get_change_message() for entry in LogEntry.objects.all()]


def test_only_identity_is_not_split_off(as_ana: Client, api: Inbox) -> None:
    first, _ = two(api)
    assert "Split off" not in as_ana.get(of("contact", "change", first.pk)).content.decode()
    form = contact_form(first, _split=first.identities.get().pk)
    answer = as_ana.post(of("contact", "change", first.pk), form, follow=True)
    assert said(answer) == ["error: This identity cannot be split off."]


@pytest.mark.parametrize("number", ["", "x", "999999", "-1", "²"])
def test_identity_of_somebody_else_is_not_split_off(as_ana: Client, api: Inbox, number: str) -> None:
    first, second = two(api)
    ContactIdentity.objects.create(inbox=api, external_id="b3", contact=second)
    theirs = second.identities.first()
    assert theirs is not None
    for value in (number, theirs.pk):
        form = contact_form(first, _split=value)
        assert as_ana.post(of("contact", "change", first.pk), form).status_code == 302
    theirs.refresh_from_db()
    assert theirs.contact == second


def test_further_id_of_the_same_person_has_no_button(as_ana: Client, api: Inbox) -> None:
    first, _ = two(api)
    known = first.identities.get()
    ContactIdentity.objects.create(inbox=api, external_id="a1-phone", contact=first, same_as=known)
    page = as_ana.get(of("contact", "change", first.pk)).content.decode()
    assert "_split" not in page
    ContactIdentity.objects.create(inbox=api, external_id="a2", contact=first)
    page = as_ana.get(of("contact", "change", first.pk)).content.decode()
    assert page.count('name="_split"') == 2
    assert "goes with another" in page


def test_key_enter_saves_the_contact_and_splits_nothing(as_ana: Client, api: Inbox) -> None:
    first, _ = two(api)
    ContactIdentity.objects.create(inbox=api, external_id="a2", contact=first)
    page = as_ana.get(of("contact", "change", first.pk)).content.decode()
    assert page.index('name="_save" hidden') < page.index('name="_split"')
