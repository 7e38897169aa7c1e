"""What a segment is: rules about customers, as they are stored and as the API takes them.

`{"match": "all", "rules": [{"field": "tag", "op": "has", "value": "vip"}]}`; no rules means everybody.
"""

from datetime import date
from math import isfinite
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from core.errors import Invalid
from core.storable import storable

MOST_RULES = 20
Short = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Days = Annotated[int, Field(ge=1, le=3650)]
# Within what a database can add a day to.
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]
Key = Annotated[str, AfterValidator(lambda text: str(UUID(text)))]


class Rule(BaseModel):
    """One statement about a customer."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class TextRule(Rule):
    """What a customer's own field says, whatever its case."""

    field: Literal["name", "email", "phone", "language"]
    op: Literal["is", "is_not", "contains", "starts", "empty", "filled"]
    value: Short = ""

    @model_validator(mode="after")
    def _has_value(self) -> Self:
        _require_value(self.op, self.value)
        return self


class AttributeRule(Rule):
    """What the team noted under a name of its own. `more` and `less` compare numbers."""

    field: Literal["attribute"]
    name: Text
    op: Literal["is", "is_not", "contains", "empty", "filled", "more", "less"]
    value: Short = ""

    @model_validator(mode="after")
    def _has_value(self) -> Self:
        if self.op in {"more", "less"} and not isfinite(float(self.value)):
            message = "a number is needed"
            raise ValueError(message)
        _require_value(self.op, self.value)
        return self


class TagRule(Rule):
    """A tag of the customer, or of any conversation with them."""

    field: Literal["tag", "conversation_tag"]
    op: Literal["has", "has_not"]
    value: Text


class DateRule(Rule):
    """When we first heard of them."""

    field: Literal["created"]
    op: Literal["before", "after"]
    value: Day


class DaysRule(Rule):
    """How long ago: when we first heard of them, or they last wrote to us. `never` knows only the latter."""

    field: Literal["created", "last_message"]
    op: Literal["within_days", "not_within_days"]
    value: Days


class NeverRule(Rule):
    """They have never written to us."""

    field: Literal["last_message"]
    op: Literal["never"]
    value: None = None


class InboxRule(Rule):
    """A conversation through an inbox (its number)."""

    field: Literal["conversation_inbox"]
    op: Literal["has", "has_not"]
    value: Annotated[int, Field(ge=1, le=2**31 - 1)]


class StatusRule(Rule):
    """A conversation in a state."""

    field: Literal["conversation_status"]
    op: Literal["has", "has_not"]
    value: Literal["bot", "open", "snoozed", "resolved"]


class CampaignRule(Rule):
    """Another campaign (its id): who got its message, or replied to it."""

    field: Literal["campaign"]
    op: Literal["got", "not_got", "replied", "not_replied"]
    value: Key


AnyRule = (
    TextRule
    | AttributeRule
    | TagRule
    | DateRule
    | DaysRule
    | NeverRule
    | InboxRule
    | StatusRule
    | CampaignRule
)


class Segment(BaseModel):
    """Rules, all or any of which must hold."""

    model_config = ConfigDict(extra="forbid")

    match: Literal["all", "any"] = "all"
    rules: Annotated[list[AnyRule], Field(max_length=MOST_RULES)] = Field(default_factory=list)


_ADAPTER = TypeAdapter(Segment)


def read_segment(data: Any) -> Segment:
    """Returns a segment from what was stored or sent; raises Invalid that names the rule."""
    try:
        return _ADAPTER.validate_python(storable(data or {}))
    except ValidationError as error:
        raise Invalid(_problem(error), field="segment") from error


def _problem(error: ValidationError) -> str:
    places = [each["loc"] for each in error.errors(include_input=False)]
    number = next((place[1] + 1 for place in places if len(place) > 1 and isinstance(place[1], int)), 0)
    if number:
        return str(_("Rule %d of who gets it is not complete.") % number)
    return str(_("These are no rules."))


def _require_value(op: str, value: str) -> None:
    """A comparison needs something to compare with."""
    if op not in {"empty", "filled"} and not value:
        message = "a value is needed"
        raise ValueError(message)
