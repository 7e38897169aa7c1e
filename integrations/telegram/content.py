"""What a message contains: text with its formatting, the files it announces, and what is neither.

https://core.telegram.org/bots/api#message. Of several fields that describe one thing (an animation is also a
document, a venue also a location) the more telling one comes first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from conversations.exchange import File
from integrations.telegram.entities import to_html, to_markdown
from integrations.telegram.reading import Json, branch, each, full_name, number, word

# What a file is called and what it is where Telegram does not say.
MEDIA = {
    "animation": ("animation.mp4", "video/mp4"),
    "video": ("video.mp4", "video/mp4"),
    "video_note": ("video-note.mp4", "video/mp4"),
    "voice": ("voice.ogg", "audio/ogg"),
    "audio": ("audio.mp3", "audio/mpeg"),
    "document": ("file", "application/octet-stream"),
}
# Telegram knows files of four gigabytes, a column of ours does not.
LARGEST_SIZE = 2**31 - 1
# Fields that accompany any kind of message; whatever else there is says what kind it is.
COMMON = {
    *("message_id", "message_thread_id", "from", "sender_chat", "sender_boost_count", "sender_business_bot"),
    *("date", "business_connection_id", "chat", "forward_origin", "is_topic_message", "is_automatic_forward"),
    *("reply_to_message", "external_reply", "quote", "reply_to_story", "via_bot", "edit_date", "sender_tag"),
    *("has_protected_content", "is_from_offline", "is_paid_post", "media_group_id", "author_signature"),
    *(
        "paid_star_count",
        "link_preview_options",
        "suggested_post_info",
        "effect_id",
        "show_caption_above_media",
    ),
    *("has_media_spoiler", "reply_markup", "direct_messages_topic", "reply_to_checklist_task_id"),
    *("caption", "caption_entities", "text", "entities", "guest_query_id", "reply_to_poll_option_id"),
}
# What a chat says about itself: nobody wrote it.
SERVICE = {
    *("new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo"),
    *("group_chat_created", "supergroup_chat_created", "channel_chat_created", "pinned_message"),
    *("message_auto_delete_timer_changed", "migrate_to_chat_id", "migrate_from_chat_id", "boost_added"),
    *("write_access_allowed", "proximity_alert_triggered", "chat_background_set", "connected_website"),
    *("giveaway_created", "giveaway_completed", "passport_data", "forum_topic_created", "forum_topic_edited"),
    *("forum_topic_closed", "forum_topic_reopened", "general_forum_topic_hidden", "video_chat_scheduled"),
    *("general_forum_topic_unhidden", "video_chat_started", "video_chat_ended", "chat_owner_changed"),
    *("video_chat_participants_invited", "paid_message_price_changed", "direct_message_price_changed"),
    *("chat_owner_left", "checklist_tasks_done", "checklist_tasks_added"),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What people read, how it is formatted, the files, and the rest. `html` is empty without formatting."""

    text: str = ""
    html: str = ""
    files: tuple[File, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


def service_of(message: Json) -> str:
    """Returns the name of the service field in a message that nobody wrote, or ""."""
    return next((name for name in message if name in SERVICE), "")


def content_of(message: Json) -> Content:
    """Reads a message of any kind; one that is not known becomes a sentence that names it."""
    if word(message, "text"):
        return _written(message)
    for kind, read in KINDS.items():
        if message.get(kind):
            content = _captioned(message, read(message, kind))
            if content.text or content.files:
                return content
    return _captioned(message, _unknown(message))


def _written(message: Json) -> Content:
    text = word(message, "text")
    entities = message.get("entities")
    return Content(to_markdown(text, entities), to_html(text, entities), details=_command(message, text))


def _command(message: Json, text: str) -> dict[str, Any]:
    """`/start 42` and `/start@Bot 42` are the command `start` with the payload `42`."""
    first = next(each(message, "entities"), {})
    if word(first, "type") != "bot_command" or number(first, "offset"):
        return {}
    command, _space, payload = text.partition(" ")
    return {"kind": "command", "command": command.lstrip("/").partition("@")[0], "payload": payload.strip()}


def _captioned(message: Json, content: Content) -> Content:
    """Puts what people wrote beneath a picture after what the picture says by itself."""
    caption, entities = word(message, "caption"), message.get("caption_entities")
    if not caption:
        return content
    text = "\n\n".join(filter(None, (content.text, to_markdown(caption, entities))))
    # Formatting of the caption alone: text of our own would be missing from it.
    html = to_html(caption, entities) if not content.text else ""
    return Content(text, html, content.files, content.details)


def _file(data: Json, name: str, content_type: str) -> tuple[File, ...]:
    reference = {"file_id": word(data, "file_id"), "file_unique_id": word(data, "file_unique_id")}
    if not reference["file_id"]:
        return ()
    return (
        File(
            reference,
            word(data, "file_name") or name,
            word(data, "mime_type") or content_type,
            min(max(number(data, "file_size"), 0), LARGEST_SIZE),
        ),
    )


def _media(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    details: dict[str, Any] = {"kind": kind}
    if duration := number(data, "duration"):
        details["duration"] = duration
    named = " – ".join(filter(None, (word(data, "performer"), word(data, "title"))))
    return Content(named, files=_file(data, *MEDIA[kind]), details=details)


def _photo(message: Json, kind: str) -> Content:
    """Of the sizes that Telegram offers the largest one."""
    sizes = sorted(each(message, kind), key=lambda size: number(size, "width") * number(size, "height"))
    return Content(files=_file(sizes[-1], "photo.jpg", "image/jpeg") if sizes else (), details={"kind": kind})


def _live_photo(message: Json, kind: str) -> Content:
    moving = _file(branch(message, kind), "live-photo.mp4", "video/mp4")
    return Content(files=(*_photo(message, "photo").files, *moving), details={"kind": kind})


def _sticker(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    name, content_type = "sticker.webp", "image/webp"
    if data.get("is_video"):
        name, content_type = "sticker.webm", "video/webm"
    elif data.get("is_animated"):
        name, content_type = "sticker.tgs", "application/x-tgsticker"
    details = {"kind": kind, "set": word(data, "set_name")}
    return Content(word(data, "emoji"), files=_file(data, name, content_type), details=details)


def _paid(message: Json, kind: str) -> Content:
    """Media that costs stars come as previews until they are bought."""
    files: list[File] = []
    for item in each(branch(message, kind), "paid_media"):
        media = word(item, "type")
        if media in {"photo", "video"}:
            files += KINDS[media](item, media).files
    return Content("" if files else _("[Paid media]"), files=tuple(files), details={"kind": kind})


def _place(data: Json) -> dict[str, Any]:
    return {name: data[name] for name in ("latitude", "longitude") if isinstance(data.get(name), int | float)}


def _location(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    place = _place(data)
    live = {"live": True} if number(data, "live_period") else {}
    return Content(f"📍 {_coordinates(place)}", details={"kind": kind, **place, **live})


def _venue(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    place = _place(branch(data, "location"))
    named = {"name": word(data, "title"), "address": word(data, "address")}
    text = ", ".join(filter(None, named.values()))
    return Content(f"📍 {text} ({_coordinates(place)})", details={"kind": "location", **place, **named})


def _coordinates(place: Json) -> str:
    return ", ".join(f"{value:.6f}" for value in place.values())


def _contact(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    name, phone = full_name(data), word(data, "phone_number")
    details = {"kind": kind, "name": name, "phone": phone}
    if number(data, "user_id"):
        details["user_id"] = str(number(data, "user_id"))
    return Content(f"👤 {name} {phone}".strip(), details=details)


def _poll(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    options = [word(option, "text") for option in each(data, "options")]
    text = "\n".join([f"📊 {word(data, 'question')}", *(f"- {option}" for option in options)])
    return Content(text, details={"kind": kind, "question": word(data, "question"), "options": options})


def _checklist(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    tasks = [word(task, "text") for task in each(data, "tasks")]
    text = "\n".join([f"☑ {word(data, 'title')}", *(f"- {task}" for task in tasks)])
    return Content(text, details={"kind": kind, "title": word(data, "title"), "tasks": tasks})


def _dice(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    emoji, value = word(data, "emoji") or "🎲", number(data, "value")
    return Content(f"{emoji} {value}", details={"kind": kind, "emoji": emoji, "value": value})


def _story(message: Json, kind: str) -> Content:
    """A bot is told whose story it is and nothing of what it shows."""
    data = branch(message, kind)
    name = word(branch(data, "chat"), "username")
    url = f"https://t.me/{name}/s/{number(data, 'id')}" if name else ""
    text = " ".join(filter(None, (_("[Story]"), full_name(branch(data, "chat")), url)))
    return Content(text, details={"kind": kind, "id": number(data, "id"), "url": url})


def _web_app(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    return Content(word(data, "data"), details={"kind": "web_app", "button": word(data, "button_text")})


def _titled(message: Json, kind: str) -> Content:
    data = branch(message, kind)
    text = "\n".join(filter(None, (word(data, "title"), word(data, "description"))))
    return Content(text, details={"kind": kind})


def _unknown(message: Json) -> Content:
    """Says what came, for people; the fields' names for whoever looks into it."""
    fields = sorted(str(name)[:64] for name in message if name not in COMMON)[:10]
    if not fields and word(message, "caption"):
        return Content()
    text = _("[A kind of message that cannot be shown here: %s]") % (", ".join(fields) or "?")
    return Content(text, details={"kind": "unsupported", "fields": fields})


KINDS: dict[str, Callable[[Json, str], Content]] = {
    "live_photo": _live_photo,
    "photo": _photo,
    "animation": _media,
    "video": _media,
    "video_note": _media,
    "voice": _media,
    "audio": _media,
    "document": _media,
    "sticker": _sticker,
    "paid_media": _paid,
    "venue": _venue,
    "location": _location,
    "contact": _contact,
    "poll": _poll,
    "checklist": _checklist,
    "dice": _dice,
    "story": _story,
    "web_app_data": _web_app,
    "game": _titled,
    "invoice": _titled,
}
