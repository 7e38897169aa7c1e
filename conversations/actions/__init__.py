"""Writes of the spine: one verb, one function, whoever calls."""

from conversations.actions.answering import answer_message
from conversations.actions.assignment import assign, hand_back, hand_over, take_over
from conversations.actions.attachments import add_attachment, delete_unclaimed_attachments
from conversations.actions.beginning import begin
from conversations.actions.contacts import Told, add_identity, create_contact, edit_contact, identity_in
from conversations.actions.editing import edit_conversation, set_priority
from conversations.actions.erasing import erase_contact
from conversations.actions.fields import create_field, delete_field, edit_field
from conversations.actions.identities import merge_contacts, split_identity
from conversations.actions.inbound import Received, receive
from conversations.actions.knowing import Known
from conversations.actions.marking import plan_marking
from conversations.actions.outbound import note, reply, send_template
from conversations.actions.rating import rate_answer
from conversations.actions.reading import read_by_contact, read_by_operator, set_typing
from conversations.actions.record import add_event, lock
from conversations.actions.replaying import delete_old_receipts, replay, replay_now
from conversations.actions.resolution import give_to_people, reopen, resolve
from conversations.actions.settling import retry_delivery, retry_message
from conversations.actions.streaming import (
    forget_text,
    partial_text,
    request_stop,
    show_text,
    stop_requested,
)
from conversations.actions.tagging import delete_tag, rename_tag
from conversations.actions.upserting import Outcome, Wanted, upsert_contacts
from conversations.actions.verification import request_verification
from conversations.exchange import Sender

__all__ = [
    "Known",
    "Outcome",
    "Received",
    "Sender",
    "Told",
    "Wanted",
    "add_attachment",
    "add_event",
    "add_identity",
    "answer_message",
    "assign",
    "begin",
    "create_contact",
    "create_field",
    "delete_field",
    "delete_old_receipts",
    "delete_tag",
    "delete_unclaimed_attachments",
    "edit_contact",
    "edit_conversation",
    "edit_field",
    "erase_contact",
    "forget_text",
    "give_to_people",
    "hand_back",
    "hand_over",
    "identity_in",
    "lock",
    "merge_contacts",
    "note",
    "partial_text",
    "plan_marking",
    "rate_answer",
    "read_by_contact",
    "read_by_operator",
    "receive",
    "rename_tag",
    "reopen",
    "replay",
    "replay_now",
    "reply",
    "request_stop",
    "request_verification",
    "resolve",
    "retry_delivery",
    "retry_message",
    "send_template",
    "set_priority",
    "set_typing",
    "show_text",
    "split_identity",
    "stop_requested",
    "take_over",
    "upsert_contacts",
]
