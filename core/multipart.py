"""Forms with a file in them, as web interfaces take them (RFC 7578)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

# What would end a header and begin another, or end the name within it.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file in a form: the name of its field, and what it is. Name and type may be a stranger's."""

    field: str
    name: str
    content_type: str
    content: bytes


def multipart(fields: Mapping[str, Any], file: FormFile) -> tuple[str, bytes]:
    """Returns the content type of a form and its bytes; fields that are no text are written as JSON."""
    boundary = uuid4().hex
    heads = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n'
        f"{value if isinstance(value, str) else json.dumps(value)}\r\n"
        for name, value in fields.items()
    ]
    shown = _UNSAFE.sub("_", file.name)[:LONGEST_NAME] or "file"
    kind = _UNSAFE.sub("_", file.content_type) or "application/octet-stream"
    disposition = f'Content-Disposition: form-data; name="{file.field}"; filename="{shown}"'
    heads.append(f"{disposition}\r\nContent-Type: {kind}\r\n\r\n")
    start = "".join(f"--{boundary}\r\n{head}" for head in heads)
    end = f"\r\n--{boundary}--\r\n"
    # JSON can hold half a character, which no encoding can.
    content = start.encode("utf-8", "replace") + file.content + end.encode()
    return f"multipart/form-data; boundary={boundary}", content
