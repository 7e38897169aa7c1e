"""Fills the database of a measurement and prints who may do what, as JSON, inside the product's settings."""

import json
import secrets
from datetime import timedelta
from importlib import import_module
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402 (needs the app registry, as all below)
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.enums import Role  # noqa: E402
from accounts.models import Team, User  # noqa: E402
from agents.models import Agent  # noqa: E402
from benchmarks.faults.payloads import ACCOUNT_ID, PHONE_NUMBER_ID, SECRETS  # noqa: E402
from conversations.actions import Sender, receive  # noqa: E402
from conversations.enums import Status  # noqa: E402
from conversations.models import Conversation, Inbox  # noqa: E402
from integrations.web.models import VisitorToken  # noqa: E402
from integrations.web.queries import digest  # noqa: E402

# Where nobody listens: only what comes in is measured.
WHATSAPP = {
    "phone_number_id": PHONE_NUMBER_ID,
    "business_account_id": ACCOUNT_ID,
    "access_token": "token",
    "app_secret": SECRETS["whatsapp_cloud"],
    "verify_token": "verify",
    "api_url": "http://127.0.0.1:9",
}
VISITORS = 200
ASKING = 20
OPERATORS = 100


def visitors(inbox: Inbox, number: int) -> list[dict[str, str]]:
    """Makes customers that have written once, with the tokens of their browsers."""
    made = []
    for _ in range(number):
        sender, token = Sender(f"visitor:{secrets.token_hex(16)}", locale="en"), secrets.token_urlsafe(32)
        found = receive(inbox=inbox, sender=sender, text="Hello")
        VisitorToken.objects.create(
            inbox=inbox,
            digest=digest(token),
            external_id=sender.external_id,
            expires_at=timezone.now() + timedelta(days=1),
        )
        made.append({"token": token, "conversation": str(found.conversation.pk)})
    return made


def sessions(team: Team) -> list[str]:
    """Makes operators that are logged in."""
    return [_session(team, number) for number in range(OPERATORS)]


def _session(team: Team, number: int) -> str:
    user = User.objects.create_user(f"operator-{number}", is_staff=True, role=Role.OPERATOR)
    user.teams.add(team)
    return session_of(user)


def session_of(user: User) -> str:
    """Signs somebody in and returns the key of the session."""
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


def main() -> None:
    """Migrates, fills, prints."""
    call_command("migrate", interactive=False, verbosity=0)
    team = Team.objects.create(slug="support", name="Support")
    plain = Inbox.objects.create(name="Plain", team=team)
    answered = Inbox.objects.create(name="Answered", team=team)
    hooks = Inbox.objects.create(name="Hooks", channel="whatsapp_cloud", team=team, config=WHATSAPP)
    said = {
        "hooks": {"id": hooks.pk, "key": hooks.key},
        "plain": {"id": plain.pk, "key": plain.key, "visitors": visitors(plain, VISITORS)},
        "answered": {"key": answered.key, "visitors": visitors(answered, ASKING)},
        "sessions": sessions(team),
    }
    # Only now: what was said above is not to be answered before it is measured.
    agent = Agent.objects.create(name="Lia")
    agent.inboxes.add(answered, hooks)
    Conversation.objects.filter(inbox=answered).update(status=Status.BOT)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
