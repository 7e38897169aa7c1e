"""Names of realtime groups, all in one place: who listens to what."""

from uuid import UUID

DESK_ALL = "desk.all"
DESK_NO_TEAM = "desk.team.none"


def conversation_group(conversation_id: UUID | str) -> str:
    """The sockets that have this conversation open, the customer's among them."""
    return f"conversation.{conversation_id}"


def desk_group(team_id: int | None) -> str:
    """The desks that see conversations of a team (or of none)."""
    return DESK_NO_TEAM if team_id is None else f"desk.team.{team_id}"


def operator_group(user_id: int) -> str:
    """The desks of one operator, who sees what is assigned to them in any team."""
    return f"desk.operator.{user_id}"
