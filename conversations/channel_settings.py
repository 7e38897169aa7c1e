"""The settings of an inbox: checked as its channel will, and shown without their secrets.

An adapter describes them once, as a pydantic model; forms, programs and people all go by that.
"""

import json
from collections.abc import Collection, Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from conversations.channels import ChannelConfig, adapter
from core.errors import Invalid, TooLarge
from core.http import check_address
from core.outbound import OutboundRefused, check_host
from core.reasons import said as in_language

# All settings of an inbox as JSON; templates of mails are the longest of them.
MOST_CHARACTERS = 64 * 1024
LONGEST_PATH = 100
# How the names of settings end that say which server is asked.
SERVERS = ("_url", "_host")
ENTER_AGAIN = gettext_noop("Enter it again: it would be sent to another server than before.")
MESSAGES: Mapping[str, str | Promise] = {
    "missing": _("This field is required."),
    "string_pattern_mismatch": _("This does not look right."),
    "string_too_short": _("Write at least %(min_length)d characters."),
    "too_short": _("Write at least %(min_length)d characters."),
    "string_too_long": _("Write at most %(max_length)d characters."),
    "too_long": _("Write at most %(max_length)d characters."),
    "greater_than_equal": _("The smallest value is %(ge)s."),
    "less_than_equal": _("The largest value is %(le)s."),
}


def checked(channel: str, given: Mapping[str, Any], *, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings to be stored: those given in the place of the stored ones, the rest as it was.

    None and "" put a default back. Raises Invalid, with the path of the setting as `field`, for one that the
    channel does not know, does not take, or misses, and for a secret that would go to another server than
    before and is not given again; TooLarge for what nobody has to say.
    """
    fields = adapter(channel).config.model_fields
    for name in given:
        if name not in fields:
            raise Invalid(gettext("There is no such setting."), field=_path((name,)))
    values = {name: value for name, value in {**stored, **given}.items() if name in fields}
    text = json.dumps({name: value for name, value in values.items() if value not in (None, "")})
    if len(text) > MOST_CHARACTERS:
        raise TooLarge(field="config")
    try:
        config = adapter(channel).config.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(said(first), field=_path(first["loc"])) from error
    entered = {name for name in given if given[name]}
    for name in to_enter_again(config, stored=stored, entered=entered):
        raise Invalid(gettext(ENTER_AGAIN), field=_path((name,)))
    for name, why in leading_within(config, stored=stored).items():
        raise Invalid(why, field=_path((name,)))
    return {**stored, **plain(config)}


def leading_within(config: ChannelConfig, *, stored: Mapping[str, Any]) -> dict[str, str]:
    """Returns which new settings name a server that may not be reached, with the reason.

    What was stored before is left to the connection, so that the rest can still be changed.
    """
    found = {}
    for name, value in plain(config).items():
        if not name.endswith(SERVERS) or not value or value == stored.get(name):
            continue
        try:
            check_address(value) if "://" in value else check_host(value)
        except OutboundRefused as error:
            found[name] = in_language(error.detail)
    return found


def to_enter_again(
    config: ChannelConfig, *, stored: Mapping[str, Any], entered: Collection[str]
) -> list[str]:
    """Returns the stored secrets that new settings would send to another server and nobody has `entered`."""
    now, fields = plain(config), type(config).model_fields
    moved = [name for name in config.sent_to if now[name] != stored.get(name, default_of(fields[name]))]
    secrets = dict.fromkeys(secret for name in moved for secret in config.sent_to[name])
    return [name for name in secrets if stored.get(name) and now[name] and name not in entered]


def shown(channel: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns every setting that is no secret: its default where none is stored, None where it is missing."""
    fields = adapter(channel).config.model_fields.items()
    return {
        name: stored.get(name, None if info.is_required() else default_of(info))
        for name, info in fields
        if not is_secret(info)
    }


def secrets_set(channel: str, stored: Mapping[str, Any]) -> list[str]:
    """Returns the names of the secrets that are stored."""
    fields = adapter(channel).config.model_fields.items()
    return [name for name, info in fields if is_secret(info) and stored.get(name)]


def schema(channel: str) -> dict[str, Any]:
    """Returns the JSON schema of a channel's settings, with titles in the active language."""
    told = adapter(channel).config.model_json_schema()
    for each in told.get("properties", {}).values():
        for word in ("title", "description"):
            if each.get(word):
                each[word] = gettext(each[word])
    # The model itself overlooks what it does not know; what is given must be known.
    return {**told, "additionalProperties": False}


def plain(config: ChannelConfig) -> dict[str, Any]:
    """Returns settings as JSON, secrets included: the field of the inbox encrypts them."""
    values = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in config
    }
    found: dict[str, Any] = to_jsonable_python(values)
    return found


def said(complaint: Any) -> str:
    """Returns what pydantic complains about in words for people, without what was entered."""
    context = complaint.get("ctx", {})
    if complaint["type"] == "value_error":
        return str(context["error"])
    known = MESSAGES.get(complaint["type"])
    return str(known) % context if known else gettext(complaint["msg"])


def kind_of(annotation: Any) -> Any:
    """Returns the type behind an optional one."""
    inner = [each for each in get_args(annotation) if each is not NoneType]
    is_optional = (
        len(inner) == 1 and len(inner) < len(get_args(annotation)) and get_origin(annotation) is not Literal
    )
    return inner[0] if is_optional else annotation


def is_secret(info: FieldInfo) -> bool:
    """Says whether a setting must never be shown."""
    return kind_of(info.annotation) is SecretStr


def default_of(info: FieldInfo) -> Any:
    """Returns what a setting is where nobody has said, as JSON; "" for one that has to be said."""
    value = info.get_default(call_default_factory=True, validated_data={})
    return "" if value is PydanticUndefined else to_jsonable_python(value)


def _path(places: tuple[int | str, ...]) -> str:
    """Returns the path of a setting; what a stranger called one is made fit to be said back."""
    path = ".".join(("config", *map(str, places)))[:LONGEST_PATH]
    return path.encode("utf-8", "replace").decode()
