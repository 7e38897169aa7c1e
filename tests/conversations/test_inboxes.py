"""Inboxes made, changed and deleted by action: whose right it is, what is checked, what stays secret."""

import json
from typing import Any

import pytest
from django.forms import modelform_factory

from accounts.enums import Role, Scope
from accounts.models import Team, User
from conversations import channel_settings
from conversations.actions.inboxes import change_inbox, create_inbox, delete_inbox
from conversations.admin.forms import form_for
from conversations.channels import adapter, channel_choices
from conversations.errors import InUse
from conversations.models import Conversation, Inbox, MessageTemplate
from conversations.queries.inboxes import messages_per_minute
from core.actor import Actor, ActorKind
from core.errors import Changed, Forbidden, Invalid, NotFound, TooLarge
from core.versions import version_of
from tests.conftest import make_user

TOKEN = "123456789:AAE-abcdefghijklmnopqrstuvwxyz01"
OTHER = "123456789:AAE-abcdefghijklmnopqrstuvwxyz02"


@pytest.fixture
def lead(team: Team) -> User:
    """Lena, who leads the support team."""
    return make_user("lena", Role.LEAD, team)


@pytest.fixture
def bot(team: Team) -> Inbox:
    """The support team's Telegram bot."""
    config = {"bot_token": TOKEN, "secret_token": "sixteen-letters-x", "allow_groups": True}
    return Inbox.objects.create(name="Bot", channel="telegram", team=team, config=config)


def key(*scopes: Scope, teams: tuple[Team, ...] = ()) -> Actor:
    ids = frozenset(team.pk for team in teams)
    return Actor(
        ActorKind.API_KEY, "1", "Key", leads=True, is_admin=not teams, team_ids=ids, scopes=frozenset(scopes)
    )


# --- whose right it is -------------------------------------------------------------------------------------


def test_administrators_and_their_keys_make_inboxes_and_nobody_else(
    *, ana: User, lead: User, bruno: User, team: Team
) -> None:
    words: Any = {"channel": "telegram", "name": "Bot", "config": {"bot_token": TOKEN}}
    for by in (ana.as_actor(), key(Scope.ADMIN), Actor.system()):
        assert create_inbox(by=by, **words).config["bot_token"] == TOKEN
    refused = (
        lead.as_actor(), bruno.as_actor(), key(Scope.READ, Scope.WRITE), key(Scope.ADMIN, teams=(team,)),
        Actor(ActorKind.AGENT, "1", "Lia"),
    )  # fmt: skip
    for by in refused:
        with pytest.raises(Forbidden):
            create_inbox(by=by, **words)
        with pytest.raises(Forbidden):
            delete_inbox(inbox=Inbox.objects.first() or Inbox(), by=by)
    assert Inbox.objects.count() == 3


def test_leads_and_keys_that_administer_change_those_of_their_teams(
    *, lead: User, bruno: User, clara: User, team: Team, other_team: Team, bot: Inbox
) -> None:
    for by in (lead.as_actor(), key(Scope.ADMIN, teams=(team,)), key(Scope.ADMIN)):
        assert change_inbox(inbox=bot, by=by, name=f"{by.name}’s").name == f"{by.name}’s"
    clara.role = Role.LEAD
    for by in (clara.as_actor(), key(Scope.ADMIN, teams=(other_team,))):
        with pytest.raises(NotFound):
            change_inbox(inbox=bot, by=by, name="x")
    for by in (bruno.as_actor(), key(Scope.READ, Scope.WRITE), Actor(ActorKind.CONTACT, "1", "Davi")):
        with pytest.raises(Forbidden):
            change_inbox(inbox=bot, by=by, name="x")


# --- what is checked ---------------------------------------------------------------------------------------


def test_settings_left_out_stay_secrets_too_and_none_puts_the_default_back(ana: User, bot: Inbox) -> None:
    row = change_inbox(inbox=bot, by=ana.as_actor(), config={"mode": "polling", "secret_token": None})
    assert row.config["bot_token"] == TOKEN
    assert (row.config["mode"], row.config["allow_groups"], row.config["secret_token"]) == (
        "polling",
        True,
        "",
    )
    row = change_inbox(inbox=row, by=ana.as_actor(), config={"bot_token": OTHER, "allow_groups": None})
    row.refresh_from_db()
    assert (row.config["bot_token"], row.config["allow_groups"], row.config["mode"]) == (
        OTHER,
        False,
        "polling",
    )


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"bot_token": "x"}, "config.bot_token"),
        ({"bot_token": 7}, "config.bot_token"),
        ({"bot_token": None}, "config.bot_token"),
        ({"mode": "pigeon"}, "config.mode"),
        ({"allow_groups": "yes"}, "config.allow_groups"),
        ({"allow_groups": 1}, "config.allow_groups"),
        ({"api_url": "ftp://x"}, "config.api_url"),
        ({"api_url": "\ud800"}, "config"),
        ({"color": "red"}, "config.color"),
        ({"\ud800": 1}, "config.?"),
        ({"x" * 999: 1}, f"config.{'x' * 93}"),
    ],
)
def test_wrong_settings_are_refused_with_their_path_and_without_their_value(
    ana: User, bot: Inbox, config: dict[str, Any], field: str
) -> None:
    before = dict(bot.config)
    with pytest.raises(Invalid) as refusal:
        change_inbox(inbox=bot, by=ana.as_actor(), config=config)
    assert refusal.value.extra["field"] == field
    assert TOKEN not in refusal.value.detail
    bot.refresh_from_db()
    assert bot.config == before


def test_what_is_required_must_be_given_at_once(ana: User, db: None) -> None:
    with pytest.raises(Invalid) as refusal:
        create_inbox(channel="telegram", name="Bot", by=ana.as_actor())
    assert refusal.value.extra["field"] == "config.bot_token"
    with pytest.raises(TooLarge):
        create_inbox(channel="telegram", name="Bot", by=ana.as_actor(), config={"bot_token": "x" * 70_000})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel", "fax"),
        ("name", ""),
        ("name", "x" * 81),
        ("color", "red"),
        ("position", "top"),
        ("chat_per_minute", 0),
        ("chat_per_minute", 10**9),
        ("identity_secret", "short"),
        ("allowed_origins", [f"https://{'x' * 193}"]),
        ("allowed_origins", ["shop.example"]),
        ("allowed_origins", ["https://shop.example/help"]),
    ],
)
def test_wrong_words_are_refused_with_their_field(ana: User, db: None, field: str, value: Any) -> None:
    words: Any = {"channel": "web", "name": "Shop", field: value}
    with pytest.raises(Invalid) as refusal:
        create_inbox(by=ana.as_actor(), **words)
    assert str(refusal.value.extra["field"]) == field
    assert not Inbox.objects.exists()


def test_only_the_widget_has_a_secret_for_its_customers(ana: User, inbox: Inbox, bot: Inbox) -> None:
    secret = "a-secret-of-my-own"
    assert change_inbox(inbox=inbox, by=ana.as_actor(), identity_secret=secret).secret == secret
    with pytest.raises(Invalid):
        change_inbox(inbox=bot, by=ana.as_actor(), identity_secret=secret)


def test_who_read_an_older_version_changes_and_deletes_nothing(ana: User, bot: Inbox) -> None:
    by, before = ana.as_actor(), version_of(bot)
    change_inbox(inbox=bot, by=by, expected=before, config={"bot_token": OTHER})
    with pytest.raises(Changed):
        change_inbox(inbox=bot, by=by, expected=before, name="x")
    with pytest.raises(Changed):
        delete_inbox(inbox=bot, by=by, expected=before)
    bot.refresh_from_db()
    assert bot.name == "Bot"
    delete_inbox(inbox=bot, by=by, expected=version_of(bot))


def test_switching_off_and_on_is_kept(ana: User, bot: Inbox) -> None:
    assert not change_inbox(inbox=bot, by=ana.as_actor(), is_active=False, name="Off").is_active
    bot.refresh_from_db()
    assert (bot.is_active, bot.name) == (False, "Off")
    assert change_inbox(inbox=bot, by=ana.as_actor(), is_active=True).is_active


def test_the_pace_of_a_chat_is_the_inboxes_or_else_the_servers(
    ana: User, inbox: Inbox, settings: Any
) -> None:
    settings.CHAT_MESSAGES_PER_MINUTE = 9
    assert messages_per_minute(inbox) == 9
    assert messages_per_minute(change_inbox(inbox=inbox, by=ana.as_actor(), chat_per_minute=3)) == 3
    assert messages_per_minute(change_inbox(inbox=inbox, by=ana.as_actor(), chat_per_minute=None)) == 9


# --- taking it away ----------------------------------------------------------------------------------------


def test_an_inbox_with_customers_is_not_deleted(ana: User, conversation: Conversation) -> None:
    with pytest.raises(InUse):
        delete_inbox(inbox=conversation.inbox, by=ana.as_actor())
    assert Inbox.objects.get() == conversation.inbox
    conversation.delete()
    # Its customer is still known there.
    with pytest.raises(InUse):
        delete_inbox(inbox=conversation.inbox, by=ana.as_actor())


def test_an_unused_inbox_goes_with_its_templates(ana: User, bot: Inbox) -> None:
    MessageTemplate.objects.create(inbox=bot, name="x", language="en", status="x", synced_at=bot.created_at)
    delete_inbox(inbox=bot, by=ana.as_actor())
    assert not Inbox.objects.exists()
    with pytest.raises(NotFound):
        delete_inbox(inbox=bot, by=ana.as_actor())


# --- what stays secret -------------------------------------------------------------------------------------


def test_settings_are_shown_with_their_defaults_and_without_secrets(bot: Inbox) -> None:
    shown = channel_settings.shown("telegram", bot.config)
    assert shown == {"mode": "webhook", "allow_groups": True, "api_url": "https://api.telegram.org"}
    assert channel_settings.secrets_set("telegram", bot.config) == ["bot_token", "secret_token"]
    assert channel_settings.secrets_set("telegram", {}) == []


@pytest.mark.parametrize("channel", list(channel_choices()))
def test_every_channel_describes_its_settings_and_shows_no_secret(channel: str) -> None:
    schema = channel_settings.schema(channel)
    json.dumps(schema)
    assert schema["additionalProperties"] is False
    secrets = {name for name, told in schema.get("properties", {}).items() if "password" in json.dumps(told)}
    shown = channel_settings.shown(channel, dict.fromkeys(schema.get("properties", {}), "s3cret"))
    assert "s3cret" not in {shown.get(name) for name in secrets}
    assert set(shown) == set(schema.get("properties", {})) - secrets
    json.dumps(shown)


def test_a_secret_goes_to_another_server_only_when_it_is_entered_again(lead: User, bot: Inbox) -> None:
    by, elsewhere = lead.as_actor(), "https://bots.example"
    for config in ({"api_url": elsewhere}, {"api_url": elsewhere, "bot_token": OTHER}):
        with pytest.raises(Invalid) as refusal:
            change_inbox(inbox=bot, by=by, config=config)
    assert refusal.value.extra["field"] == "config.secret_token"
    bot.refresh_from_db()
    assert channel_settings.shown("telegram", bot.config)["api_url"] == "https://api.telegram.org"
    # A secret that goes away with the change is sent nowhere.
    change_inbox(inbox=bot, by=by, config={"api_url": elsewhere, "bot_token": TOKEN, "secret_token": None})
    bot.refresh_from_db()
    assert bot.config["api_url"] == elsewhere
    change_inbox(inbox=bot, by=by, config={"api_url": elsewhere, "mode": "polling"})


def test_server_within_is_refused_when_it_is_entered(bot: Inbox, ana: User, settings: Any) -> None:
    by, within = ana.as_actor(), {"api_url": "http://10.0.0.7:8081", "bot_token": TOKEN, "secret_token": None}
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(Invalid, match="OUTBOUND_ALLOW") as refusal:
        change_inbox(inbox=bot, by=by, config=within)
    assert refusal.value.extra["field"] == "config.api_url"
    settings.OUTBOUND_ALLOW = ["10.0.0.0/8"]
    change_inbox(inbox=bot, by=by, config=within)
    # What is stored does not keep the rest from being changed; the connection is refused.
    settings.OUTBOUND_ALLOW = []
    change_inbox(inbox=bot, by=by, config={"mode": "polling"})


def test_mail_server_within_is_refused_by_its_form(team: Team, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = []
    mailbox = Inbox(name="Mail", channel="email", team=team)
    words = {"config_address": "a@shop.example", "config_imap_host": "127.0.0.1", "config_smtp_host": "[::1]"}
    form = modelform_factory(Inbox, form=form_for("email"), fields=())(words, instance=mailbox)
    assert not form.is_valid()
    for name in ("config_imap_host", "config_smtp_host"):
        assert "OUTBOUND_ALLOW" in form.errors[name][0]


@pytest.mark.parametrize("channel", list(channel_choices()))
def test_every_address_says_which_secrets_go_there(channel: str) -> None:
    config = adapter(channel).config
    # What is sent to a callback is signed, and the key stays here.
    addresses = {name for name in config.model_fields if name.endswith(("_url", "_host"))} - {"callback_url"}
    assert addresses == set(config.sent_to)
    secrets = {name for name, info in config.model_fields.items() if channel_settings.is_secret(info)}
    assert secrets >= {name for names in config.sent_to.values() for name in names}
