"""Marks text that strangers wrote as data, so that a prompt cannot be continued from inside it.

A fence stops no model from believing what it reads; rights are checked where tools run. It keeps the shape
of the prompt ours: nothing inside a fence can close it, open another, or look like a chat template's marker
(OWASP LLM01, agentic ASI06).
"""

import re

_MARKER = re.compile(
    r"<(?=[<|])|(?<=[>|])>|\|(?=>)|<(?=/?(?:s|start_of_turn|end_of_turn|bos|eos)>)|\[(?=/?(?:INST|SYS)\])",
    re.IGNORECASE,
)
_LOOKALIKE = {"<": "\u2039", ">": "\u203a", "|": "\u00a6", "[": "("}
_LABEL = re.compile(r"[^\w .:-]")
TEXT_LIMIT = 24_000


def fence(text: str, *, label: str) -> str:
    """Returns the text between marker lines that name it, with every marker inside made harmless.

    NUL is dropped and text beyond `TEXT_LIMIT` characters is left out, with a line that says so.
    """
    kept = text.replace("\x00", "")
    if len(kept) > TEXT_LIMIT:
        kept = f"{kept[:TEXT_LIMIT]}\n[the rest was left out]"
    return f"<<<{_LABEL.sub('', label)[:60]}\n{neutralise(kept)}\n>>>"


def unfence(text: str) -> str:
    """Returns what `fence` put between its marker lines; text without a fence comes back as it is."""
    if text.startswith("<<<") and text.endswith("\n>>>") and "\n" in text[:-4]:
        return text[text.index("\n") + 1 : -4]
    return text


def neutralise(text: str) -> str:
    """Replaces the signs that markers are made of by look-alikes, wherever they form a marker."""
    return _MARKER.sub(lambda match: _LOOKALIKE[match[0]], text)
