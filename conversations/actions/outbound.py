"""What we say: replies and templates to the customer, and notes among ourselves."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations import signals
from conversations.actions.addressing import copied, quoted
from conversations.actions.assignment import take_over_locked
from conversations.actions.inbound import checked_text
from conversations.actions.record import Draft, add_message, lock, require_staff
from conversations.enums import AuthorKind, Direction, Status, Validation
from conversations.errors import WindowClosed
from conversations.models import Attachment, Conversation, Message, MessageTemplate
from conversations.queries.threads import unsent_attachments
from conversations.queries.windows import APPROVED, capabilities, is_window_open
from core import rows
from core.actor import Actor, ActorKind
from core.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge

# What a template calls a place to fill: {{1}} or {{name}}.
PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
MAX_VARIABLE = 1024
# What a file above a template's text must be.
HEADER_TYPES = {"IMAGE": "image/", "VIDEO": "video/", "DOCUMENT": ""}


@transaction.atomic
def reply(
    *,
    conversation: Conversation,
    text: str,
    by: Actor,
    client_id: UUID | None = None,
    run: UUID | None = None,
    citations: Iterable[Any] = (),
    choices: Iterable[Any] = (),
    attachment_ids: Sequence[UUID] = (),
    uploader: str = "",
    reply_to: UUID | None = None,
    cc: Sequence[str] = (),
    signed: str = "",
) -> Message:
    """Says something to the customer, once per `client_id` or `run`.

    A person's reply takes the conversation over from the agent, or from nobody. An agent's reply is stored
    only while the agent still owns the conversation: Conflict otherwise. A reply to a resolved conversation
    leaves it resolved. It delivers nothing. `attachment_ids` are files that `uploader` sent before;
    `reply_to` is the message of the conversation that this one answers, `cc` are addresses that get a copy
    where the channel sends any; `signed` names who answers through a program. Raises Forbidden for contacts,
    Invalid, TooLarge, NotFound for a file that is not the uploader's to send or a message of elsewhere,
    WindowClosed where the channel takes only templates by now (people and keys; an agent's answer follows the
    customer's message at once, and the provider has the last word).
    """
    text = checked_text(text, has_files=bool(attachment_ids))
    row = lock(conversation.pk, by=by) if by.kind != ActorKind.AGENT else _locked_for_agent(conversation)
    if known := _said_already(row, client_id, run):
        return known
    if by.kind == ActorKind.AGENT:
        # Nobody has judged it yet.
        author, validated = AuthorKind.AGENT, Validation.PENDING
    else:
        require_staff(by)
        if not is_window_open(row):
            raise WindowClosed
        author, validated = AuthorKind.OPERATOR, Validation.HUMAN
        _take_charge(row, by)
    copies = copied(row, cc)
    draft = Draft(
        author, _author_id(by), _shown_name(row, by, signed), Direction.OUT, text,
        is_markdown=True, client_id=client_id, run=run, citations=citations, choices=choices,
        attachments=unsent_attachments(attachment_ids, uploader=uploader) if attachment_ids else (),
        validated_by=validated, reply_to=quoted(row, reply_to),
        details={"cc": copies} if copies else {},
    )  # fmt: skip
    return _say(row, draft)


@transaction.atomic
def send_template(
    *,
    conversation: Conversation,
    template: MessageTemplate,
    variables: Mapping[str, str],
    by: Actor,
    client_id: UUID | None = None,
    attachment_ids: Sequence[UUID] = (),
    uploader: str = "",
) -> Message:
    """Says what the provider approved beforehand, once per `client_id`; it may be sent at any time.

    The message's text is the template's body with its places filled in; name, language and values stand in
    its `details` for the adapter. A template with a `header_format` takes one file of that kind, which
    `uploader` sent before. Takes the conversation over as `reply` does. Raises Forbidden for all but staff,
    NotFound for a template of another inbox or a file that is not the uploader's to send, Invalid for a
    template that is not approved, for a value or a file that is missing or does not fit, and for one that the
    template does not ask for, TooLarge for a text that would not fit into one message: half a template cannot
    be sent.
    """
    require_staff(by)
    row = lock(conversation.pk, by=by)
    if known := _said_already(row, client_id, None):
        return known
    values = checked_values(row, template, variables)
    text = rendered(template.body, values)
    if len(text) > capabilities(row.inbox).text_limit:
        raise TooLarge(field="variables")
    files = _checked_header(template, attachment_ids, uploader)
    _take_charge(row, by)
    draft = Draft(
        AuthorKind.OPERATOR, _author_id(by), _shown_name(row, by), Direction.OUT, text,
        client_id=client_id, validated_by=Validation.HUMAN, attachments=files,
        details={
            "kind": "template", "name": template.name, "language": template.language, "variables": values,
            **({"header_format": template.header_format} if files else {}),
        },
    )  # fmt: skip
    return _say(row, draft)


def rendered(body: str, values: Mapping[str, str]) -> str:
    """Returns a template's text with its places filled in; a place without a value stays as it is."""
    return PLACE.sub(lambda place: values.get(place[1], place[0]), body)


def checked_values(
    conversation: Conversation, template: MessageTemplate, variables: Mapping[str, str]
) -> dict[str, str]:
    """Returns a value for each place of the template; no provider takes line breaks or an empty one."""
    if template.inbox_id != conversation.inbox_id:
        raise NotFound(field="template")
    if template.status.upper() != APPROVED:
        detail = _("This template is not approved.")
        raise Invalid(detail, field="template")
    values = {name: " ".join(variables.get(name, "").split()) for name in template.variables}
    for name, value in values.items():
        if not 0 < len(value) <= MAX_VARIABLE:
            detail = _("Fill in every place of the template.")
            raise Invalid(detail, field=name)
    if unknown := set(variables) - set(values):
        raise Invalid(field=min(unknown))
    return values


def _checked_header(
    template: MessageTemplate, attachment_ids: Sequence[UUID], uploader: str
) -> list[Attachment]:
    """Returns the file that stands above the text of a template; an empty list where none does."""
    files = list(unsent_attachments(attachment_ids, uploader=uploader)) if attachment_ids else []
    wanted = HEADER_TYPES.get(template.header_format)
    if len(files) != (wanted is not None):
        no_file, one_file = _("This template takes no file."), _("Add the file that stands above the text.")
        raise Invalid(no_file if wanted is None else one_file, field="attachments")
    if not all(file.content_type.startswith(wanted or "") for file in files):
        detail = _("This file is not what the template shows above its text.")
        raise Invalid(detail, field="attachments")
    return files


def _take_charge(conversation: Conversation, by: Actor) -> None:
    """Makes a person who speaks responsible, where the agent or nobody was."""
    is_nobodys = (
        conversation.status == Status.OPEN
        and conversation.assignee_id is None
        and by.kind == ActorKind.OPERATOR
    )
    if conversation.status == Status.BOT or is_nobodys:
        take_over_locked(conversation, by=by)


def _say(row: Conversation, draft: Draft) -> Message:
    """Writes a message to the customer into a locked conversation: nobody waits for us any more."""
    row.waiting_since = None
    row.first_reply_at = row.first_reply_at or timezone.now()
    if draft.author_kind == AuthorKind.OPERATOR:
        row.read_by_operator_seq = row.last_seq + 1  # the number of what is written now
    message = add_message(row, draft, save=("waiting_since", "first_reply_at", "read_by_operator_seq"))
    if not draft.attachments:
        rows.none_belong(message, "attachments")
    signals.message_sent.send(Message, conversation=row, message=message)
    return message


def _shown_name(conversation: Conversation, by: Actor, signed: str = "") -> str:
    """The name the customer sees: a person's or the agent's own; a program's is who signs, or the shop's."""
    if by.kind in {ActorKind.OPERATOR, ActorKind.AGENT}:
        return by.name
    return signed or conversation.inbox.title or conversation.inbox.name


def _author_id(by: Actor) -> str:
    """The number of the person or agent; a key's says that it is one, since people have the same numbers."""
    return f"key:{by.id}" if by.kind == ActorKind.API_KEY else by.id


def _locked_for_agent(conversation: Conversation) -> Conversation:
    """Locks the row and asks again whether the agent owns it: a person may have come in meanwhile."""
    row = lock(conversation.pk, by=Actor.system())
    if row.status != Status.BOT:
        detail = _("A person has taken the conversation over.")
        raise Conflict(detail)
    return row


def _said_already(conversation: Conversation, client_id: UUID | None, run: UUID | None) -> Message | None:
    if client_id is not None:
        return Message.objects.filter(conversation=conversation, client_id=client_id).first()
    if run is not None:
        return Message.objects.filter(conversation=conversation, run=run).first()
    return None


@transaction.atomic
def note(*, conversation: Conversation, text: str, by: Actor, client_id: UUID | None = None) -> Message:
    """Writes an internal note: never shown or sent to the customer, changes nothing else.

    Agents may write notes too (a summary at hand-over); contacts may not: Forbidden.
    """
    if by.kind == ActorKind.CONTACT:
        raise Forbidden
    text = checked_text(text, has_files=False)
    row = lock(conversation.pk, by=by if by.is_staff else Actor.system())
    if known := _said_already(row, client_id, None):
        return known
    author = AuthorKind.AGENT if by.kind == ActorKind.AGENT else AuthorKind.OPERATOR
    draft = Draft(
        author, _author_id(by), by.name, Direction.NOTE, text, is_markdown=True, client_id=client_id
    )
    message = add_message(row, draft, save=())
    rows.none_belong(message, "attachments")
    return message
