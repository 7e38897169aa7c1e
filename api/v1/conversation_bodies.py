"""What is asked of conversations: queries and bodies."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from api.attributes import Attributes, Tagged, tag_list
from api.fields import (
    LARGEST_ID,
    Count,
    Flag,
    Id,
    InboxId,
    Moment,
    OperatorId,
    PageQuery,
    PriorityWord,
    SeenContactId,
    Strict,
    TeamSlug,
    Text,
)
from conversations.actions.addressing import MAX_COPIES
from conversations.actions.editing import LONGEST_SUBJECT
from conversations.actions.inbound import MAX_TEXT
from conversations.enums import Status

AT_ONCE = 100
FEWEST_SIGNS = 3
SETTABLE = [Status.OPEN.value, Status.RESOLVED.value, Status.BOT.value]


class ConversationQuery(PageQuery):
    """Which conversations, in which order."""

    status = serializers.ChoiceField(choices=Status.choices, required=False)
    team = serializers.SlugField(required=False, help_text="Short name of a team, or `none`.")
    assignee = serializers.RegexField(
        r"^(me|none|[0-9]{1,18})$", required=False, help_text="Id of a member of staff, `me` or `none`."
    )
    inbox = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    contact = serializers.UUIDField(required=False)
    priority = PriorityWord(required=False)
    tag = Text(required=False, max_length=40)
    q = Text(
        required=False,
        min_length=FEWEST_SIGNS,
        max_length=100,
        help_text="Part of the customer's name, address or number, or of the subject; not of messages.",
    )
    created_since = Moment(required=False)
    created_before = Moment(required=False)
    updated_since = Moment(required=False)
    updated_before = Moment(required=False)
    ordering = serializers.ChoiceField(
        choices=["-updated_at", "updated_at", "-created_at", "created_at"], default="-updated_at"
    )


class ThreadQuery(PageQuery):
    """Which messages of a conversation, in which order."""

    since = serializers.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, help_text="Only messages after this `seq`."
    )
    ordering = serializers.ChoiceField(choices=["seq", "-seq"], default="seq")


class NewMessage(Strict):
    """A reply to the customer, or a note among staff."""

    text = Text(max_length=MAX_TEXT, help_text="Markdown.")
    note = Flag(default=False, help_text="An internal note: never shown or sent to the customer.")
    client_id = Id(
        required=False,
        help_text="Your id for it: sent again, it returns the stored message and writes nothing.",
    )
    reply_to = Id(
        required=False,
        help_text="Id of the message of this conversation that it answers, where the channel shows that.",
    )

    cc = serializers.ListField(
        child=Text(max_length=254),
        required=False,
        max_length=MAX_COPIES,
        help_text="Addresses that get a copy of a reply, where the channel sends any (e-mail).",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuses what a note cannot have."""
        if attrs["note"] and (addressed := {"reply_to", "cc"} & set(attrs)):
            raise serializers.ValidationError({name: _("A note goes to nobody.") for name in addressed})
        return attrs


class NewConversation(Strict):
    """Somebody to be written to first, and what they are told."""

    inbox = InboxId()
    contact = SeenContactId(required=False, help_text="A customer whom the inbox knows or can reach.")
    to = Text(required=False, max_length=254, help_text="An address, where the channel has addresses.")
    subject = Text(
        required=False,
        max_length=LONGEST_SUBJECT,
        help_text="Needed where the channel has subjects (e-mail).",
    )
    text = Text(max_length=MAX_TEXT, help_text="Markdown.")
    client_id = Id(required=False, help_text="Your id for the message: sent again, it writes nothing.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Wants one of the two ways to say whom."""
        if ("contact" in attrs) == ("to" in attrs):
            raise serializers.ValidationError({"to": _("Say either a contact, or to which address.")})
        return attrs


class ConversationChange(Tagged):
    """What shall be different; what is left out stays."""

    priority = PriorityWord(required=False)
    subject = Text(required=False, allow_blank=True, max_length=LONGEST_SUBJECT)
    attributes = Attributes(required=False)


class Assignment(Strict):
    """Who is responsible."""

    assignee = OperatorId(allow_null=True, help_text="Id of a member of staff; null for nobody.")
    team = TeamSlug(required=False, help_text="Moves it to this team; left out, it stays where it is.")


class StatusChange(Strict):
    """The status a conversation shall have."""

    status = serializers.ChoiceField(choices=SETTABLE)


class ManyConversations(Strict):
    """What shall be done to each of many."""

    ids = serializers.ListField(child=Id(), min_length=1, max_length=AT_ONCE)
    assignee = OperatorId(
        required=False, allow_null=True, help_text="Id of a member of staff; null for nobody."
    )
    team = TeamSlug(required=False)
    status = serializers.ChoiceField(choices=SETTABLE, required=False)
    priority = PriorityWord(required=False)
    add_tags = tag_list()
    remove_tags = tag_list()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Wants something to be done."""
        if set(attrs) == {"ids"}:
            raise serializers.ValidationError(_("Say what shall be done."))
        return attrs


class Reading(Strict):
    """How far somebody has read."""

    seq = Count(
        required=False, min_value=0, max_value=2**31 - 1, help_text="Up to this number; left out, all of it."
    )
