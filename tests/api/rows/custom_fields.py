"""Custom fields."""

from conversations.models import CustomField
from tests.api.rows import Row, Side, Who

ALL, ONE = "api/v1/custom-fields", "api/v1/custom-fields/<int:field_id>"
NEW = {"entity": "ticket", "key": "order", "kind": "choice", "label": "Order", "choices": ["a", "b"]}


def define(_side: Side) -> None:
    """One about customers."""
    CustomField.objects.get_or_create(entity="contact", key="plan", label="Plan", kind="text")


def the_field(side: Side) -> int:
    define(side)
    return CustomField.objects.get(entity="contact", key="plan").pk


IDS = {"field_id": the_field}
ROWS = {
    (ALL, "get"): Row(foreign=200, lists=0, before=define),
    (ALL, "post"): Row(201, 201, body=NEW, who=Who.ADMINS),
    (ONE, "get"): Row(foreign=200, before=define),
    (ONE, "patch"): Row(foreign=200, body={"label": "Tariff"}, who=Who.ADMINS, before=define),
    (ONE, "delete"): Row(204, 204, who=Who.ADMINS, before=define),
}


def grow(_side: Side, number: int) -> None:
    CustomField.objects.create(entity="ticket", key=f"f{number}", label=f"F{number}", kind="text")
