"""Webhooks in the admin: how their receivers stand, their secrets, and every call. Administrators only."""

from api.admin.calls import WebhookCallAdmin
from api.admin.webhooks import WebhookAdmin

__all__ = ["WebhookAdmin", "WebhookCallAdmin"]
