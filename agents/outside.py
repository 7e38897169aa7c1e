"""Tools that are somebody else's system: an address, a schema of arguments, and secrets no model ever sees.

A call is made through the outbound door, outside of any transaction. What comes back is data: cut, fenced as
every result, and with our secrets taken out, should the other side repeat them.
"""

import json
import re
import string
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from agents.models import HttpTool
from conversations.models import Conversation
from core.http import fetch
from core.outbound import OutboundError
from llm.tools import Effect, Tool, ToolContext, ToolResult, refusal

MOST_BYTES = 1_000_000
LONGEST_RESULT = 8_000  # characters that the model is told
SHORTEST_SECRET = 6  # characters; a shorter one is part of too many words
READS_TRIED = 2
OK = range(200, 300)
# What a customer is known by here. It comes from the conversation, never from the model.
SESSION = ("contact_email", "contact_phone", "contact_id", "conversation_id")


class Called(NamedTuple):
    """What a system answered. `shown` is what the model is told of it."""

    status: int
    shown: str


class OutsideTool(Tool):
    """A tool that an administrator has described (`agents.models.HttpTool`)."""

    calls_out = True

    def __init__(self, row: HttpTool) -> None:
        """Takes the description."""
        self.row = row
        self.name = row.name
        self.description = row.description
        self.effect = Effect(row.effect)
        self.needs_verification = row.needs_verification
        # What was begun and not ended may be asked again: nothing happens twice.
        self.may_repeat = self.only_reads or row.is_idempotent

    def schema(self) -> dict[str, Any]:
        """Returns the OpenAI `function` description."""
        closed = {"type": "object", "additionalProperties": False}
        parameters = {"properties": {}, **self.row.parameters, **closed}
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": function}

    def run(self, context: ToolContext, arguments_json: str) -> ToolResult:
        """Checks the arguments and asks the system; whatever goes wrong is told to the model."""
        arguments = self.checked(arguments_json)
        if isinstance(arguments, ToolResult):
            return arguments
        try:
            called = call(self.row, arguments, session=session_of(context), key=context.key)
        except OutboundError as error:
            return self._failed(error)
        if called.status in OK:
            return ToolResult(called.shown)
        return ToolResult(f"The system answered {called.status}: {called.shown}", failed=True)

    def _failed(self, error: OutboundError) -> ToolResult:
        if self.only_reads:
            return refusal(f"the system could not be asked ({error.code}). Offer a person.")
        return ToolResult(UNKNOWN, failed=True)

    def _parse(self, arguments_json: str) -> dict[str, Any]:
        from jsonschema import Draft202012Validator  # deferred: slow import

        try:
            found = json.loads(arguments_json.strip() or "{}")
        except RecursionError:
            message = "the arguments are nested too deeply."
            raise ValueError(message) from None
        schema = self.schema()["function"]["parameters"]
        errors = sorted(Draft202012Validator(schema).iter_errors(found), key=lambda error: error.json_path)
        if errors:
            raise ValueError(" ".join(_told(error) for error in errors[:10]))
        return dict(found)


UNKNOWN = (
    "It is not known whether this was done: the system did not answer. Do not do it again, and do not say "
    "that it was done. Tell the customer that a colleague will look, and hand over."
)


def _told(error: Any) -> str:
    """Says what is wrong with an argument without repeating it."""
    place = ".".join(map(str, error.absolute_path))[:80] or "arguments"
    return f"{place}: does not fit “{error.validator}” of the schema."


def session_of(context: ToolContext) -> dict[str, str]:
    """Returns what the customer of a call is known by."""
    if context.conversation_id is None:
        return dict.fromkeys(SESSION, "")
    conversation = Conversation.objects.select_related("contact").get(pk=context.conversation_id)
    contact = conversation.contact
    return {
        "contact_email": contact.email or "",
        "contact_phone": contact.phone or "",
        "contact_id": str(contact.pk),
        "conversation_id": str(conversation.pk),
    }


def call(row: HttpTool, arguments: Mapping[str, Any], *, session: Mapping[str, str], key: str) -> Called:
    """Asks the system behind a tool. Raises OutboundError where it does not answer whole and in time.

    Arguments that the address does not name go into the query of a GET, else into a JSON body.
    """
    url, rest = address(row.url, arguments, session)
    headers = {"Accept": "application/json, text/plain;q=0.9, */*;q=0.1", **row.headers}
    content = None
    if row.method == HttpTool.Method.GET:
        if rest:
            url += ("&" if urlsplit(url).query else "?") + urlencode({n: _text(v) for n, v in rest.items()})
    else:
        content = json.dumps(rest).encode()
        headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
    fetched = fetch(
        url,
        method=row.method,
        headers=headers,
        content=content,
        max_bytes=MOST_BYTES,
        deadline=row.seconds,
        silence=row.seconds,
        attempts=READS_TRIED if row.effect == Effect.READ else 1,
        cut=True,
    )
    text = fetched.content.decode("utf-8", "replace").replace("\x00", "")
    return Called(fetched.status, without_secrets(_compact(text), row.headers)[:LONGEST_RESULT])


def address(
    template: str, arguments: Mapping[str, Any], session: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """Fills in an address; returns it with the arguments that it does not name.

    Values are one segment each: none of them reaches another path, host or parameter.
    """
    named = names_in(template)
    values = {**arguments, **session}
    url = template
    for name in named:
        value = _text(values.get(name, ""))
        if not value.strip(". "):
            message = f"{name} is empty."
            raise OutboundError(message)
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return url, {name: value for name, value in arguments.items() if name not in named}


def names_in(template: str) -> set[str]:
    """Returns the names in braces. Raises ValueError for braces that are no name."""
    names = {name for _text, name, form, change in string.Formatter().parse(template) if name is not None}
    for name in names:
        if not re.fullmatch(r"[a-zA-Z_]\w{0,59}", name) or f"{{{name}}}" not in template:
            raise ValueError(name)
    return names


def without_secrets(text: str, headers: Mapping[str, str]) -> str:
    """Takes the values of secret headers out of a text, and their parts: a token follows a scheme."""
    for value in headers.values():
        for secret in {value, *value.split()}:
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "[secret]")
    return text


def _compact(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(", ", ": "))
    except (ValueError, RecursionError):
        return text


def _text(value: Any) -> str:
    """Returns an argument as part of an address."""
    return value if isinstance(value, str) else json.dumps(value)
