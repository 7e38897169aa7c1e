"""Who may do what to whose rows: every route, every method, every kind of caller.

The routes are read from the URLconf, so that a new one without a row here fails the test.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from django.urls import URLPattern, URLResolver
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from accounts.enums import Role
from accounts.models import ApiKey, Team, User
from api.urls import urlpatterns
from campaigns.models import Campaign
from conversations.actions import Sender, receive
from conversations.models import Conversation, Inbox
from tests.api.conftest import KeyClient, KeyMaker, put_up, signed_in
from tests.api.rows import ALIASES, IDS, NESTED, ROWS, Nested, Row, Side, Who
from tests.conftest import make_user
from tickets.models import Ticket

VERBS = ("get", "post", "put", "patch", "delete")

# Open to everybody, and nobody's rows are in them.
PUBLIC = {
    "api/schema": 200,
    "docs": 200,
    "redoc": 200,
    "v1/health": 200,
    "health": 200,
    "health/live": 200,
    "health/ready": 200,
}


def routes(patterns: Any = urlpatterns, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            assert isinstance(pattern, URLPattern)
            yield route, pattern.callback


def methods(view: Any) -> set[str]:
    return set(getattr(view, "actions", {})) & set(VERBS)


def canonical() -> list[tuple[str, Any]]:
    return [(route, view) for route, view in routes() if not route.endswith("/")]


def test_every_route_and_method_has_a_row() -> None:
    served = {(route, verb) for route, view in canonical() for verb in methods(view)}
    assert served == set(ROWS) | set(ALIASES)
    assert {route for route, view in canonical() if not methods(view)} == set(PUBLIC)


def test_every_route_comes_with_and_without_a_slash() -> None:
    served = dict(routes())
    assert {f"{route}/" for route, _ in canonical()} == {route for route in served if route.endswith("/")}
    assert all(served[f"{route}/"] is view for route, view in canonical())


def test_view_that_names_nobody_is_closed(ana: User) -> None:
    class Forgotten(APIView):
        def get(self, request: Request) -> Response:
            return Response("open")

    request = APIRequestFactory().get("/")
    force_authenticate(request, ana)
    assert Forgotten.as_view()(request).status_code == 403


def test_every_view_names_who_may_use_it() -> None:
    for route, view in canonical():
        named = [rule.__name__ for rule in view.cls.permission_classes] if methods(view) else []
        for verb in methods(view):
            who = row_of(route, verb).who
            is_closed = named == ["AdminOnly"] or view.actions[verb] in view.cls.admin_actions
            assert (named == ["Anybody"]) == (who == Who.ANYBODY), (route, verb)
            assert is_closed == (who == Who.ADMINS), (route, verb)
            assert (named == ["MayChat"]) == (who == Who.CHATS), (route, verb)
            assert named[0] in {"Anybody", "StaffOnly", "AdminOnly", "MayChat"}


@pytest.fixture
def strangers(inbox: Inbox, other_team: Team) -> Conversation:
    """A conversation of the finance team, with a ticket."""
    row = receive(inbox=inbox, sender=Sender("eva", name="Eva"), text="Segredo").conversation
    row.team = other_team
    row.save(update_fields=["team"])
    ticket = Ticket.objects.create(subject="Segredo", source="api", requester=row.contact, team=other_team)
    ticket.conversations.add(row)
    put_up(other_team, name="Segredo")
    return row


@dataclass
class Stage:
    support: Side
    finance: Side


@pytest.fixture
def stage(ticket: Ticket, campaign: Campaign, strangers: Conversation, other_team: Team) -> Stage:
    """Two teams, each with a conversation, a ticket and a campaign."""
    team = campaign.inbox.team
    assert team is not None
    return Stage(Side(team, ticket.conversations.get()), Side(other_team, strangers))


@pytest.fixture
def callers(
    ana: User,
    bruno: User,
    clara: User,
    with_key: KeyMaker,
) -> dict[str, APIClient]:
    team, other_team = bruno.teams.get(), clara.teams.get()
    plain = APIClient()
    plain.force_login(User.objects.create_user("eduardo", password="eduardo"))
    left = make_user("fabio", Role.ADMIN, team)
    gone = APIClient()
    gone.force_login(left)
    User.objects.filter(pk=left.pk).update(is_active=False)
    return {
        "anonymous": APIClient(),
        "ana": signed_in(ana),
        "bruno": signed_in(bruno),
        "elsa": signed_in(make_user("elsa", Role.LEAD, team)),
        "clara": signed_in(clara),
        "user without staff rights": plain,
        "user who left": gone,
        "key": with_key("read", "write"),
        "key of the team": with_key("read", "write", teams=[team]),
        "key of another team": with_key("read", "write", teams=[other_team]),
        "key that reads": with_key("read"),
        "key that writes": with_key("write"),
        "key without scopes": with_key(),
        "key with admin scope": with_key("admin"),
        "key with admin scope of the team": with_key("admin", teams=[team]),
        "key with admin scope of another team": with_key("admin", teams=[other_team]),
    }


# Who sees the row of the support team, and who may not even ask (by reading, by writing).
SEES = {"ana", "bruno", "elsa", "key", "key of the team", "key that reads", "key that writes",
        "key without scopes", "key with admin scope", "key with admin scope of the team"}  # fmt: skip
SEES_FINANCE = SEES - {"bruno", "elsa", "key of the team", "key with admin scope of the team"} | {
    "clara", "key of another team", "key with admin scope of another team"
}  # fmt: skip
REFUSED = {
    "anonymous": 401,
    "user who left": 401,
    "user without staff rights": 403,
}
MAY_NOT = {("key that reads", "write"), ("key without scopes", "write"), ("key that writes", "read")}
# Who answers customers and decides nothing for a team.
OPERATORS = {"bruno", "clara"}
ADMINS = {"ana", "key with admin scope"}
SETTERS = ADMINS | {
    "elsa", "key with admin scope of the team", "key with admin scope of another team"
}  # fmt: skip


def expected(caller: str, verb: str, row: Row, *, sees: bool) -> int:
    if row.who == Who.ANYBODY:
        return row.own
    if row.who == Who.CHATS and "key" not in caller:
        return 401
    if caller in REFUSED:
        return REFUSED[caller]
    if row.who == Who.ADMINS:
        return row.own if caller in ADMINS else 403
    if row.who == Who.PEOPLE and "key" in caller:
        return 403
    if (caller, "read" if verb == "get" or row.reads else "write") in MAY_NOT:
        return 403
    may_not_set_up = row.who == Who.SET_UP and caller not in SETTERS
    if may_not_set_up or (row.who == Who.LEADS and caller in OPERATORS):
        return 403 if sees or row.foreign < 300 else row.foreign
    return row.own if sees else row.foreign


def address(route: str, side: Side, row: Row | None = None) -> str:
    """Returns where a row of a side is."""
    row = row or ROWS.get((route, "get"), Row())
    ids = {**IDS, **row.ids}
    return "/" + re.sub(r"<\w+:(\w+)>", lambda found: str(ids[found[1]](side)), route) + row.query


def named_in(url: str) -> str:
    """Returns the first id in an address."""
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", url)
    assert found is not None
    return found[0]


def put_there(row: Row, side: Side) -> None:
    if row.before:
        row.before(side)


def row_of(route: str, verb: str) -> Row:
    """Returns the row of a route, or of the one that it is another address of."""
    return ROWS[ALIASES.get((route, verb), (route, verb))]


@pytest.mark.parametrize(("route", "verb"), sorted({*ROWS, *ALIASES}))
@pytest.mark.parametrize("of", ["support", "finance"])
def test_matrix(route: str, verb: str, of: str, callers: dict[str, APIClient], stage: Stage) -> None:
    row = row_of(route, verb)
    side, seen_by = (stage.support, SEES) if of == "support" else (stage.finance, SEES_FINANCE)
    put_there(row, side)
    url, data = address(route, side, row), row.body_for(side)
    answers, wanted = {}, {}
    for caller, client in callers.items():
        # What one of them deletes is there again for the next.
        before = transaction.savepoint()
        response = getattr(client, verb)(url, data, format="json")
        transaction.savepoint_rollback(before)
        answers[caller] = response.status_code
        sees = caller == row.only if row.only else caller in seen_by
        wanted[caller] = expected(caller, verb, row, sees=sees)
        if caller not in SEES_FINANCE:
            assert "Segredo" not in response.content.decode(), caller
    assert answers == wanted


@pytest.mark.parametrize(
    ("route", "verb"), sorted(key for key, row in ROWS.items() if "<uuid:" in key[0] and row.foreign == 404)
)
def test_rows_that_do_not_exist_look_like_those_one_may_not_see(
    route: str, verb: str, as_bruno: APIClient, stage: Stage
) -> None:
    row = ROWS[route, verb]
    foreign = address(route, stage.finance, row)
    missing = foreign.replace(named_in(foreign), str(uuid4()))
    data = row.body_for(stage.finance)
    one = getattr(as_bruno, verb)(foreign, data, format="json")
    other = getattr(as_bruno, verb)(missing, data, format="json")
    status = 403 if row.who == Who.ADMINS else 404
    assert (one.status_code, one.json()) == (other.status_code, other.json()) == (status, other.json())


@pytest.mark.parametrize("route", sorted(route for (route, _verb), row in ROWS.items() if row.lists))
def test_lists_hold_what_the_caller_may_see(route: str, callers: dict[str, APIClient], stage: Stage) -> None:
    for caller, client in callers.items():
        response = client.get(f"/{route}")
        if response.status_code != 200:
            continue
        each = ROWS[route, "get"].lists or 0
        sides = (caller in SEES) + (caller in SEES_FINANCE)
        assert len(response.json()["results"]) == each * sides, caller


@pytest.mark.parametrize("nested", NESTED, ids=lambda each: f"{each.route} {each.verb} {each.field}")
def test_ids_in_a_body_are_checked_like_those_in_an_address(
    nested: Nested, callers: dict[str, APIClient], stage: Stage
) -> None:
    row = Row(nested.own, 422, who=nested.who)
    url, body = address(nested.route, stage.support), nested.body(stage.finance)
    for caller, client in callers.items():
        if "<" in nested.route and caller not in SEES:
            continue
        before = transaction.savepoint()
        response = getattr(client, nested.verb)(url, body, format="json")
        transaction.savepoint_rollback(before)
        wanted = expected(caller, nested.verb, row, sees=caller in SEES_FINANCE)
        assert response.status_code == wanted or (wanted < 300 and response.status_code < 300), caller
        if wanted == 422:
            assert nested.field in response.json()["errors"][0]["field"], caller


def test_foreign_ids_in_a_query_find_nothing(
    as_bruno: APIClient, strangers: Conversation, conversation: Conversation
) -> None:
    for query in (
        f"tickets?conversation={strangers.pk}",
        f"tickets?requester={strangers.contact_id}",
        f"messages?conversation={strangers.pk}",
        f"conversations?contact={strangers.contact_id}",
        "conversations?team=finance",
        "tickets?team=finance",
    ):
        assert as_bruno.get(f"/api/v1/{query}").json()["results"] == [], query


def test_ticket_of_two_teams_shows_only_the_conversations_one_may_see(
    as_bruno: APIClient,
    as_ana: APIClient,
    ticket: Ticket,
    conversation: Conversation,
    strangers: Conversation,
) -> None:
    ticket.conversations.add(strangers)
    url = f"/api/v1/tickets/{ticket.pk}"
    assert as_bruno.get(url).json()["conversations"] == [str(conversation.pk)]
    assert set(as_ana.get(url).json()["conversations"]) == {str(conversation.pk), str(strangers.pk)}


@pytest.mark.parametrize("route", sorted(PUBLIC))
def test_public_routes_need_nobody_and_only_read(route: str, anonymous: APIClient, db: None) -> None:
    for slash in ("", "/"):
        assert anonymous.get(f"/{route}{slash}").status_code == PUBLIC[route]
        assert anonymous.head(f"/{route}{slash}").status_code == PUBLIC[route]
        refused = anonymous.post(f"/{route}{slash}", {}, format="json")
        assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")


def test_headers_that_name_a_user_are_ignored(anonymous: APIClient, ana: User) -> None:
    for name in ("HTTP_REMOTE_USER", "HTTP_X_FORWARDED_USER", "REMOTE_USER"):
        headers: dict[str, Any] = {name: "ana"}
        assert anonymous.get("/api/v1/tickets", **headers).status_code == 401


@pytest.mark.parametrize("change", [{"is_active": False}, {"expires_at": "2020-01-01T00:00:00Z"}])
def test_key_that_was_switched_off_or_has_expired_is_refused(key: APIClient, change: dict[str, Any]) -> None:
    assert key.get("/api/v1/tickets").status_code == 200
    ApiKey.objects.update(**change)
    refused = key.get("/api/v1/tickets")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


def test_session_needs_the_token_to_write(ana: User, conversation: Conversation) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(ana)
    url = f"/api/v1/conversations/{conversation.pk}/messages"
    refused = client.post(url, {"text": "Olá"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    client.get("/docs")
    token = client.cookies["csrftoken"].value
    assert client.post(url, {"text": "Olá"}, format="json", HTTP_X_CSRFTOKEN=token).status_code == 201


def test_key_needs_no_token_even_beside_a_session(
    ana: User, key: KeyClient, conversation: Conversation
) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(ana)
    client.credentials(HTTP_X_API_KEY=key.key)
    response = client.post(
        f"/api/v1/conversations/{conversation.pk}/messages", {"text": "Olá"}, format="json"
    )
    assert response.json()["author"]["name"] == "Aurora"


def test_key_works_in_either_header_and_never_in_the_address(
    with_key: KeyMaker, anonymous: APIClient
) -> None:
    sent = with_key("read").key
    assert anonymous.get("/api/v1/tickets", HTTP_X_API_KEY=sent).status_code == 200
    assert anonymous.get("/api/v1/tickets", HTTP_AUTHORIZATION=f"api-key  {sent} ").status_code == 200
    for name in ("api_key", "key", "token"):
        assert anonymous.get(f"/api/v1/tickets?{name}={sent}").status_code == 401


@pytest.mark.parametrize(
    "header", ["Api-Key", "Api-Key ", "Api-Key hd_wrong", "Api-Key \xff\xfe", "Api-Key a b"]
)
def test_wrong_key_is_refused_with_a_challenge(anonymous: APIClient, db: None, header: str) -> None:
    refused = anonymous.get("/api/v1/tickets", HTTP_AUTHORIZATION=header)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Api-Key realm="api"')


def test_use_of_a_key_is_noted(key: APIClient) -> None:
    assert ApiKey.objects.get().last_used_at is None
    key.get("/api/v1/tickets")
    assert ApiKey.objects.get().last_used_at is not None


def test_key_opens_no_session(key: APIClient) -> None:
    key.get("/api/v1/tickets")
    assert not key.cookies
    assert not Session.objects.exists()
