"""Canned replies: who keeps them, who finds them, what they say."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.enums import Role, Scope
from accounts.models import Team, User
from conversations.actions.canned import change_canned_reply, create_canned_reply, delete_canned_reply
from conversations.errors import ShortcutTaken
from conversations.models import CannedReply, Contact, Conversation
from conversations.queries.canned import offered, rendered
from core.actor import Actor, ActorKind
from core.errors import Changed, Forbidden, Invalid, NotFound
from core.versions import version_of
from tests.conftest import make_user


@pytest.fixture
def lead(team: Team) -> User:
    """Lena, who leads the support team."""
    return make_user("lena", Role.LEAD, team)


@pytest.fixture
def common(db: None) -> CannedReply:
    """A text for everybody."""
    return CannedReply.objects.create(shortcut="hi", title="Greeting", text="Hello {{contact.name|there}},")


@pytest.fixture
def ours(team: Team) -> CannedReply:
    """A text of the support team."""
    return CannedReply.objects.create(shortcut="late", text="It is late, {{contact.name}}.", team=team)


@pytest.fixture
def theirs(other_team: Team) -> CannedReply:
    """A text of the finance team."""
    return CannedReply.objects.create(shortcut="late", text="You owe us.", team=other_team)


def key_of(*teams: Team) -> Actor:
    ids = frozenset(team.pk for team in teams)
    scopes = frozenset({Scope.READ.value, Scope.WRITE.value})
    return Actor(ActorKind.API_KEY, "1", "Key", leads=True, is_admin=not teams, team_ids=ids, scopes=scopes)


# --- who keeps them ----------------------------------------------------------------------------------------


def test_everybody_finds_the_common_ones_and_those_of_their_teams(
    *,
    common: CannedReply,
    ours: CannedReply,
    theirs: CannedReply,
    ana: User,
    bruno: User,
    clara: User,
    davi: Contact,
) -> None:
    def seen(actor: Actor) -> set[CannedReply]:
        return set(CannedReply.objects.visible_to(actor))

    assert seen(ana.as_actor()) == {common, ours, theirs}
    assert seen(bruno.as_actor()) == {common, ours}
    assert seen(clara.as_actor()) == {common, theirs}
    assert seen(davi.as_actor()) == set()
    assert seen(Actor(ActorKind.AGENT, "1", "Lia")) == set()


def test_a_lead_keeps_those_of_their_team_only(
    *, lead: User, team: Team, other_team: Team, common: CannedReply, ours: CannedReply, theirs: CannedReply
) -> None:
    by = lead.as_actor()
    assert create_canned_reply(by=by, shortcut="Mine", text="Yes", team=team).shortcut == "mine"
    assert change_canned_reply(reply=ours, by=by, text="No").text == "No"
    refused: list[Any] = [
        lambda: create_canned_reply(by=by, shortcut="x", text="x", team=other_team),
        lambda: create_canned_reply(by=by, shortcut="x", text="x"),
        lambda: change_canned_reply(reply=ours, by=by, team=None),
        lambda: change_canned_reply(reply=ours, by=by, team=other_team),
        lambda: change_canned_reply(reply=common, by=by, text="x"),
        lambda: delete_canned_reply(reply=common, by=by),
    ]
    for attempt in refused:
        with pytest.raises(Forbidden):
            attempt()
    with pytest.raises(NotFound):
        change_canned_reply(reply=theirs, by=by, text="x")
    with pytest.raises(NotFound):
        delete_canned_reply(reply=theirs, by=by)
    delete_canned_reply(reply=ours, by=by)
    assert set(CannedReply.objects.values_list("shortcut", "text")) == {
        ("hi", common.text), ("late", "You owe us."), ("mine", "Yes")
    }  # fmt: skip


def test_operators_and_customers_keep_none(bruno: User, davi: Contact, team: Team, ours: CannedReply) -> None:
    for by in (bruno.as_actor(), davi.as_actor()):
        with pytest.raises(Forbidden):
            create_canned_reply(by=by, shortcut="x", text="x", team=team)
    with pytest.raises(Forbidden):
        change_canned_reply(reply=ours, by=bruno.as_actor(), text="x")


def test_a_key_keeps_those_of_its_teams_and_one_for_all_teams_everybodys(
    team: Team, other_team: Team, ours: CannedReply
) -> None:
    assert create_canned_reply(by=key_of(team), shortcut="x", text="x", team=team).team == team
    with pytest.raises(Forbidden):
        create_canned_reply(by=key_of(team), shortcut="x", text="x", team=other_team)
    assert create_canned_reply(by=key_of(), shortcut="x", text="x").team is None


def test_a_shortcut_is_one_teams_once_and_everybodys_once(
    ana: User, team: Team, other_team: Team, common: CannedReply, ours: CannedReply
) -> None:
    by = ana.as_actor()
    for words in ({"shortcut": "HI"}, {"shortcut": "late", "team": team}):
        with pytest.raises(ShortcutTaken):
            create_canned_reply(by=by, text="x", **words)
    with pytest.raises(ShortcutTaken):
        change_canned_reply(reply=ours, by=by, team=None, shortcut="hi")
    assert create_canned_reply(by=by, text="x", shortcut="hi", team=other_team).team == other_team
    assert change_canned_reply(reply=ours, by=by, shortcut="late", text="y").text == "y"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shortcut", ""), ("shortcut", "two words"), ("shortcut", "a/b"), ("shortcut", "x" * 41),
        ("text", ""), ("text", " \n "), ("text", "Hi {{contact.secret}}"), ("text", "Hi {{contact.name"),
        ("text", "{{1}}"), ("text", "x" * 10_001), ("title", "x" * 121), ("language", "english please"),
    ],
)  # fmt: skip
def test_words_that_are_none_are_refused_with_their_field(ana: User, field: str, value: str) -> None:
    words: Any = {"shortcut": "ok", "text": "ok", field: value}
    with pytest.raises(Invalid) as refusal:
        create_canned_reply(by=ana.as_actor(), **words)
    assert refusal.value.extra["field"] == field
    assert not CannedReply.objects.exists()


def test_who_read_an_older_version_changes_and_deletes_nothing(ana: User, ours: CannedReply) -> None:
    by, before = ana.as_actor(), version_of(ours)
    change_canned_reply(reply=ours, by=by, expected=before, text="new")
    with pytest.raises(Changed):
        change_canned_reply(reply=ours, by=by, expected=before, text="newer")
    with pytest.raises(Changed):
        delete_canned_reply(reply=ours, by=by, expected=before)
    ours.refresh_from_db()
    assert ours.text == "new"
    delete_canned_reply(reply=ours, by=by, expected=version_of(ours))
    assert not CannedReply.objects.exists()


def test_what_a_team_wrote_goes_with_the_team(
    other_team: Team, common: CannedReply, theirs: CannedReply
) -> None:
    other_team.delete()
    assert list(CannedReply.objects.all()) == [common]


# --- what they say -----------------------------------------------------------------------------------------


def test_places_are_filled_from_the_conversation_and_who_writes(
    conversation: Conversation, bruno: User, db: None
) -> None:
    text = "{{contact.name}} {{ contact.email }} {{operator.name}} {{conversation.id}} {{inbox.name}}"
    reply = CannedReply(shortcut="x", text=text)
    said = rendered(reply, conversation, by=bruno.as_actor())
    assert said.text == f"Davi Duarte davi@example.com Bruno {conversation.pk} Aurora"
    assert said.missing == ()


def test_what_nobody_knows_is_left_empty_and_named(conversation: Conversation) -> None:
    conversation.contact.name = ""
    reply = CannedReply(shortcut="x", text="Hi {{contact.name}}, {{contact.name|you}}. {{operator.name}}")
    said = rendered(reply, conversation, by=key_of())
    assert said.text == "Hi , you. "
    assert said.missing == ("contact.name", "operator.name")


def test_a_customers_name_brings_neither_places_nor_lines(conversation: Conversation, bruno: User) -> None:
    conversation.contact.name = "{{operator.name}}\n\n# Davi"
    said = rendered(CannedReply(text="Hi {{contact.name}}"), conversation, by=bruno.as_actor())
    assert said.text == "Hi {{operator.name}} # Davi"


def test_what_was_typed_finds_shortcuts_first_then_titles_and_texts(
    bruno: User, common: CannedReply, ours: CannedReply, theirs: CannedReply
) -> None:
    def found(search: str) -> list[str]:
        return [row.text for row in offered(bruno.as_actor(), search=search)]

    last = CannedReply.objects.create(shortcut="about-late", text="Sorry")
    assert found("late") == [ours.text, last.text]
    assert found("/LATE") == [ours.text, last.text]
    assert found("greet") == [common.text]
    assert found("sorr") == ["Sorry"]
    assert found("%") == []
    assert len(found("")) == 3


# --- in the admin ------------------------------------------------------------------------------------------


def of(page: str, *arguments: object) -> str:
    return reverse(f"admin:conversations_cannedreply_{page}", args=arguments)


def form(**words: object) -> dict[str, object]:
    return {"shortcut": "Mine", "title": "", "text": "Hi", "language": "", "team": "", **words}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_an_operator_looks_and_changes_nothing(bruno: User, ours: CannedReply, theirs: CannedReply) -> None:
    client = signed_in(bruno)
    page = client.get(of("changelist")).content.decode()
    assert ours.text in page
    assert theirs.text not in page
    assert client.get(of("change", ours.pk)).status_code == 200
    assert client.post(of("change", ours.pk), form()).status_code == 403
    assert client.get(of("add")).status_code == 403
    assert client.get(of("change", theirs.pk)).status_code == 302


def test_a_lead_writes_for_their_team_in_the_admin(
    lead: User, team: Team, other_team: Team, common: CannedReply, ours: CannedReply
) -> None:
    client = signed_in(lead)
    assert client.post(of("add"), form(team=team.pk)).status_code == 302
    assert CannedReply.objects.get(shortcut="mine").team == team
    for wrong in (form(), form(team=other_team.pk), form(shortcut="late", team=team.pk), form(text="{{no}}")):
        page = client.post(of("add"), wrong)
        assert page.status_code == 200
        assert "errorlist" in page.content.decode()
    assert client.post(of("change", ours.pk), form(shortcut="new", team=team.pk)).status_code == 302
    assert client.post(of("change", common.pk), form()).status_code == 403
    assert client.post(of("delete", common.pk), {"post": "yes"}).status_code == 403
    assert client.post(of("delete", ours.pk), {"post": "yes"}).status_code == 302
    assert set(CannedReply.objects.values_list("shortcut", flat=True)) == {"hi", "mine"}


def test_an_administrator_writes_for_everybody_in_the_admin(
    ana: User, common: CannedReply, ours: CannedReply
) -> None:
    client = signed_in(ana)
    assert client.post(of("add"), form()).status_code == 302
    assert CannedReply.objects.get(shortcut="mine").team is None
    # A second one of everybody's is complained of at the form, not at the database.
    assert "errorlist" in client.post(of("add"), form()).content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [common.pk, ours.pk], "post": "yes"}
    assert client.post(of("changelist"), chosen).status_code == 302
    assert CannedReply.objects.count() == 1
