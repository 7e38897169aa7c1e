"""The files of campaigns: kept as long as anything names them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import actions
from campaigns.actions import Wording
from conversations.actions import add_attachment, delete_unclaimed_attachments
from conversations.models import Attachment, Conversation, Inbox
from core.actor import Actor
from tests.campaigns.conftest import Draft
from tests.conversations.test_attachments import upload

pytestmark = pytest.mark.django_db(transaction=True)


def kept_for_days(inbox: Inbox) -> Attachment:
    row = add_attachment(inbox=inbox, uploader="campaign:1", upload=upload())
    Attachment.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=2))
    return row


def test_file_of_a_campaign_stays_until_the_campaign_goes(draft: Draft, number: Inbox, lead: Actor) -> None:
    row = kept_for_days(number)
    campaign = draft(wordings=[Wording(text="Oi", file=row)])
    assert delete_unclaimed_attachments() == 0
    actions.delete_campaign(campaign=campaign, by=lead)
    assert delete_unclaimed_attachments() == 1
    assert not row.file.storage.exists(str(row.file))


def test_content_that_a_message_has_too_outlives_the_campaign(
    number: Inbox, conversation: Conversation
) -> None:
    row = kept_for_days(number)
    Attachment.objects.create(
        inbox=number,
        message=conversation.messages.get(),
        uploader=row.uploader,
        file=row.file.name,
        name=row.name,
        content_type=row.content_type,
        size=row.size,
    )
    assert delete_unclaimed_attachments() == 1
    assert row.file.storage.exists(str(row.file))
