"""One update of the Bot API (https://core.telegram.org/bots/api#update) as what it means to a conversation.

A person's id is that of their chat; a customer of a business account, who can only be answered through the
connection of that account, is `chat@connection`. Message ids count within a chat, so ours are `chat:message`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from conversations.exchange import Deleted, Echo, Edited, Ignored, Incoming, Parsed, Reacted, Sender
from integrations.telegram.config import TelegramConfig
from integrations.telegram.content import Content, content_of, service_of
from integrations.telegram.reading import Json, branch, each, full_name, moment, number, word

# Buttons carry 64 bytes at most; the first two say whether the rest is the value or the label stands for it.
VALUE, LABEL = "v:", "l:"
# Begins our id of a button that was pressed; Telegram's own follows.
PRESSED = "callback:"


def parsed(update: Json, config: TelegramConfig) -> Iterator[Parsed]:
    """Yields what an update says; an update carries one thing, of which `business_message` may be several."""
    for name, read in READERS.items():
        if name in update:
            yield from read(branch(update, name), config)
            return
    kinds = ", ".join(sorted(str(name)[:64] for name in update if name != "update_id")[:5])
    yield Ignored(f"an update without a message: {kinds or 'empty'}")


def name_of(update: Json) -> str:
    """Returns what an update is known by, or "" for what is none: its number and a digest of what it says.

    The number alone would lose messages: numbers begin anew after a silent week, and with another bot.
    """
    if type(update.get("update_id")) is not int:
        return ""
    said = hashlib.sha256(json.dumps(update, sort_keys=True).encode()).hexdigest()
    return f"{update['update_id']}:{said[:32]}"


def message_id(to: str, message: Json) -> str:
    """Returns our id of a message in the chat with a person."""
    return f"{to}:{number(message, 'message_id')}"


def _message(message: Json, config: TelegramConfig) -> Iterator[Parsed]:
    yield _refused(message, config) or _incoming(message)


def _edited(message: Json, config: TelegramConfig) -> Iterator[Parsed]:
    refused = _refused(message, config)
    external_id, at = message_id(_address(message), message), moment(message, "edit_date")
    yield refused or Edited(external_id, _said(message, content_of(message)), at)


def _refused(message: Json, config: TelegramConfig) -> Ignored | None:
    """Says why a message is none of a customer's; raises ValueError for one that lacks what makes it one."""
    if not number(branch(message, "chat"), "id") or not number(message, "message_id"):
        raise ValueError("a message without a chat or an id")
    if not _is_private(message) and not config.allow_groups:
        return Ignored("a message in a group; the inbox takes none")
    if service := service_of(message):
        return Ignored(f"a service message: {service}")
    return None


def _incoming(message: Json) -> Incoming:
    content = content_of(message)
    to = _address(message)
    return Incoming(
        message_id(to, message),
        _sender(message),
        _said(message, content),
        "" if _author(message) else content.html,
        content.files,
        moment(message, "date"),
        _reply_to(to, message),
        {**content.details, **_context(message), "digest": _digest(message, content)},
        is_automatic=branch(message, "from").get("is_bot") is True,
    )


def _digest(message: Json, content: Content) -> str:
    """Tells apart two messages under one number: to the same person each bot counts its own."""
    said = [number(message, "date"), word(message, "text"), word(message, "caption")]
    files = [str(file.reference.get("file_unique_id")) for file in content.files]
    return hashlib.sha256(json.dumps([*said, *files]).encode()).hexdigest()


def _business(message: Json, config: TelegramConfig) -> Iterator[Parsed]:
    """A message in a chat of a business account: of its customer, or of its owner (or of us) to them."""
    if refused := _refused(message, config):
        yield refused
    elif number(branch(message, "from"), "id") == number(branch(message, "chat"), "id"):
        yield _incoming(message)
    else:
        content, to = content_of(message), _address(message)
        yield Echo(
            message_id(to, message),
            _sender(message),
            content.text,
            content.files,
            moment(message, "date"),
            _reply_to(to, message),
            content.details,
        )


def _deleted(data: Json, config: TelegramConfig) -> Iterator[Parsed]:
    del config
    to, ids = _address(data), data.get("message_ids")
    for deleted in ids if isinstance(ids, list) else ():
        if type(deleted) is int:
            yield Deleted(f"{to}:{deleted}")


def _pressed(query: Json, config: TelegramConfig) -> Iterator[Parsed]:
    """A button under one of our messages: what it stands for, as if the customer had written it."""
    message = branch(query, "message")
    if not message or not word(query, "id"):
        yield Ignored("a button that belongs to no message of a chat")
    elif not _is_private(message) and not config.allow_groups:
        yield Ignored("a button in a group; the inbox takes none")
    elif value := _value(query, message):
        to = _address(message)
        details = {"kind": "button", "data": word(query, "data"), "label": _label(query, message)}
        # The message is ours: who pressed stands beside it.
        sender = _sender({**message, "from": query.get("from")})
        yield Incoming(
            f"{PRESSED}{word(query, 'id')}"[:255],
            sender,
            value,
            reply_to=message_id(to, message),
            details={**details, **_person(query)},
            is_awaited=True,
        )
    else:
        yield Ignored("a button without a value")


def _value(query: Json, message: Json) -> str:
    data = word(query, "data")
    if data.startswith(VALUE):
        return data.removeprefix(VALUE)
    return (_label(query, message) if data.startswith(LABEL) else "") or data


def _label(query: Json, message: Json) -> str:
    rows = branch(message, "reply_markup").get("inline_keyboard")
    for row in rows if isinstance(rows, list) else ():
        for button in each({"row": row}, "row"):
            if button.get("callback_data") == query.get("data"):
                return word(button, "text")
    return ""


def _reacted(data: Json, config: TelegramConfig) -> Iterator[Parsed]:
    if not _is_private(data) and not config.allow_groups:
        yield Ignored("a reaction in a group; the inbox takes none")
        return
    emoji = [_emoji(reaction) for reaction in each(data, "new_reaction")]
    # Some may put several; the newest is the last.
    latest = emoji[-1] if emoji else ""
    sender = _sender({**data, "from": data.get("user")})
    yield Reacted(message_id(_address(data), data), sender, latest, moment(data, "date"))


def _emoji(reaction: Json) -> str:
    """A picture of somebody's own cannot be shown; that there is one can."""
    return word(reaction, "emoji") or ("⭐" if word(reaction, "type") == "paid" else "🙂")


def _membership(data: Json, config: TelegramConfig) -> Iterator[Parsed]:
    del config
    status = word(branch(data, "new_chat_member"), "status")
    meaning = {
        "kicked": "the customer blocked the bot",
        "member": "the customer started or unblocked the bot",
    }
    told = meaning.get(status) if _is_private(data) else None
    yield Ignored(told or f"the bot's membership in a chat: {status or 'unknown'}")


def _connection(data: Json, config: TelegramConfig) -> Iterator[Parsed]:
    del config
    state = "enabled" if data.get("is_enabled") is True else "disabled"
    yield Ignored(f"a business account {state} the bot: {full_name(branch(data, 'user'))}")


def _channel(data: Json, config: TelegramConfig) -> Iterator[Parsed]:
    del data, config
    yield Ignored("a post in a channel")


READERS: dict[str, Callable[[Json, TelegramConfig], Iterator[Parsed]]] = {
    "message": _message,
    "edited_message": _edited,
    "callback_query": _pressed,
    "message_reaction": _reacted,
    "business_message": _business,
    "edited_business_message": _edited,
    "deleted_business_messages": _deleted,
    "business_connection": _connection,
    "my_chat_member": _membership,
    "channel_post": _channel,
    "edited_channel_post": _channel,
}


# --- Who, and what belongs to a message -------------------------------------------------------------------
def _is_private(data: Json) -> bool:
    return word(branch(data, "chat"), "type") == "private"


def _address(data: Json) -> str:
    """Where answers go."""
    chat, connection = number(branch(data, "chat"), "id"), word(data, "business_connection_id")
    return f"{chat}@{connection}" if connection else str(chat)


def _sender(data: Json) -> Sender:
    """The person of a private chat, by the account that Telegram has signed in; a group as one customer."""
    chat, person = branch(data, "chat"), branch(data, "from")
    if not _is_private(data):
        return Sender(_address(data), full_name(chat))
    ours = number(person, "id") == number(chat, "id")
    contact = branch(data, "contact")
    # A contact that names the sender themselves: Telegram looked the number up.
    own_number = ours and number(contact, "user_id") == number(chat, "id")
    return Sender(
        _address(data),
        full_name(chat) or full_name(person),
        locale=word(person, "language_code") if ours else "",
        is_verified=True,
        phone=word(contact, "phone_number") if own_number else "",
    )


def _author(message: Json) -> str:
    """Who of a group wrote."""
    if _is_private(message):
        return ""
    return full_name(branch(message, "from")) or full_name(branch(message, "sender_chat"))


def _said(message: Json, content: Content) -> str:
    author = _author(message)
    return f"{author}: {content.text}" if author else content.text


def _reply_to(to: str, message: Json) -> str:
    answered = branch(message, "reply_to_message")
    return message_id(to, answered) if number(answered, "message_id") else ""


def _person(data: Json) -> dict[str, Any]:
    person = branch(data, "from")
    told = {"username": word(person, "username"), "author": full_name(person)}
    return {name: value for name, value in told.items() if value}


def _context(message: Json) -> dict[str, Any]:
    """What else is known of a message: its album, where it was forwarded from, what it quotes."""
    told = {
        **_person(message),
        "album": word(message, "media_group_id"),
        "forwarded_from": _origin(branch(message, "forward_origin")),
        "quote": word(branch(message, "quote"), "text"),
        "via": word(branch(message, "via_bot"), "username"),
    }
    return {name: value for name, value in told.items() if value}


def _origin(origin: Json) -> str:
    """Who wrote a forwarded message first; some hide behind a name."""
    known = (branch(origin, "sender_user"), branch(origin, "sender_chat"), branch(origin, "chat"))
    return word(origin, "sender_user_name") or next(filter(None, map(full_name, known)), "")
