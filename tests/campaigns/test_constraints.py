"""What the database itself refuses, whoever writes past the actions."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import CheckConstraint, ProtectedError, UniqueConstraint

from campaigns.models import BadRow, Campaign, Consent, Recipient, Upload, Variant
from conversations.models import ContactIdentity, Inbox
from core.actor import Actor
from tests.campaigns.conftest import Draft, people
from tests.campaigns.lines import begin, run

pytestmark = pytest.mark.django_db(transaction=True)
# The same for every process that collects these tests.
NOW = datetime(2026, 6, 1, 15, tzinfo=UTC)
# Every check by name, and the changes of a draft with one waiting recipient that break it.
BROKEN: list[tuple[str, Any, dict[str, Any]]] = [
    ("campaign_over_has_time", Campaign, {"status": "cancelled"}),
    ("campaign_over_has_time", Campaign, {"status": "done", "approved_at": NOW}),
    ("campaign_over_has_time", Campaign, {"finished_at": NOW}),
    ("campaign_is_approved_before_it_runs", Campaign, {"status": "running"}),
    ("campaign_is_approved_before_it_runs", Campaign, {"status": "scheduled"}),
    ("campaign_is_approved_before_it_runs", Campaign, {"status": "approved"}),
    ("campaign_is_approved_before_it_runs", Campaign, {"status": "done", "finished_at": NOW}),
    ("campaign_quiet_has_both_ends", Campaign, {"quiet_from": "22:00"}),
    ("campaign_quiet_has_both_ends", Campaign, {"quiet_until": "08:00"}),
    ("campaign_has_a_pace", Campaign, {"per_minute": 0}),
    ("campaign_has_a_name", Campaign, {"name": ""}),
    ("campaign_key_not_empty", Campaign, {"idempotency_key": ""}),
    ("variant_has_a_share", Variant, {"share": 0}),
    ("recipient_is_somebody", Recipient, {"contact": None}),
    ("recipient_written_has_time", Recipient, {"state": "written"}),
    ("recipient_written_has_time", Recipient, {"written_at": NOW}),
    ("recipient_skipped_has_reason", Recipient, {"state": "skipped"}),
    ("recipient_skipped_has_reason", Recipient, {"reason": "busy"}),
]


def refuses(name: str) -> Any:
    return pytest.raises(IntegrityError, match=name)


@pytest.fixture
def waiting(draft: Draft, number: Inbox) -> Recipient:
    """One who waits, of a campaign with two variants."""
    (contact,) = people(number, 1)
    campaign = draft()
    variant = campaign.variants.get()
    return Recipient.objects.create(campaign=campaign, contact=contact, variant=variant)


@pytest.mark.parametrize(("name", "model", "wrong"), BROKEN)
def test_check_refuses_its_case(waiting: Recipient, name: str, model: Any, wrong: dict[str, Any]) -> None:
    assert waiting.pk
    with refuses(name), transaction.atomic():
        model.objects.update(**wrong)


def test_customer_is_recipient_of_a_campaign_once(waiting: Recipient, draft: Draft) -> None:
    with refuses("recipient_contact_once"), transaction.atomic():
        Recipient.objects.create(campaign=waiting.campaign, contact=waiting.contact)
    Recipient.objects.create(campaign=draft(), contact=waiting.contact)


def test_id_is_written_to_by_a_campaign_once(waiting: Recipient, number: Inbox) -> None:
    identity = ContactIdentity.objects.get()
    Recipient.objects.update(identity=identity)
    (other,) = people(number, 1, start=1)
    with refuses("recipient_identity_once"), transaction.atomic():
        Recipient.objects.create(campaign=waiting.campaign, contact=other, identity=identity)


def test_visitor_is_shown_a_campaign_once(waiting: Recipient, number: Inbox) -> None:
    Recipient.objects.create(campaign=waiting.campaign, visitor="v1")
    with refuses("recipient_visitor_once"), transaction.atomic():
        Recipient.objects.create(campaign=waiting.campaign, visitor="v1")
    # Customers have no visitor's id, and do not collide by that.
    for contact in people(number, 2, start=5):
        Recipient.objects.create(campaign=waiting.campaign, contact=contact)


def test_message_is_one_recipients(waiting: Recipient, draft: Draft, lead: Actor, number: Inbox) -> None:
    campaign = run(draft(), lead)
    written = Recipient.objects.get(campaign=campaign)
    with pytest.raises(IntegrityError, match="message_id"), transaction.atomic():
        Recipient.objects.filter(pk=waiting.pk).update(message=written.message)


def test_letter_is_one_variants_and_a_line_bad_once(waiting: Recipient) -> None:
    with refuses("variant_label_once"), transaction.atomic():
        Variant.objects.create(campaign=waiting.campaign, label="A")
    upload = Upload.objects.create(campaign=waiting.campaign, content="x")
    BadRow.objects.create(upload=upload, line=2, text="x", reason="y")
    with refuses("badrow_line_once"), transaction.atomic():
        BadRow.objects.create(upload=upload, line=2, text="x", reason="z")


def test_consent_is_one_for_each_id(waiting: Recipient) -> None:
    identity = ContactIdentity.objects.get()
    Consent.objects.create(identity=identity, state="given", source="staff")
    with pytest.raises(IntegrityError, match="identity_id"), transaction.atomic():
        Consent.objects.create(identity=identity, state="withdrawn", source="staff")


def test_inbox_and_variant_in_use_cannot_be_deleted(waiting: Recipient, number: Inbox) -> None:
    with pytest.raises(ProtectedError):
        number.delete()
    with pytest.raises(ProtectedError):
        Variant.objects.all().delete()
    assert waiting.pk


def test_erased_customer_takes_their_rows_along(draft: Draft, number: Inbox, lead: Actor) -> None:
    (contact,) = people(number, 1)
    begin(draft(), lead)
    campaign = run(draft(name="Second"), lead)
    Consent.objects.create(identity=contact.identities.get(), state="given", source="staff")
    contact.conversations.all().delete()
    contact.delete()
    assert not Recipient.objects.filter(campaign=campaign).exists()
    assert not Consent.objects.exists()


def test_every_constraint_and_index_of_the_models_is_in_the_database(waiting: Recipient) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes")
        known = {name for (name,) in cursor.fetchall()}
    tried = {name for name, _model, _wrong in BROKEN}
    for model in (Campaign, Variant, Recipient, Consent, Upload, BadRow):
        for constraint in model._meta.constraints:
            assert isinstance(constraint, CheckConstraint | UniqueConstraint)
            assert constraint.name in known
            assert isinstance(constraint, UniqueConstraint) or constraint.name in tried
        assert {index.name for index in model._meta.indexes} <= known


def test_rows_introduce_themselves(waiting: Recipient) -> None:
    campaign = waiting.campaign
    upload = Upload(campaign=campaign, name="list.csv")
    assert (str(campaign), str(upload), str(BadRow(line=3, reason="x"))) == (
        "Natal",
        "list.csv waiting",
        "3: x",
    )
    assert str(waiting) == f"{campaign.pk} {waiting.contact_id} queued"
    assert str(Consent(identity_id=7, state="given")) == "7 given"
    assert str(Variant(label="B", text="Oi")) == "B: Oi"
