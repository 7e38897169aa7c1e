"""Stretches of days, as reports count them: in steps, by the clocks of one place."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Aggregate, DateField, F, FloatField, QuerySet
from django.db.models.functions import Extract, Trunc
from django.utils.translation import gettext as _

from core.errors import Invalid

LONGEST_SPAN = 400  # days


class Step(StrEnum):
    """How long a step is. Weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Span:
    """The days from `first` to `last`, both included, in steps; raises Invalid for none or too many.

    `zone` is the name of a time zone that there is.
    """

    first: date
    last: date
    step: Step = Step.DAY
    zone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuses what nobody can count."""
        if self.last < self.first:
            raise Invalid(_("The last day lies before the first."), field="until")
        if (self.last - self.first).days >= LONGEST_SPAN:
            detail = _("At most %s days can be counted at once.") % LONGEST_SPAN
            raise Invalid(detail, field="until")

    @property
    def begin(self) -> datetime:
        """The first moment."""
        return datetime.combine(self.first, time(), ZoneInfo(self.zone))

    @property
    def end(self) -> datetime:
        """The first moment after."""
        return datetime.combine(self.last + timedelta(days=1), time(), ZoneInfo(self.zone))

    def steps(self) -> Iterator[date]:
        """Yields the first day of each step; that of the first may lie before the span."""
        day = self.step_of(self.first)
        while day <= self.last:
            yield day
            day = self.step_of(day + timedelta(days={Step.DAY: 1, Step.WEEK: 7, Step.MONTH: 31}[self.step]))

    def step_of(self, day: date) -> date:
        """Returns the first day of the step in which a day lies."""
        if self.step == Step.MONTH:
            return day.replace(day=1)
        return day - timedelta(days=day.weekday()) if self.step == Step.WEEK else day

    def within(self, rows: "QuerySet[Any]", field: str) -> "QuerySet[Any]":
        """Narrows rows to those whose moment lies in the span, and names the step of each `start`."""
        limits = {f"{field}__gte": self.begin, f"{field}__lt": self.end}
        start = Trunc(field, self.step.value, output_field=DateField(), tzinfo=ZoneInfo(self.zone))
        found: QuerySet[Any] = rows.filter(**limits).annotate(start=start)
        return found


class Percentile(Aggregate):
    """The value below which a part of all lie, as `percentile_cont` has it."""

    template = "percentile_cont(%(part)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()

    def __init__(self, expression: Any, part: float, **extra: Any) -> None:
        """Takes what is ordered and the part, 0 to 1."""
        super().__init__(expression, part=part, **extra)


def seconds_between(begin: str, end: str) -> Extract:
    """Returns the seconds from one moment of a row to another."""
    return Extract(F(end) - F(begin), "epoch", output_field=FloatField())
