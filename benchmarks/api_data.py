"""Fills a database with the conversations, messages and tickets of years, and prints who may ask, as JSON.

    python -m benchmarks.api_data --conversations 10000

For each conversation ten messages on average and one ticket; every fiftieth conversation is a long one. Rows
are made by PostgreSQL, in the product's own tables. Run again with a larger number, it adds what is missing.
"""

import argparse
import json
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 (needs the app registry, as all below)
from django.db import connection  # noqa: E402

from accounts.actions import create_api_key  # noqa: E402
from accounts.enums import Scope  # noqa: E402
from accounts.models import ApiKey, Team, User  # noqa: E402
from benchmarks.prepare import session_of  # noqa: E402
from conversations.enums import Status  # noqa: E402
from conversations.models import Conversation, Inbox  # noqa: E402
from core.actor import Actor  # noqa: E402
from tickets.enums import TicketStatus  # noqa: E402
from tickets.models import Ticket  # noqa: E402

TEAMS, OPERATORS = 8, 40
# One conversation in so many is with a team that hardly ever has any.
RARE = 1_999
LONG_EVERY, LONG, SHORT = 50, 59, 9

# Ids are digests of a kind and a number, so that each statement knows those of the others.
CONTACTS = """
INSERT INTO conversations_contact (id, name, email, phone, locale, created_at, lent)
SELECT md5('contact' || i)::uuid, 'Customer ' || i, 'customer' || i || '@example.com', '', 'en',
    now() - interval '90 days' + i * interval '1 minute', ''
FROM generate_series(%(first)s, %(last)s) i
"""
IDENTITIES = """
INSERT INTO conversations_contactidentity
    (inbox_id, external_id, contact_id, is_verified, address, created_at)
SELECT (%(inboxes)s)[1 + i %% %(teams)s], 'bench:' || i, md5('contact' || i)::uuid, false, '', now()
FROM generate_series(%(first)s, %(last)s) i
"""
CONVERSATIONS = """
INSERT INTO conversations_conversation (
    id, inbox_id, contact_id, identity_id, subject, status, assignee_id, team_id, priority, tags, last_seq,
    context_from_seq, last_contact_seq, read_by_operator_seq, read_by_contact_seq, preview,
    last_contact_at, waiting_since, first_reply_at, resolved_at, created_at, updated_at
)
SELECT md5('conversation' || i)::uuid, identity.inbox_id, identity.contact_id, identity.id, 'Order ' || i,
    CASE WHEN i %% 10 < 7 THEN 'resolved' WHEN i %% 10 = 9 THEN 'bot' ELSE 'open' END,
    CASE WHEN i %% 3 = 0 AND i %% 10 <> 9 THEN (%(operators)s)[1 + i / 3 %% %(people)s] END,
    CASE WHEN i %% %(rare)s = 0 THEN %(small)s
        WHEN i %% 40 = 0 THEN NULL ELSE (%(named)s)[1 + i %% %(teams)s] END,
    20, '{}', length, 0, length, length, length, 'The last thing that was said about order ' || i,
    at, CASE WHEN i %% 10 IN (7, 8) THEN at END, at, CASE WHEN i %% 10 < 7 THEN at END,
    at - interval '1 hour', at
FROM generate_series(%(first)s, %(last)s) i
CROSS JOIN LATERAL (SELECT CASE WHEN i %% %(every)s = 0 THEN %(long)s ELSE %(short)s END) sized (length)
CROSS JOIN LATERAL (SELECT now() - interval '90 days' + i * interval '1 minute') timed (at)
JOIN conversations_contactidentity identity
    ON identity.inbox_id = (%(inboxes)s)[1 + i %% %(teams)s] AND identity.external_id = 'bench:' || i
"""
MESSAGES = """
INSERT INTO conversations_message (
    id, conversation_id, inbox_id, seq, author_kind, author_id, author_name, direction, text, html,
    citations, choices, details, reactions, is_automatic, client_id, validated_by, created_at
)
SELECT md5('message' || i || '.' || seq)::uuid, row.id, row.inbox_id, seq,
    CASE WHEN seq %% 2 = 1 THEN 'contact' WHEN seq %% 16 = 0 THEN 'agent' ELSE 'operator' END, '',
    CASE WHEN seq %% 2 = 1 THEN 'Customer ' || i ELSE 'Ana' END,
    CASE WHEN seq %% 2 = 1 THEN 'in' WHEN seq %% 8 = 0 THEN 'note' ELSE 'out' END,
    %(text)s || i, '<p>' || %(text)s || i || '</p>', '[]', '[]', '{}', '{}', false, NULL, 'pending',
    row.created_at + seq * (1 + i %% 7) * interval '1 minute'
FROM generate_series(%(first)s, %(last)s) i
JOIN conversations_conversation row ON row.id = md5('conversation' || i)::uuid
CROSS JOIN LATERAL generate_series(1, row.last_seq) seq
"""
EVENTS = """
INSERT INTO conversations_event (
    conversation_id, seq, type, is_internal, message_id, payload, actor_kind, actor_name, created_at
)
SELECT row.id, seq, 'message.created', seq %% 8 = 0, md5('message' || i || '.' || seq)::uuid, '{}', '', '',
    row.created_at
FROM generate_series(%(first)s, %(last)s) i
JOIN conversations_conversation row ON row.id = md5('conversation' || i)::uuid
CROSS JOIN LATERAL generate_series(1, row.last_seq) seq
"""
TICKETS = """
INSERT INTO tickets_ticket (
    id, subject, description, status, priority, team_id, assignee_id, requester_id, source, created_by_kind,
    created_by_name, last_seq, solved_at, created_at, updated_at
)
SELECT md5('ticket' || i)::uuid, 'Order ' || i || ' has not come', %(text)s,
    CASE WHEN i %% 10 < 7 THEN 'solved' WHEN i %% 10 = 9 THEN 'new' ELSE 'open' END, 10 + 10 * (i %% 4),
    row.team_id, row.assignee_id, row.contact_id, 'api', 'api_key', 'Benchmark', 1, row.resolved_at,
    row.created_at, row.updated_at
FROM generate_series(%(first)s, %(last)s) i
JOIN conversations_conversation row ON row.id = md5('conversation' || i)::uuid
ORDER BY i
"""
LINKS = """
INSERT INTO tickets_ticket_conversations (ticket_id, conversation_id)
SELECT md5('ticket' || i)::uuid, md5('conversation' || i)::uuid FROM generate_series(%(first)s, %(last)s) i
"""
HISTORY = """
INSERT INTO tickets_ticketevent (ticket_id, seq, type, changes, text, actor_kind, actor_name, created_at)
SELECT md5('ticket' || i)::uuid, 1, 'created', '{}', '', 'api_key', 'Benchmark', now()
FROM generate_series(%(first)s, %(last)s) i
"""
TEXT = "My parcel should have come yesterday and the tracking page has not moved for three days: "


def people() -> dict[str, Any]:
    """Makes teams, inboxes and operators where there are none, and returns what the statements need."""
    small, _ = Team.objects.get_or_create(slug="small", defaults={"name": "Small"})
    teams = [
        Team.objects.get_or_create(slug=f"team-{number}", defaults={"name": f"Team {number}"})[0]
        for number in range(TEAMS)
    ]
    inboxes = [Inbox.objects.get_or_create(name=team.name, defaults={"team": team})[0] for team in teams]
    users = [
        User.objects.get_or_create(username=f"api-{number}", defaults={"is_staff": True})[0]
        for number in range(OPERATORS)
    ]
    users[0].teams.add(small)
    users[1].teams.add(teams[1])
    return {
        "small": small.pk,
        "named": [team.pk for team in teams],
        "inboxes": [inbox.pk for inbox in inboxes],
        "operators": [user.pk for user in users],
    }


def fill(conversations: int, *, with_events: bool) -> None:
    """Adds rows until there are so many conversations, and lets PostgreSQL count what it has."""
    first = Conversation.objects.count() + 1
    values = {
        **people(),
        "teams": TEAMS, "people": OPERATORS, "rare": RARE, "every": LONG_EVERY, "long": LONG, "short": SHORT,
        "first": first, "last": conversations, "text": TEXT,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (CONTACTS, IDENTITIES, CONVERSATIONS, MESSAGES, TICKETS, LINKS, HISTORY):
            cursor.execute(statement, values)
        if with_events:
            cursor.execute(EVENTS, values)
        cursor.execute("VACUUM ANALYZE")


def callers() -> dict[str, str]:
    """Makes those who ask: keys for all teams, for one, for one that has hardly anything; two operators."""
    ApiKey.objects.all().delete()
    scopes = (Scope.READ, Scope.WRITE)
    teams = {"one": Team.objects.get(slug="team-1"), "small": Team.objects.get(slug="small")}
    keys = {"all": create_api_key(name="all", by=Actor.system(), scopes=scopes, all_teams=True)[1]}
    for name, team in teams.items():
        keys[name] = create_api_key(name=name, by=Actor.system(), scopes=scopes, teams=[team])[1]
    operators = {"operator": "api-1", "operator of small": "api-0"}
    sessions = {name: session_of(User.objects.get(username=who)) for name, who in operators.items()}
    return keys | sessions


def main() -> None:
    """Migrates, fills, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, required=True)
    parser.add_argument("--without-events", action="store_true", help="faster; no list reads them")
    options = parser.parse_args()
    call_command("migrate", interactive=False, verbosity=0)
    fill(options.conversations, with_events=not options.without_events)
    print(json.dumps({"callers": callers(), "inbox": Inbox.objects.get(name="Team 1").pk, **targets()}))


def targets() -> dict[str, list[str]]:
    """Returns rows to ask for, and others to write to: what is written makes an answer longer."""
    rows = Conversation.objects.order_by("created_at").values_list("pk", flat=True)
    tickets = Ticket.objects.order_by("number").values_list("pk", flat=True)
    found = {
        "conversations": rows[500:564],
        "long": rows.filter(last_seq=LONG)[:32],
        "written": rows.filter(last_seq=SHORT, status=Status.OPEN)[1000:1064],
        "own": rows.filter(team__slug="team-1")[:1],
        "tickets": tickets[2000:2064],
        "changed": tickets.filter(status=TicketStatus.OPEN)[500:628],
    }
    return {name: list(map(str, keys)) for name, keys in found.items()}


if __name__ == "__main__":
    main()
