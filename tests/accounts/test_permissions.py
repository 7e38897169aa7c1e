"""Which of the admin's pages each role may use."""

import pytest
from django.test import Client

from accounts.enums import Role
from accounts.models import User
from accounts.permissions import TABLE
from conversations.models import Conversation, Inbox

PAGES = {
    "conversations/contact/": {Role.OPERATOR, Role.LEAD, Role.ADMIN},
    "knowledge/article/": {Role.OPERATOR, Role.LEAD, Role.ADMIN},
    "knowledge/article/add/": {Role.LEAD, Role.ADMIN},
    "knowledge/source/": {Role.LEAD, Role.ADMIN},
    "knowledge/source/add/": {Role.LEAD, Role.ADMIN},
    "knowledge/sourceitem/": {Role.LEAD, Role.ADMIN},
    "conversations/inbox/": {Role.LEAD, Role.ADMIN},
    "agents/agent/": {Role.LEAD, Role.ADMIN},
    "agents/agent/add/": {Role.ADMIN},
    "accounts/user/": {Role.LEAD, Role.ADMIN},
    "accounts/user/add/": {Role.ADMIN},
    "accounts/apikey/": {Role.ADMIN},
    "llm/modelcall/": {Role.ADMIN},
    "conversations/message/": {Role.ADMIN},
    "campaigns/campaign/": {Role.LEAD, Role.ADMIN},
    "campaigns/campaign/add/": {Role.LEAD, Role.ADMIN},
    "campaigns/consent/": {Role.LEAD, Role.ADMIN},
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", list(Role))
def test_page_is_open_to_its_roles_only(
    client: Client, bruno: User, conversation: Conversation, page: str, role: Role
) -> None:
    bruno.role = role
    bruno.save(update_fields=["role"])
    client.force_login(bruno, backend="django.contrib.auth.backends.ModelBackend")
    status = client.get(f"/admin/{page}").status_code
    assert status == (200 if role in PAGES[page] else 403)


def test_inbox_page_of_a_lead_has_no_delete(client: Client, bruno: User, inbox: Inbox) -> None:
    bruno.role = Role.LEAD
    bruno.save(update_fields=["role"])
    client.force_login(bruno, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(f"/admin/conversations/inbox/{inbox.pk}/delete/").status_code == 403


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_who_is_no_active_staff_has_nothing(bruno: User, change: dict[str, bool]) -> None:
    bruno.role = Role.ADMIN
    for name, value in change.items():
        setattr(bruno, name, value)
    assert not bruno.has_perm("conversations.view_contact")
    assert not bruno.has_module_perms("conversations")


def test_table_names_permissions_that_exist(db: None) -> None:
    from django.contrib.auth.models import Permission

    known = {
        f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.select_related("content_type")
    }
    assert set().union(*TABLE.values()) <= known
