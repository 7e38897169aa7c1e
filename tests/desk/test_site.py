"""The admin with the desk in front: its way in, its sidebar, its content policy."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from conversations.models import Conversation
from tickets.actions import create_ticket

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


def places(client: Client, path: str = "/admin/inbox/") -> dict[str, bool]:
    """The names in the sidebar, and which of them is current."""
    found = client.get(path).context["places"]
    return {place.name: place.is_current for place in found}


def test_the_admin_opens_on_the_inbox(as_bruno: Client) -> None:
    assert as_bruno.get("/admin/").headers["Location"] == "/admin/inbox/"


def test_an_admin_finds_everything_in_the_sidebar(as_ana: Client) -> None:
    everything = ["inbox", "tickets", "contacts", "knowledge", "campaigns", "agents", "settings"]
    assert list(places(as_ana)) == everything


def test_an_operator_finds_what_they_may_open(as_bruno: Client, bruno: User) -> None:
    assert list(places(as_bruno)) == ["inbox", "tickets", "contacts", "knowledge", "settings"]
    bruno.user_permissions.add(Permission.objects.get(codename="view_agent"))
    assert list(places(as_bruno)) == ["inbox", "tickets", "contacts", "knowledge", "agents", "settings"]


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/admin/inbox/", "inbox"),
        ("/admin/tickets/", "tickets"),
        ("/admin/conversations/contact/", "contacts"),
        ("/admin/accounts/user/", "settings"),
        ("/admin/settings/", "settings"),
        ("/admin/tickets/ticket/", "tickets"),
        ("/admin/campaigns/campaign/", "campaigns"),
        ("/admin/campaigns/consent/", "campaigns"),
    ],
)
def test_the_sidebar_says_where_one_is(as_ana: Client, path: str, current: str) -> None:
    assert [name for name, is_current in places(as_ana, path).items() if is_current] == [current]


def test_the_settings_list_what_can_be_set(as_ana: Client) -> None:
    page = as_ana.get("/admin/settings/").content.decode()
    assert "Inboxes" in page
    assert 'class="places"' in page


def test_the_login_page_shows_no_sidebar() -> None:
    page = Client().get("/admin/login/", follow=True).content.decode()
    assert 'name="password"' in page
    assert 'class="places"' not in page


class Inline(HTMLParser):
    """Collects what a strict content policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.found += [name for name in values if name == "style" or name.startswith("on")]
        is_data = values.get("type") in {"application/json", "text/plain"}
        if tag == "style" or (tag == "script" and "src" not in values and not is_data):
            self.found.append(f"<{tag}>")


def every_page() -> list[str]:
    """The address of every page of the admin that needs no row."""
    names = ["index", "settings", "desk_inbox", "desk_tickets", "password_change", "login"]
    for model, model_admin in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        names.append(f"{name}_changelist")
        if type(model_admin).has_add_permission is admin.ModelAdmin.has_add_permission:
            names.append(f"{name}_add")
    return [reverse(f"admin:{name}") for name in names]


# Article.source_url, whose form asks for a decision that Django 6 takes by itself.
@pytest.mark.filterwarnings("ignore:The default scheme will be changed")
def test_no_page_carries_inline_script_or_style(
    as_ana: Client, ana: User, conversation: Conversation
) -> None:
    ticket = create_ticket(conversation=conversation, subject="x", by=ana.as_actor())
    rows = [
        reverse("admin:accounts_user_change", args=[ana.pk]),
        reverse("admin:conversations_inbox_change", args=[conversation.inbox_id]),
        reverse("admin:conversations_contact_change", args=[conversation.contact_id]),
        reverse("admin:conversations_contact_delete", args=[conversation.contact_id]),
        reverse("admin:conversations_conversation_change", args=[conversation.pk]),
        f"/admin/inbox/{conversation.pk}/",
        f"/admin/tickets/{ticket.number}/",
    ]
    for path in [*every_page(), *rows]:
        answer = as_ana.get(path, follow=True)
        assert answer.status_code == 200, path
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy, path
        assert "script-src 'self'" in policy, path
        page = Inline()
        page.feed(answer.content.decode())
        assert page.found == [], path


def test_every_icon_that_is_used_is_drawn() -> None:
    drawn = set(re.findall(r'id="i-([a-z]+)"', (ROOT / "templates/desk/icons.html").read_text()))
    used = set()
    for path in [*(ROOT / "templates").rglob("*.html")]:
        used |= set(re.findall(r'icon.html" with name="([a-z]+)"', path.read_text()))
    from desk.enums import Queue

    assert used | set(Queue.values) <= drawn


def test_every_word_of_the_scripts_has_a_translation_key() -> None:
    from desk.strings import strings

    words, known = set(), strings()
    for path in (ROOT / "static/desk/js").glob("*.js"):
        words |= set(re.findall(r'\bt\(\s*"([a-z-]+)"', path.read_text()))
    assert words <= set(known)
    assert settings.LANGUAGE_CODE == "en"


def test_scripts_and_styles_name_only_what_exists() -> None:
    """ES modules import by relative path; a wrong one is found only in a browser otherwise."""
    for path in (ROOT / "static/desk/js").glob("*.js"):
        for name in re.findall(r'from "\./([\w.]+)"', path.read_text()):
            assert (path.parent / name).exists(), f"{path.name} imports {name}"
    tokens = set(re.findall(r"(--[\w-]+):", (ROOT / "static/core/css/tokens.css").read_text()))
    for path in (ROOT / "static/desk/css").glob("*.css"):
        assert set(re.findall(r"var\((--[\w-]+)", path.read_text())) <= tokens, path.name
