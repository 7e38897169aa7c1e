"""Fields that take what their type says and nothing that merely looks like it."""

import re
import threading
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator as Surrogates

from accounts.models import Team, User
from accounts.queries import team_by_slug
from api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from conversations.actions.assignment import operator_by_id
from conversations.enums import Priority
from conversations.models import Contact, Conversation, Inbox
from conversations.queries.contacts import contacts_seen_by
from core.errors import NotFound
from tickets.queries import contact_by_id

PRIORITIES = {priority.name.lower(): priority for priority in Priority}
LARGEST_ID = 2**63 - 1
FIRST_YEAR, LAST_YEAR = 2000, 2199
# What a short name may be: the database is not asked for anything else, which it may not even take.
SLUG = re.compile(r"[-\w]{1,50}", re.ASCII)


class Strict(serializers.Serializer[Any]):
    """A body or query in which an unknown field is an error."""

    default_error_messages = {
        "unknown": _("There is nothing of this name."),
        "invalid": _("This has to be a JSON object."),
    }

    @classmethod
    def checked(cls, data: Any, **context: Any) -> dict[str, Any]:
        """Returns what was sent as checked values; raises ValidationError."""
        reader = _kept.readers.get(cls) or _kept.readers.setdefault(cls, cls())
        reader._context = context  # noqa: SLF001 (DRF takes it at the making only)
        try:
            values: dict[str, Any] = reader.run_validation(data)
        except serializers.ValidationError:
            # By one of its own: what a kept one says stays in the language in which it was said first.
            refusing = cls(data=data, context=context)
            refusing.is_valid(raise_exception=True)
            values = refusing.validated_data
        return values

    def to_internal_value(self, data: Any) -> Any:
        """Refuses what is not declared before looking at the rest."""
        if isinstance(data, dict):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                message = serializers.ErrorDetail(str(self.error_messages["unknown"]), code="unknown")
                raise serializers.ValidationError({str(name)[:100]: [message] for name in unknown[:10]})
        return super().to_internal_value(data)


class _Kept(threading.local):
    """Serializers that this thread reads with: for a new one DRF copies all fields, a tenth of a POST."""

    def __init__(self) -> None:
        self.readers: dict[type[Strict], Strict] = {}


_kept = _Kept()


class Number(serializers.FloatField):
    """A JSON number; neither a text nor a truth value is turned into one."""

    def to_internal_value(self, data: Any) -> float:
        """Returns the number."""
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return float(super().to_internal_value(data))


class Text(serializers.CharField):
    """A JSON string; numbers are not turned into one. Lone surrogates, which nobody can store, fail."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes; says in the description too that an empty text is none."""
        if not kwargs.get("allow_blank"):
            kwargs.setdefault("min_length", 1)
        super().__init__(**kwargs)
        # It would look at each letter again.
        self.validators = [each for each in self.validators if not isinstance(each, Surrogates)]

    def to_internal_value(self, data: Any) -> str:
        """Returns the text without space around it, which counts like the rest: so says the description."""
        if not isinstance(data, str):
            self.fail("invalid")
        if self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        try:
            data.encode()
        except UnicodeEncodeError:
            self.fail("invalid")
        return super().to_internal_value(data)


class Slug(serializers.SlugField):
    """A short name, as a JSON string."""

    def to_internal_value(self, data: Any) -> str:
        """Returns the name."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """true or false; neither "yes" nor 1."""

    def to_internal_value(self, data: Any) -> bool:
        """Returns the truth value."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Id(serializers.UUIDField):
    """A UUID as text."""

    def to_internal_value(self, data: Any) -> UUID:
        """Returns the id."""
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class PriorityWord(serializers.ChoiceField):
    """`low`, `normal`, `high` or `urgent`."""

    def __init__(self, **kwargs: Any) -> None:
        """Takes what any field takes."""
        super().__init__(choices=list(PRIORITIES), **kwargs)

    def to_internal_value(self, data: Any) -> Priority:  # type: ignore[override]
        """Returns the priority."""
        return PRIORITIES[super().to_internal_value(data)]

    def to_representation(self, value: Any) -> str:
        """Returns the word."""
        return Priority(value).name.lower()


@extend_schema_field({"type": "string", "example": "support"})
class TeamSlug(serializers.Field[Team, Any, str, Any]):
    """A team by its short name."""

    default_error_messages = {"missing": _("There is no such team.")}

    def to_internal_value(self, data: Any) -> Team:
        """Returns the team."""
        team = team_by_slug(data) if isinstance(data, str) and SLUG.fullmatch(data) else None
        if team is None:
            self.fail("missing")
        return team

    def to_representation(self, value: Any) -> str:
        """Returns the short name."""
        return str(value.slug)


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": LARGEST_ID, "example": 1})
class OperatorId(serializers.Field[User, Any, int, Any]):
    """An active member of staff by id."""

    default_error_messages = {"missing": _("There is no such active member of staff.")}

    def to_internal_value(self, data: Any) -> User:
        """Returns the user."""
        if isinstance(data, bool) or not isinstance(data, int) or not 0 < data <= LARGEST_ID:
            self.fail("missing")
        try:
            return operator_by_id(str(data))
        except NotFound:
            self.fail("missing")

    def to_representation(self, value: User) -> int:
        """Returns the id."""
        return int(value.pk)


@extend_schema_field({"type": "string", "format": "uuid"})
class ConversationId(Id):
    """A conversation that the actor may see."""

    default_error_messages = {"missing": _("There is no such conversation, or you may not see it.")}

    def to_internal_value(self, data: Any) -> Any:
        """Returns the conversation."""
        pk = super().to_internal_value(data)
        found = Conversation.objects.visible_to(self.context["actor"]).filter(pk=pk).first()
        if found is None:
            self.fail("missing")
        return found

    def to_representation(self, value: Any) -> Any:
        """Returns the id."""
        return str(value.pk)


@extend_schema_field({"type": "string", "format": "uuid"})
class ContactId(Id):
    """A customer that the actor may name."""

    default_error_messages = {"missing": _("There is no such customer, or you may not see them.")}

    def find(self, pk: UUID) -> Contact | None:
        """Returns the contact."""
        found: Contact | None = contact_by_id(pk, actor=self.context["actor"])
        return found

    def to_internal_value(self, data: Any) -> Any:
        """Returns the contact."""
        pk = super().to_internal_value(data)
        found = self.find(pk)
        if found is None:
            self.fail("missing")
        return found

    def to_representation(self, value: Any) -> Any:
        """Returns the id."""
        return str(value.pk)


@extend_schema_field({"type": "string", "format": "uuid"})
class SeenContactId(ContactId):
    """A customer that the actor sees: one of their inboxes may know them without a conversation."""

    def find(self, pk: UUID) -> Contact | None:
        """Returns the contact."""
        return contacts_seen_by(self.context["actor"]).filter(pk=pk).first()


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": LARGEST_ID, "example": 1})
class InboxId(serializers.Field[Inbox, Any, int, Any]):
    """An inbox that the actor may see, by its number."""

    default_error_messages = {"missing": _("There is no such inbox, or you may not see it.")}

    def to_internal_value(self, data: Any) -> Inbox:
        """Returns the inbox."""
        if isinstance(data, bool) or not isinstance(data, int) or not 0 < data <= LARGEST_ID:
            self.fail("missing")
        found = Inbox.objects.visible_to(self.context["actor"]).filter(pk=data).first()
        if found is None:
            self.fail("missing")
        return found

    def to_representation(self, value: Inbox) -> int:
        """Returns the number."""
        return int(value.pk)


class Count(serializers.IntegerField):
    """A JSON integer; neither "5" nor 5.0."""

    def to_internal_value(self, data: Any) -> int:
        """Returns the number."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """A date and time that says how far it is from UTC, in years that every program can write."""

    default_error_messages = {
        "naive": _("Say the time with its distance from UTC, such as 2026-11-27T09:00:00-03:00."),
        "far": _("This is too far away."),
    }

    def to_internal_value(self, value: Any) -> datetime:
        """Returns the moment."""
        if not isinstance(value, str):
            self.fail("invalid", format="ISO 8601")
        moment = super().to_internal_value(value)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            self.fail("far")
        return moment

    def enforce_timezone(self, value: datetime) -> datetime:
        """Refuses a time of which nobody knows where it is meant."""
        if value.tzinfo is None:
            self.fail("naive")
        return super().enforce_timezone(value)


@extend_schema_field(
    {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?", "example": "22:00"}
)
class WallTime(serializers.TimeField):
    """A time of day as a clock on the wall shows it, wherever the wall is."""


class ShapeQuery(Strict):
    """The query of whatever is shown: which of its fields, and which of them whole."""

    fields = serializers.CharField(  # type: ignore[assignment]
        required=False, max_length=1000, help_text="Only these fields, separated by commas."
    )
    expand = serializers.CharField(
        required=False, max_length=200, help_text="Fields to be shown whole, separated by commas."
    )


class PageQuery(ShapeQuery):
    """The query of a list. Subclasses declare `ordering`."""

    cursor = serializers.CharField(
        required=False, max_length=500, help_text="Where to go on; taken from `next` of the page before."
    )
    limit = serializers.IntegerField(
        default=DEFAULT_LIMIT, min_value=1, max_value=MAX_LIMIT, help_text="Rows on a page."
    )
