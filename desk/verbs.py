"""What an operator can do to a conversation, by the name it has in an address. Each is one action."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Team
from agents.actions import approve_call, make_case, refuse_call
from agents.models import Approval
from conversations import actions
from conversations.actions.assignment import operator_by_id
from conversations.enums import AuthorKind, FieldEntity, Priority, Validation
from conversations.models import Conversation, Inbox, Message, MessageTemplate
from conversations.queries.delivered import delivery_states
from conversations.queries.wire import Reader, attachment_frame
from core.actor import Actor
from core.errors import Invalid, NotFound
from knowledge.actions import correct_answer
from tickets.actions import create_ticket

Json = dict[str, Any]
Verb = Callable[[Conversation, Json, Actor], Json]


def uploader(actor: Actor) -> str:
    """Returns the name under which an operator's uploads wait for their message."""
    return f"operator:{actor.id}"


def keep_upload(request: HttpRequest, inbox: Inbox, actor: Actor) -> Json:
    """Keeps a file until the message that carries it is sent; raises Invalid without one."""
    file = request.FILES.get("file")
    if file is None:
        raise Invalid(field="file")
    attachment = actions.add_attachment(inbox=inbox, uploader=uploader(actor), upload=file)
    return {"attachment": attachment_frame(attachment, Reader.STAFF)}


def word(data: Json, name: str) -> str:
    """Returns a text of the frame, empty when it is missing; raises Invalid for other types."""
    value = data.get(name, "")
    if not isinstance(value, str):
        raise Invalid(field=name)
    return value


def uuid_or_none(value: object, name: str) -> UUID | None:
    """Returns an id that may be missing; raises Invalid for what is none."""
    if value is None:
        return None
    try:
        return UUID(str(value))
    except ValueError as error:
        raise Invalid(field=name) from error


def reply(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Sends a message, and resolves in the same step when `resolve` is true."""
    with transaction.atomic():
        message = actions.reply(
            conversation=conversation,
            text=word(data, "text"),
            by=actor,
            client_id=uuid_or_none(data.get("client_id"), "client_id"),
            attachment_ids=ids(data, "attachments"),
            uploader=uploader(actor),
            reply_to=uuid_or_none(data.get("reply_to"), "reply_to"),
            cc=listed(data, "cc"),
        )
        if data.get("resolve") is True:
            actions.resolve(conversation=conversation, by=actor)
    return {"message": str(message.pk), "seq": message.seq}


def note(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Writes an internal note."""
    client_id = uuid_or_none(data.get("client_id"), "client_id")
    message = actions.note(conversation=conversation, text=word(data, "text"), by=actor, client_id=client_id)
    return {"message": str(message.pk), "seq": message.seq}


def send_template(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Sends an approved template: `template` is its number, `variables` what goes into its places.

    `attachments` is the file above its text, where it has one.
    """
    key = number(data.get("template"), "template")
    template = MessageTemplate.objects.filter(pk=key, inbox_id=conversation.inbox_id).first()
    if template is None:
        raise NotFound(field="template")
    message = actions.send_template(
        conversation=conversation,
        template=template,
        variables=words(data, "variables"),
        by=actor,
        client_id=uuid_or_none(data.get("client_id"), "client_id"),
        attachment_ids=ids(data, "attachments"),
        uploader=uploader(actor),
    )
    return {"message": str(message.pk), "seq": message.seq}


def retry(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Tries again to deliver what failed of a message."""
    actions.retry_message(message=_message(conversation, data), by=actor)
    return {"deliveries": delivery_states(conversation.pk)}


def take_over(conversation: Conversation, _data: Json, actor: Actor) -> Json:
    """Makes the operator responsible."""
    actions.take_over(conversation=conversation, by=actor)
    return {}


def hand_back(conversation: Conversation, _data: Json, actor: Actor) -> Json:
    """Lets the agent answer again."""
    actions.hand_back(conversation=conversation, by=actor)
    return {}


def assign(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Makes an operator (or nobody: null) responsible; a `team` moves it there."""
    to = data.get("to", conversation.assignee_id)
    team_id = data.get("team")
    team = None if team_id is None else Team.objects.filter(pk=number(team_id, "team")).first()
    if team_id is not None and team is None:
        raise NotFound(field="team")
    operator = None if to is None else operator_by_id(str(number(to, "to")))
    actions.assign(conversation=conversation, by=actor, to=operator, team=team)
    return {}


def resolve(conversation: Conversation, _data: Json, actor: Actor) -> Json:
    """Closes the matter."""
    actions.resolve(conversation=conversation, by=actor)
    return {}


def reopen(conversation: Conversation, _data: Json, actor: Actor) -> Json:
    """Opens it again."""
    actions.reopen(conversation=conversation, by=actor)
    return {}


def priority(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Sets the urgency."""
    wanted = number(data.get("priority"), "priority")
    actions.set_priority(conversation=conversation, by=actor, priority=wanted)
    return {}


def tags(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Adds tags and takes tags away; all others stay."""
    add, remove = listed(data, "add"), listed(data, "remove")
    actions.edit_conversation(conversation=conversation, by=actor, add_tags=add, remove_tags=remove)
    return {}


def fields(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Sets values of custom fields of the conversation, or of its customer where `of` says `contact`."""
    values = data.get("attributes")
    if not isinstance(values, dict):
        raise Invalid(field="attributes")
    if data.get("of") == FieldEntity.CONTACT:
        told = actions.Told(attributes=values)
        actions.edit_contact(contact=conversation.contact, by=actor, told=told)
    else:
        actions.edit_conversation(conversation=conversation, by=actor, attributes=values)
    return {}


def ticket(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Opens a ticket about the matter; the same `client_id` again opens no second one."""
    client_id = uuid_or_none(data.get("client_id"), "client_id")
    made = create_ticket(
        conversation=conversation,
        subject=word(data, "subject"),
        description=word(data, "description"),
        priority=number(data.get("priority", Priority.NORMAL), "priority"),
        by=actor,
        idempotency_key=f"desk:{actor.id}:{client_id}" if client_id else None,
    )
    return {"number": made.number, "is_new": made.just_created}


def approve(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Lets the agent do what it asked for: `approval`."""
    approve_call(approval=_approval(conversation, data), by=actor)
    return {}


def refuse(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Has the agent not do what it asked for: `approval`."""
    refuse_call(approval=_approval(conversation, data), by=actor)
    return {}


def correct(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Says how a question is answered from now on: `message`, `text`, perhaps `question`."""
    message, question = _message(conversation, data), word(data, "question")
    made = correct_answer(message=message, text=word(data, "text"), question=question, by=actor)
    return {"proposal": {"status": made.status, "question": made.question}}


def confirm(conversation: Conversation, data: Json, actor: Actor) -> Json:
    """Says that what the agent answered is right: `message`."""
    message = _message(conversation, data)
    if message.author_kind != AuthorKind.AGENT:
        raise Invalid(field="message")
    actions.answer_message(message=message, by=actor, validated_by=Validation.HUMAN)
    return {}


def _message(conversation: Conversation, data: Json) -> Message:
    key = uuid_or_none(data.get("message"), "message")
    message = Message.objects.filter(conversation=conversation, pk=key).first() if key else None
    if message is None:
        raise NotFound(field="message")
    return message


def case(conversation: Conversation, _data: Json, actor: Actor) -> Json:
    """Makes a case of the conversation, by which agents are measured; `url` is where it is read."""
    made = make_case(conversation=conversation, by=actor)
    return {"url": reverse("admin:agents_evaluationcase_change", args=[made.pk])}


def _approval(conversation: Conversation, data: Json) -> Approval:
    key = uuid_or_none(data.get("approval"), "approval")
    found = Approval.objects.filter(conversation=conversation, pk=key).first() if key else None
    if found is None:
        raise NotFound(field="approval")
    return found


def words(data: Json, name: str) -> dict[str, str]:
    """Returns texts by name, none when they are missing; raises Invalid for other types."""
    value = data.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise Invalid(field=name)
    return value


def ids(data: Json, name: str) -> list[UUID]:
    """Returns a list of ids, empty when it is missing; raises Invalid for other types."""
    wanted = data.get(name, [])
    if not isinstance(wanted, list):
        raise Invalid(field=name)
    return [key for value in wanted if (key := uuid_or_none(value, name))]


def listed(data: Json, name: str) -> list[str]:
    """Returns a list of texts, empty when it is missing; raises Invalid for other types."""
    value = data.get(name, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise Invalid(field=name)
    return value


def number(value: object, name: str) -> int:
    """Returns a whole number; raises Invalid for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(field=name)
    return value


VERBS: Mapping[str, Verb] = {
    "reply": reply,
    "note": note,
    "send-template": send_template,
    "retry": retry,
    "take-over": take_over,
    "hand-back": hand_back,
    "assign": assign,
    "resolve": resolve,
    "reopen": reopen,
    "priority": priority,
    "tags": tags,
    "fields": fields,
    "ticket": ticket,
    "approve": approve,
    "refuse": refuse,
    "correct": correct,
    "confirm": confirm,
    "case": case,
}
