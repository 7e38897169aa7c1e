"""The page of an inbox: how it stands, its settings by channel, and the buttons that ask the provider."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal

import httpx
import pytest
from django import forms
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.forms.models import modelform_factory
from django.test import Client
from django.utils import timezone, translation
from pydantic import Field, SecretStr, model_validator

from accounts.enums import Role
from accounts.models import Team, User
from conversations.admin.forms import FORGET, InboxForm, form_field, form_for
from conversations.channels import ChannelConfig, SendLater, adapter
from conversations.enums import Light
from conversations.exchange import Check, Template
from conversations.models import Inbox, InboxState, MessageTemplate
from tests.conftest import make_user
from tests.conversations.test_admin import as_ana as as_ana  # noqa: PLC0414 (a fixture)
from tests.conversations.test_admin import of
from tests.fakes.api_channel import SECRET
from tests.integrations.api.case import config
from tests.live import LiveServer

OTHER = "whsec_" + "QUJD" * 10
SETTINGS = {"callback_url": "https://shop.example/hook", "signing_secret": SECRET, "previous_secret": OTHER}
Answers = Callable[..., None]


@pytest.fixture
def api(team: Team) -> Inbox:
    """An inbox of the API channel."""
    return Inbox.objects.create(name="API", channel="api", team=team, config=dict(SETTINGS))


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Lets the provider of the API channel answer."""

    def answers(name: str, answer: Any) -> None:
        def method(*_args: Any, **_more: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(adapter("api"), name, method)

    return answers


def api_form(**values: Any) -> dict[str, Any]:
    """What a browser sends when nothing was changed."""
    return {
        "name": "API", "is_active": "on", "agent_name": "", "config_callback_url": SETTINGS["callback_url"],
        "config_signing_secret": "", "config_previous_secret": "", **values,
    }  # fmt: skip


def web_form(**values: Any) -> dict[str, Any]:
    return {
        "name": "Shop", "is_active": "on", "secret": "s3cret", "allowed_origins": "", "title": "",
        "greeting": "", "agent_name": "", "color": "#4f46e5", "position": "left", **values,
    }  # fmt: skip


def page_of(client: Client, inbox: Inbox) -> str:
    return client.get(of("inbox", "change", inbox.pk)).content.decode()


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


# --- making and changing -----------------------------------------------------------------------------------
def test_new_inbox_asks_for_name_channel_and_team_only(as_ana: Client, db: None) -> None:
    form = as_ana.get(of("inbox", "add")).context["adminform"].form
    assert set(form.fields) == {"name", "channel", "team"}
    assert {"web", "api"} <= {value for value, _ in form.fields["channel"].choices}


def test_new_inbox_leads_to_its_settings(as_ana: Client, team: Team) -> None:
    sent = {"name": "Mine", "channel": "api", "team": team.pk, "key": "chosen", "secret": "chosen"}
    answer = as_ana.post(of("inbox", "add"), sent)
    inbox = Inbox.objects.get()
    assert answer.headers["Location"] == of("inbox", "change", inbox.pk)
    assert (inbox.name, inbox.channel, inbox.team) == ("Mine", "api", team)
    assert "chosen" not in {inbox.key, inbox.secret}
    assert len(inbox.key) > 10
    assert len(inbox.secret) > 30


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("channel", "fax"), ("channel", "")])
def test_new_inbox_is_refused(as_ana: Client, db: None, field: str, value: str) -> None:
    page = as_ana.post(of("inbox", "add"), {"name": "Mine", "channel": "api", field: value})
    assert field in page.context["adminform"].form.errors
    assert not Inbox.objects.exists()


def test_channel_is_not_changed_afterwards(as_ana: Client, api: Inbox) -> None:
    assert as_ana.post(of("inbox", "change", api.pk), api_form(channel="web", key="k")).status_code == 302
    key = api.key
    api.refresh_from_db()
    assert (api.channel, api.key) == ("api", key)


def test_widget_is_changed(as_ana: Client, inbox: Inbox, team: Team) -> None:
    origins = "https://a.example,https://b.example"
    answer = as_ana.post(
        of("inbox", "change", inbox.pk), web_form(team=team.pk, allowed_origins=origins, color="#112233")
    )
    assert answer.status_code == 302
    inbox.refresh_from_db()
    assert inbox.allowed_origins == ["https://a.example", "https://b.example"]
    assert (inbox.team, inbox.secret, inbox.position, inbox.color) == (team, "s3cret", "left", "#112233")


@pytest.mark.parametrize(
    ("field", "value"),
    [("color", "red"), ("color", "#4f46e"), ("color", "#4f46e5;"), ("secret", ""), ("name", ""),
     ("position", "top")],
)  # fmt: skip
def test_widget_s_form_refuses(as_ana: Client, inbox: Inbox, field: str, value: str) -> None:
    page = as_ana.post(of("inbox", "change", inbox.pk), web_form(**{field: value}))
    assert field in page.context["adminform"].form.errors
    inbox.refresh_from_db()
    assert inbox.position == "right"


def test_colour_is_chosen_with_the_browser_s_own_means(as_ana: Client, inbox: Inbox) -> None:
    assert re.search(r'<input type="color" name="color" value="#4f46e5"', page_of(as_ana, inbox))


def test_widget_s_fields_are_the_widget_s_only(as_ana: Client, api: Inbox, inbox: Inbox) -> None:
    fields = as_ana.get(of("inbox", "change", api.pk)).context["adminform"].form.fields
    assert not {"secret", "allowed_origins", "color", "position", "greeting"} & set(fields)
    assert "secret" in as_ana.get(of("inbox", "change", inbox.pk)).context["adminform"].form.fields


@pytest.mark.parametrize("channel", ["web", "api"])
def test_page_of_every_channel_opens_empty_and_says_what_to_do(
    as_ana: Client, team: Team, channel: str
) -> None:
    inbox = Inbox.objects.create(name="New", channel=channel, team=team)
    page = page_of(as_ana, inbox)
    assert inbox.key in page
    assert "<ol><li>" in page
    assert "data-copy-button" in page


# --- secrets -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("hours_ago", "understood_after", "shown"),
    [(1, None, True), (1, -60, True), (1, 60, False), (25, None, False)],
)
def test_refused_webhook_is_said_until_one_is_understood(
    as_ana: Client, api: Inbox, hours_ago: float, understood_after: float | None, *, shown: bool
) -> None:
    refused_at = timezone.now() - timedelta(hours=hours_ago)
    received = None if understood_after is None else refused_at + timedelta(seconds=understood_after)
    InboxState.objects.update_or_create(
        inbox=api, defaults={"refused_at": refused_at, "last_received_at": received}
    )
    assert ("A webhook was refused at" in page_of(as_ana, api)) is shown


def test_secrets_are_never_shown(as_ana: Client, api: Inbox) -> None:
    page = page_of(as_ana, api)
    assert not [secret for secret in (SECRET, OTHER, api.secret) if secret in page or secret[6:] in page]
    assert page.count("Stored. Leave empty to keep it.") == 2


def test_secrets_left_empty_stay(as_ana: Client, api: Inbox) -> None:
    form = api_form(config_callback_url="https://new.example/")
    assert as_ana.post(of("inbox", "change", api.pk), form).status_code == 302
    api.refresh_from_db()
    assert api.config == {**SETTINGS, "callback_url": "https://new.example/"}


def test_secret_is_replaced(as_ana: Client, api: Inbox) -> None:
    as_ana.post(of("inbox", "change", api.pk), api_form(config_signing_secret=OTHER))
    api.refresh_from_db()
    assert api.config["signing_secret"] == OTHER


def test_only_an_optional_secret_can_be_forgotten(as_ana: Client, api: Inbox) -> None:
    page = page_of(as_ana, api)
    assert 'name="config_previous_secret-forget"' in page
    assert 'name="config_signing_secret-forget"' not in page
    form = api_form(**{"config_previous_secret-forget": "on", "config_signing_secret-forget": "on"})
    answer = as_ana.post(of("inbox", "change", api.pk), form)
    # Whoever asks for the other one all the same is told that it is needed.
    assert "config_signing_secret" in answer.context["adminform"].form.errors
    del form["config_signing_secret-forget"]
    assert as_ana.post(of("inbox", "change", api.pk), form).status_code == 302
    api.refresh_from_db()
    assert (api.config["previous_secret"], api.config["signing_secret"]) == ("", SECRET)


def test_rejected_secret_is_not_sent_back(as_ana: Client, api: Inbox) -> None:
    page = as_ana.post(of("inbox", "change", api.pk), api_form(config_signing_secret="whsec_tooshortforit"))
    assert "config_signing_secret" in page.context["adminform"].form.errors
    assert "tooshortforit" not in page.content.decode()


def test_log_of_changes_names_fields_and_no_values(as_ana: Client, api: Inbox) -> None:
    as_ana.post(of("inbox", "change", api.pk), api_form(config_signing_secret=OTHER))
    entry = LogEntry.objects.get()
    assert "igning secret" in entry.get_change_message()
    assert OTHER not in entry.change_message


def test_whoever_may_only_look_sees_no_settings(client: Client, api: Inbox, team: Team) -> None:
    viewer = make_user("vera", Role.OPERATOR, team)
    viewer.user_permissions.add(permission("view_inbox"))
    client.force_login(viewer)
    page = page_of(client, api)
    assert "shop.example/hook" not in page
    assert 'name="_test"' not in page
    assert client.post(of("inbox", "change", api.pk), api_form(_test="1")).status_code == 403


def permission(codename: str) -> Any:
    from django.contrib.auth.models import Permission  # deferred: leaf

    return Permission.objects.get(codename=codename)


# --- the form from the adapter's model ---------------------------------------------------------------------
class Mood(Enum):
    CALM = "calm"
    WILD = "wild"


class Everything(ChannelConfig):
    """One setting of each kind."""

    sent_to: ClassVar = {"server_url": ("secret", "maybe")}

    needed: str = Field(title="Needed", description="Say it.", pattern="^n", max_length=5)
    secret: SecretStr = Field(min_length=8)
    maybe: SecretStr | None = None
    number: int = Field(default=5, ge=1, le=9)
    share: float = 0.5
    flag: bool = True
    mode: Literal["imap", "webhook"] = "imap"
    mood: Mood = Mood.CALM
    names: list[str] = []
    long: Annotated[str, Field(json_schema_extra={"multiline": True})] = ""
    server_url: str = "https://default.example"

    @model_validator(mode="after")
    def _fits(self) -> "Everything":
        if self.mode == "webhook" and self.number == 9:
            message = "Nine does not go with a webhook."
            raise ValueError(message)
        return self


def everything(stored: dict[str, Any] | None = None, **data: Any) -> Any:
    """A form for settings of each kind, bound where data is given."""
    fields = {f"config_{name}": form_field(name, info) for name, info in Everything.model_fields.items()}
    base = type("Form", (InboxForm,), {**fields, "settings": Everything})
    form = modelform_factory(Inbox, form=base, fields=[*fields])
    sent = {f"config_{name}": value for name, value in data.items()}
    return form(sent or None, instance=Inbox(name="x", config=stored or {}))


GOOD = {
    "needed": "now", "secret": "longenough", "number": "7", "share": "0.25", "mode": "webhook",
    "mood": "wild", "names": "a\n\n b \r\nc", "long": "x\ny", "server_url": "https://s.example",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [("needed", forms.CharField), ("number", forms.IntegerField), ("share", forms.FloatField),
     ("flag", forms.BooleanField), ("mode", forms.ChoiceField), ("mood", forms.ChoiceField)],
)  # fmt: skip
def test_type_of_a_setting_decides_its_field(name: str, kind: type[forms.Field]) -> None:
    assert type(everything().fields[f"config_{name}"]) is kind


def test_settings_are_described_and_filled() -> None:
    form = everything({"needed": "nope", "names": ["a", "b"], "number": 3})
    needed = form.fields["config_needed"]
    assert (str(needed.label), str(needed.help_text), needed.required) == ("Needed", "Say it.", True)
    assert str(form.fields["config_server_url"].label) == "Server url"
    shown = {name: form[f"config_{name}"].value() for name in ("needed", "names", "number", "flag", "mood")}
    assert shown == {"needed": "nope", "names": "a\nb", "number": 3, "flag": True, "mood": "calm"}
    assert form["config_server_url"].value() == "https://default.example"
    assert isinstance(form.fields["config_secret"].widget, forms.PasswordInput)
    assert isinstance(form.fields["config_maybe"].widget, forms.PasswordInput)
    assert isinstance(form.fields["config_long"].widget, forms.Textarea)


def test_what_passes_is_kept_as_json() -> None:
    form = everything({"legacy": 1}, **GOOD)
    assert form.is_valid(), form.errors
    assert form.instance.config == {
        "legacy": 1, "needed": "now", "secret": "longenough", "maybe": None, "number": 7, "share": 0.25,
        "flag": False, "mode": "webhook", "mood": "wild", "names": ["a", "b", "c"], "long": "x\ny",
        "server_url": "https://s.example",
    }  # fmt: skip


def test_field_left_empty_takes_its_default() -> None:
    form = everything(None, **{**GOOD, "server_url": "", "number": ""})
    assert form.is_valid(), form.errors
    assert (form.instance.config["server_url"], form.instance.config["number"]) == (
        "https://default.example",
        5,
    )


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"needed": "x"}, "config_needed", "This does not look right."),
        ({"needed": "nnnnnnnn"}, "config_needed", "Write at most 5 characters."),
        ({"needed": ""}, "config_needed", "This field is required."),
        ({"secret": ""}, "config_secret", "This field is required."),
        ({"secret": "short"}, "config_secret", "Write at least 8 characters."),
        ({"number": "0"}, "config_number", "The smallest value is 1."),
        ({"number": "10"}, "config_number", "The largest value is 9."),
        ({"number": "many"}, "config_number", "Enter a whole number."),
        (
            {"mode": "pigeon"},
            "config_mode",
            "Select a valid choice. pigeon is not one of the available choices.",
        ),
        ({"number": "9"}, "__all__", "Nine does not go with a webhook."),
    ],
)
def test_complaint_is_made_at_the_field_once(change: dict[str, str], field: str, words: str) -> None:
    before = {"needed": "was"} if "secret" in change else {"secret": "storedone"}
    before["server_url"] = GOOD["server_url"]
    form = everything(before, **{**GOOD, **change})
    assert dict(form.errors) == {field: [words]}
    assert form.instance.config == before


def test_secret_is_asked_for_again_where_it_would_go_to_another_server() -> None:
    stored = {**GOOD, "secret": "storedone", "server_url": "https://was.example"}
    form = everything(stored, **{**GOOD, "secret": ""})
    words = "Enter it again: it would be sent to another server than before."
    assert dict(form.errors) == {"config_secret": [words]}
    assert form.instance.config == stored
    assert everything(stored, **GOOD).is_valid()
    assert everything(stored, **{**GOOD, "secret": "", "server_url": stored["server_url"]}).is_valid()


def test_sign_to_forget_is_no_secret_anybody_can_type() -> None:
    form = everything({"secret": "storedone", "maybe": "kept"}, **GOOD, **{"maybe-forget": "on"})
    assert form.is_valid()
    assert form.instance.config["maybe"] is None
    typed = everything(
        {"secret": "storedone", "maybe": "kept"}, **{**GOOD, "maybe": "typed", "maybe-forget": "on"}
    )
    assert typed.is_valid()
    assert typed.instance.config["maybe"] == "typed"
    assert "\x00" in FORGET


def test_settings_speak_the_reader_s_language(db: None) -> None:
    form = form_for("api")
    with translation.override("pt-br"):
        assert (
            str(everything(None, **{**GOOD, "needed": ""}).errors["config_needed"][0])
            == "Este campo é obrigatório."
        )
    assert str(form.base_fields["config_signing_secret"].label) == "Signing secret"


def test_choices_are_named_as_people_write_them(db: None) -> None:
    """They were the stored values with a capital: Imap, Tls."""
    fields = form_for("email").base_fields
    names = ("incoming", "imap_security", "outgoing")
    page = "".join(fields[f"config_{name}"].widget.render(name, "") for name in names)
    for label in ("IMAP", "SMTP", "TLS", "STARTTLS", "SendGrid", "None", "Webhook"):
        assert f">{label}</option>" in page


# --- how it stands -----------------------------------------------------------------------------------------
def test_panel_shows_light_error_and_times(as_ana: Client, api: Inbox) -> None:
    now = timezone.now()
    InboxState.objects.create(
        inbox=api, light=Light.RED, detail="401: <b>no</b>", failures=4,
        not_before=now + timedelta(minutes=5), last_sent_at=now - timedelta(hours=2),
    )  # fmt: skip
    page = page_of(as_ana, api)
    assert 'class="light light-red">Not working<' in page
    assert "401: &lt;b&gt;no&lt;/b&gt;" in page
    assert "2\xa0hours ago" in page
    assert "Paused until" in page
    assert "Failures in a row" in page


def test_pause_that_is_over_is_not_shown(as_ana: Client, api: Inbox) -> None:
    InboxState.objects.create(inbox=api, not_before=timezone.now() - timedelta(minutes=5))
    assert "Paused until" not in page_of(as_ana, api)


def test_panel_shows_the_exact_address_of_the_door(as_ana: Client, api: Inbox, settings: Any) -> None:
    settings.PUBLIC_URL = "https://help.example"
    assert f"<code>https://help.example/hooks/{api.key}</code>" in page_of(as_ana, api)


def test_widget_shows_its_line_escaped_and_no_light(as_ana: Client, inbox: Inbox, settings: Any) -> None:
    settings.PUBLIC_URL = "https://help.example"
    page = page_of(as_ana, inbox)
    assert "&lt;script src=&quot;https://help.example/static/widget/widget.js&quot;" in page
    assert f"data-inbox=&quot;{inbox.key}&quot;" in page
    assert 'name="_test"' not in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [("data:image/png;base64,iVBORw0KGgo=", True), ("data:image/svg+xml;base64,PHN2Zz4=", False),
     ("https://evil.example/x.png", False), ("javascript:alert(1)", False), (7, False)],
)  # fmt: skip
def test_code_to_scan_is_shown_as_a_picture_and_nothing_else(
    *, as_ana: Client, api: Inbox, value: Any, shown: bool
) -> None:
    InboxState.objects.create(inbox=api, details={"qr": value, "pairing_code": "ABCD-1234"})
    page = page_of(as_ana, api)
    assert (f'<img src="{value}"' in page) is shown
    assert ("endpoint-code" in page) is ("ABCD-1234" in page) is shown


def test_list_shows_lights_and_is_narrowed_by_them(as_ana: Client, api: Inbox, inbox: Inbox) -> None:
    InboxState.objects.create(inbox=api, light=Light.RED, detail="401")
    page = as_ana.get(of("inbox")).content.decode()
    assert '<span class="light light-red" title="401">Not working</span>' in page
    assert '<span class="light light-unknown" title="">Not tested</span>' in page
    found = as_ana.get(of("inbox"), {"state__light__exact": "red"}).context["cl"].result_list
    assert list(found) == [api]


# --- buttons -----------------------------------------------------------------------------------------------
def test_button_saves_first_and_tests_what_was_entered(
    as_ana: Client, api: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def test(settings: Any) -> Check:
        asked.append(settings.callback_url)
        return Check(Light.GREEN, "Fine.")

    monkeypatch.setattr(adapter("api"), "test", test)
    form = api_form(config_callback_url="https://new.example/", _test="1")
    answer = as_ana.post(of("inbox", "change", api.pk), form, follow=True)
    assert asked == ["https://new.example/"]
    assert said(answer) == ["Working: Fine."]
    assert answer.redirect_chain == [(of("inbox", "change", api.pk), 302)]
    assert InboxState.objects.get(inbox=api).light == Light.GREEN


@pytest.mark.django_db(transaction=True)
def test_button_asks_after_the_transaction_of_the_save(
    client: Client, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User.objects.create_superuser("root", role=Role.ADMIN)
    api = Inbox.objects.create(name="API", channel="api", config=dict(SETTINGS))
    client.force_login(user)
    seen: list[bool] = []

    def test(_settings: Any) -> Check:
        seen.append(connection.in_atomic_block)
        return Check(Light.GREEN, "")

    monkeypatch.setattr(adapter("api"), "test", test)
    assert client.post(of("inbox", "change", api.pk), api_form(_test="1")).status_code == 302
    assert seen == [False]


def test_what_cannot_be_saved_is_not_tested(as_ana: Client, api: Inbox, provider: Answers) -> None:
    provider("test", AssertionError("asked"))
    page = as_ana.post(of("inbox", "change", api.pk), api_form(config_callback_url="ftp://x", _test="1"))
    assert page.context["adminform"].form.errors == {"config_callback_url": ["This does not look right."]}
    assert not InboxState.objects.exists()


@pytest.mark.parametrize(
    ("button", "method", "answer", "words", "level"),
    [
        ("_test", "test", SendLater("busy"), "Struggling: busy", "warning"),
        ("_test", "test", Check(Light.RED, "401"), "Not working: 401", "error"),
        ("_connect", "connect", Check(Light.GREEN, "Told."), "Working: Told.", "success"),
        ("_templates", "templates", (), "0 templates fetched.", "success"),
        ("_templates", "templates", SendLater("busy"), "busy", "error"),
    ],
)
def test_answer_of_the_provider_is_told_and_logged(
    *, as_ana: Client, api: Inbox, provider: Answers, ana: User, button: str, method: str, answer: Any,
    words: str, level: str,
) -> None:  # fmt: skip
    provider(method, answer)
    page = as_ana.post(of("inbox", "change", api.pk), api_form(**{button: "1"}), follow=True)
    assert [(str(each), each.level_tag) for each in page.context["messages"]] == [(words, level)]
    entry = LogEntry.objects.first()
    assert entry is not None
    assert entry.user == ana
    assert words in entry.get_change_message()


@pytest.mark.django_db(transaction=True)
def test_button_keeps_no_usual_thread_waiting(
    as_ana: Client, api: Inbox, quiet_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[str] = []

    def test(_settings: Any) -> Check:
        kinds.append(threading.current_thread().name.partition("-")[0])
        return Check(Light.GREEN, "")

    monkeypatch.setattr(adapter("api"), "test", test)
    page = f"{quiet_server.url}{of('inbox', 'change', api.pk)}"
    with httpx.Client(cookies={"sessionid": as_ana.cookies["sessionid"].value}) as browser:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(page).text)
        assert token is not None
        form = api_form(_test="1", csrfmiddlewaretoken=token[1])
        assert browser.post(page, data=form).status_code == 302
    assert kinds == ["waiting"]


def test_templates_are_fetched_by_the_button(as_ana: Client, api: Inbox, provider: Answers) -> None:
    provider("templates", (Template("shipped", "en", "APPROVED", "UTILITY", "Hi {{1}}", ("1",)),))
    as_ana.post(of("inbox", "change", api.pk), api_form(_templates="1"))
    assert MessageTemplate.objects.get(inbox=api).name == "shipped"


def test_button_for_an_inbox_that_is_gone_asks_nobody(as_ana: Client, api: Inbox, provider: Answers) -> None:
    provider("test", AssertionError("asked"))
    assert as_ana.post(of("inbox", "change", 99), api_form(_test="1")).status_code == 302


def test_key_enter_saves_and_asks_nobody(as_ana: Client, api: Inbox) -> None:
    """Enter presses a form's first button, wherever in the page it stands."""
    page = page_of(as_ana, api)
    submits = re.findall(r'<(?:button|input)[^>]*type="submit"[^>]*name="(\w+)"', page)
    assert submits[0] == "_save"


def test_page_obeys_the_strict_policy(as_ana: Client, api: Inbox) -> None:
    InboxState.objects.create(
        inbox=api, light=Light.RED, detail="x", details={"qr": "data:image/png;base64,AA=="}
    )
    page = page_of(as_ana, api)
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", page)
    assert "img-src 'self' data:" in as_ana.get(of("inbox")).headers["Content-Security-Policy"]


@pytest.mark.parametrize("count", [1, 3])
def test_page_asks_the_same_for_any_number_of_inboxes(
    as_ana: Client, api: Inbox, count: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(count):
        Inbox.objects.create(name=f"I{number}", channel="api", config=config("http://127.0.0.1:9"))
    with django_assert_max_num_queries(8):
        page_of(as_ana, api)
