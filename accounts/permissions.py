"""What each role may do in the admin, in one table.

The desk's own pages ask `visible_to(actor)`; this is for Django's model pages around them. Groups and
single permissions given to a user in the admin add to the table, nothing takes away from it.
"""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from accounts.enums import Role
from accounts.models import User

OPERATOR = frozenset(
    f"{name.partition('.')[0]}.view_{name.partition('.')[2]}"
    for name in (
        "conversations.contact",
        "conversations.contactidentity",
        "conversations.cannedreply",
        "tickets.ticket",
        "knowledge.article",
        "knowledge.category",
        "accounts.team",
    )
)
LEAD = (
    OPERATOR
    | {f"knowledge.{verb}_{kind}" for verb in ("add", "change", "delete") for kind in ("article", "category")}
    | {f"knowledge.{verb}_proposedanswer" for verb in ("view", "change", "delete")}
    | {"knowledge.view_wantedarticle", "knowledge.change_wantedarticle"}
    | {f"knowledge.{verb}_source" for verb in ("view", "add", "change", "delete")}
    | {"knowledge.view_sourceitem", "knowledge.delete_sourceitem"}
    | {f"conversations.{verb}_cannedreply" for verb in ("add", "change", "delete")}
    | {"conversations.change_contact", "conversations.view_inbox", "conversations.change_inbox"}
    | {
        "conversations.view_inboundevent",
        "conversations.view_delivery",
        "conversations.view_messagetemplate",
    }
    | {
        "agents.view_agent",
        "agents.change_agent",
        "agents.view_run",
        "agents.view_step",
        "agents.view_approval",
        "agents.view_evaluationcase",
        "agents.add_evaluationcase",
        "agents.change_evaluationcase",
        "agents.delete_evaluationcase",
        "accounts.view_user",
    }
    | {f"campaigns.{verb}_campaign" for verb in ("view", "add", "change", "delete")}
    | {"campaigns.view_recipient", "campaigns.view_consent", "campaigns.view_upload"}
)
TABLE: dict[str, frozenset[str]] = {Role.OPERATOR: OPERATOR, Role.LEAD: LEAD}


class RoleBackend(BaseBackend):
    """Grants by role: operators look, leads tend to what their teams use, administrators do all."""

    def has_perm(self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: Any | None = None) -> bool:
        """True when the role of an active member of staff grants `app.verb_model`."""
        del obj
        if not (isinstance(user_obj, User) and user_obj.is_active and user_obj.is_staff):
            return False
        return user_obj.is_admin or perm in TABLE[user_obj.role]

    def has_module_perms(self, user_obj: AbstractBaseUser | AnonymousUser, app_label: str) -> bool:
        """True when the role grants anything in the app."""
        if not (isinstance(user_obj, User) and user_obj.is_active and user_obj.is_staff):
            return False
        return user_obj.is_admin or any(perm.startswith(f"{app_label}.") for perm in TABLE[user_obj.role])
