"""Writes of campaigns: one verb, one function, whoever calls."""

from campaigns.actions.agreeing import set_channel_consents
from campaigns.actions.consent import recipient_of, set_consent, unsubscribe
from campaigns.actions.editing import (
    Wording,
    change_campaign,
    clear_list,
    create_campaign,
    delete_campaign,
)
from campaigns.actions.giving import Listing, create_with_people, give_people, read_lists
from campaigns.actions.lifecycle import approve, cancel, pause, resume, send_test, start

__all__ = [
    "Listing",
    "Wording",
    "approve",
    "cancel",
    "change_campaign",
    "clear_list",
    "create_campaign",
    "create_with_people",
    "delete_campaign",
    "give_people",
    "pause",
    "read_lists",
    "recipient_of",
    "resume",
    "send_test",
    "set_channel_consents",
    "set_consent",
    "start",
    "unsubscribe",
]
