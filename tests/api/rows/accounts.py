"""People, their teams, their keys, and how they come in."""

from typing import Any

from django.contrib.auth.hashers import make_password

from accounts import links
from accounts.actions import begin_sign_in, create_api_key, create_team, create_user, invite
from accounts.actions.passwords import reset_token
from accounts.actions.sign_ins import Tokens
from accounts.enums import Role
from accounts.models import ApiKey, Invitation, Registration, SignIn, Team, User
from core.actor import Actor
from tests.api.rows import Row, Side, Who

PASSWORD = "correct horse 7 battery"
USER = "api/v1/users/<int:user_id>"
TEAM = "api/v1/teams/<slug:team_slug>"
KEY = "api/v1/keys/<int:key_id>"


def gita() -> User:
    """Somebody besides the cast."""
    found = User.objects.filter(username="gita").first()
    return found or User.objects.create_user("gita", "gita@example.com", PASSWORD, is_staff=True)


def tokens() -> Tokens:
    return begin_sign_in(user=gita(), ip="127.0.0.1")


def sign_in_of_ana() -> Any:
    user = User.objects.filter(username="ana").first() or gita()
    return (SignIn.objects.filter(user=user).first() or _signed_in(user)).pk


def _signed_in(user: User) -> SignIn:
    begin_sign_in(user=user, ip="127.0.0.1")
    return SignIn.objects.get(user=user)


def spare_team() -> Team:
    return Team.objects.get_or_create(slug="spare", name="Spare")[0]


def some_key() -> ApiKey:
    return (
        ApiKey.objects.filter(name="Spare").first()
        or create_api_key(name="Spare", by=Actor.system(), all_teams=True)[0]
    )


def some_invitation() -> Invitation:
    return Invitation.objects.filter(email="hugo@example.com").first() or invite(
        email="hugo@example.com", by=Actor.system()
    )


def registered(_side: Side) -> dict[str, str]:
    token, kept = links.new_token()
    Registration.objects.create(
        email="ines@example.com",
        name="Ines",
        password=make_password(PASSWORD),
        token_hash=kept,
        expires_at=links.end_of_new(),
    )
    return {"token": token}


IDS = {
    "user_id": lambda _side: gita().pk,
    "team_slug": lambda _side: spare_team().slug,
    "key_id": lambda _side: some_key().pk,
    "invitation_id": lambda _side: some_invitation().pk,
    "sign_in_id": lambda _side: sign_in_of_ana(),
}
ROWS = {
    ("api/v1/auth/register", "post"): Row(
        202, who=Who.ANYBODY, body={"email": "ines@example.com", "name": "Ines", "password": PASSWORD}
    ),
    ("api/v1/auth/confirm", "post"): Row(201, who=Who.ANYBODY, body=registered),
    ("api/v1/auth/login", "post"): Row(
        who=Who.ANYBODY, body=lambda _side: {"username": gita().username, "password": PASSWORD}
    ),
    ("api/v1/auth/refresh", "post"): Row(who=Who.ANYBODY, body=lambda _side: {"refresh": tokens().refresh}),
    ("api/v1/auth/logout", "post"): Row(
        204, who=Who.ANYBODY, body=lambda _side: {"refresh": tokens().refresh}
    ),
    ("api/v1/auth/password-reset", "post"): Row(202, who=Who.ANYBODY, body={"email": "ana@example.com"}),
    ("api/v1/auth/password-reset/confirm", "post"): Row(
        204, who=Who.ANYBODY, body=lambda _side: {"token": reset_token(gita()), "password": PASSWORD + "!"}
    ),
    ("api/v1/auth/me", "get"): Row(foreign=200, who=Who.PEOPLE),
    ("api/v1/auth/password", "post"): Row(
        422, 422, who=Who.PEOPLE, body={"old_password": "not it", "new_password": PASSWORD}
    ),
    ("api/v1/auth/sign-ins", "get"): Row(foreign=200, who=Who.PEOPLE, lists=0),
    ("api/v1/auth/sign-ins", "delete"): Row(204, 204, who=Who.PEOPLE),
    ("api/v1/auth/sign-ins/<uuid:sign_in_id>", "delete"): Row(204, who=Who.PEOPLE, only="ana"),
    ("api/v1/users", "get"): Row(foreign=200, lists=0),
    ("api/v1/users", "post"): Row(
        201, who=Who.ADMINS, body={"email": "joana@example.com", "name": "Joana", "role": Role.LEAD}
    ),
    ("api/v1/users/me", "get"): Row(foreign=200, who=Who.PEOPLE),
    ("api/v1/users/me", "patch"): Row(foreign=200, who=Who.PEOPLE, body={"language": "es"}),
    (USER, "get"): Row(foreign=200),
    (USER, "patch"): Row(who=Who.ADMINS, body={"role": Role.LEAD}),
    (USER, "delete"): Row(204, who=Who.ADMINS),
    ("api/v1/teams", "get"): Row(foreign=200, lists=0),
    ("api/v1/teams", "post"): Row(201, who=Who.ADMINS, body={"slug": "night", "name": "Night"}),
    (TEAM, "get"): Row(foreign=200),
    (TEAM, "patch"): Row(who=Who.ADMINS, body={"name": "Reserve"}),
    (TEAM, "delete"): Row(204, who=Who.ADMINS),
    ("api/v1/keys", "get"): Row(who=Who.ADMINS, lists=0),
    ("api/v1/keys", "post"): Row(201, who=Who.ADMINS, body={"name": "Shop", "all_teams": True}),
    (KEY, "get"): Row(who=Who.ADMINS),
    (KEY, "patch"): Row(who=Who.ADMINS, body={"per_minute": 30}),
    (KEY, "delete"): Row(204, who=Who.ADMINS),
    ("api/v1/invitations", "get"): Row(who=Who.ADMINS, lists=0),
    ("api/v1/invitations", "post"): Row(
        201, who=Who.ADMINS, body={"email": "karl@example.com", "role": Role.OPERATOR}
    ),
    ("api/v1/invitations/<uuid:invitation_id>", "delete"): Row(204, who=Who.ADMINS),
}


def grow(side: Side, number: int) -> None:
    """One more of each, in two teams."""
    by = Actor.system()
    teams = [side.team, create_team(slug=f"t{number}", name=f"T{number}", by=by)]
    create_user(email=f"u{number}@example.com", name=f"U{number}", teams=teams, by=by)
    create_api_key(name=f"K{number}", teams=teams, by=User.objects.get(username="ana").as_actor())
    invite(email=f"i{number}@example.com", teams=teams, by=User.objects.get(username="ana").as_actor())
    begin_sign_in(user=User.objects.get(username="ana"), ip="127.0.0.1")
