"""Writes about people, their teams, their keys and their ways in."""

from accounts.actions.invitations import accept_invitation, invite, withdraw_invitation
from accounts.actions.keys import (
    USE_NOTED_EVERY,
    change_api_key,
    create_api_key,
    delete_api_key,
    note_key_use,
)
from accounts.actions.passwords import ask_password_reset, change_password, reset_password
from accounts.actions.people import change_me, change_user, create_user, deactivate_user
from accounts.actions.registration import confirm, register
from accounts.actions.sign_ins import (
    Tokens,
    begin_sign_in,
    end_by_refresh_token,
    end_other_sign_ins,
    end_sign_in,
    refresh,
)
from accounts.actions.teams import change_team, create_team, delete_team

__all__ = [
    "USE_NOTED_EVERY",
    "Tokens",
    "accept_invitation",
    "ask_password_reset",
    "begin_sign_in",
    "change_api_key",
    "change_me",
    "change_password",
    "change_team",
    "change_user",
    "confirm",
    "create_api_key",
    "create_team",
    "create_user",
    "deactivate_user",
    "delete_api_key",
    "delete_team",
    "end_by_refresh_token",
    "end_other_sign_ins",
    "end_sign_in",
    "invite",
    "note_key_use",
    "refresh",
    "register",
    "reset_password",
    "withdraw_invitation",
]
