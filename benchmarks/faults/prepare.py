"""Fills the database of a fault run and prints what its customers need, inside the product's settings.

Takes the addresses of the simulators as JSON in `FAULT_PROVIDERS`.
"""

import json
import os

import django

django.setup()

from django.core.management import call_command  # noqa: E402 (needs the app registry, as all below)

from accounts.actions import create_api_key  # noqa: E402
from accounts.models import Team  # noqa: E402
from agents.models import Agent  # noqa: E402
from benchmarks.faults import payloads  # noqa: E402
from conversations.models import Inbox  # noqa: E402
from core.actor import Actor  # noqa: E402


def configurations(addresses: dict[str, str]) -> dict[str, dict[str, str]]:
    """Returns the settings of each inbox that has a simulated provider."""
    return {
        "whatsapp_cloud": {
            "phone_number_id": payloads.PHONE_NUMBER_ID,
            "business_account_id": payloads.ACCOUNT_ID,
            "access_token": payloads.ACCESS_TOKEN,
            "app_secret": payloads.SECRETS["whatsapp_cloud"],
            "verify_token": "verify",
            "api_url": f"{addresses['whatsapp_cloud']}/v25.0",
        },
        "telegram": {
            "bot_token": payloads.BOT_TOKEN,
            "secret_token": payloads.SECRETS["telegram"],
            "api_url": addresses["telegram"],
        },
        "email": {
            "address": payloads.MAILBOX,
            "incoming": "webhook",
            "webhook_secret": payloads.SECRETS["email"],
            "smtp_host": "127.0.0.1",
            "smtp_port": addresses["smtp"],
            "smtp_security": "none",
            "smtp_password": payloads.MAILBOX_PASSWORD,
        },
        "api": {
            "callback_url": f"{addresses['api']}/callback",
            "signing_secret": payloads.SECRETS["api"],
        },
    }


def main() -> None:
    """Migrates, fills, prints."""
    call_command("migrate", interactive=False, verbosity=0)
    team = Team.objects.create(slug="support", name="Support")
    made = {
        channel: Inbox.objects.create(name=channel, channel=channel, team=team, config=config)
        for channel, config in configurations(json.loads(os.environ["FAULT_PROVIDERS"])).items()
    }
    made["web"] = Inbox.objects.create(name="Plain", team=team)
    made["answered"] = Inbox.objects.create(name="Answered", team=team)
    agent = Agent.objects.create(name="Lia")
    agent.inboxes.add(made["answered"])
    keys = {name: inbox.key for name, inbox in made.items()}
    _, api_key = create_api_key(name="faults", by=Actor.system(), all_teams=True)
    print(json.dumps({"inboxes": keys, "api_key": api_key}))


if __name__ == "__main__":
    main()
