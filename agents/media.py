"""What customers sent besides text: named in words for every model, shown to those that take it.

Only files of the customer's own messages are given away, the newest few, and none that is not here yet.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from agents.builtin.files import FILE_WORDS
from conversations.enums import AuthorKind, FileStatus
from conversations.models import Attachment, Message
from core.pictures import FORMATS, preview
from llm.types import Media

logger = logging.getLogger(__name__)

# Of how many of the customer's last messages; what was sent long ago is rarely what is meant.
NEWEST = 6
PICTURES, SOUNDS = 4, 2
LONGEST_SIDE = 1024  # pixels; more is scaled down by providers, at our cost
LARGEST_SOUND = 5 * 1024 * 1024  # bytes
SOUND_TYPES = {"audio/x-wav": "audio/wav", "audio/mp3": "audio/mpeg"}
Files = Mapping[UUID, Sequence[Attachment]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file at its place in the history, and the type under which a model would be given it."""

    place: int
    file: Attachment
    shown_as: str


def files_of(history: Iterable[Message]) -> dict[UUID, list[Attachment]]:
    """Returns the files of what the customer wrote, by message, in one query."""
    asked = [message.pk for message in history if message.author_kind == AuthorKind.CONTACT]
    found: dict[UUID, list[Attachment]] = {}
    for row in Attachment.objects.filter(message__in=asked).order_by("created_at"):
        found.setdefault(row.message_id or row.pk, []).append(row)
    return found


def named(file: Attachment) -> str:
    """Returns a file in words: what it is, what it is called, and whether it is here."""
    kind = file.content_type.partition("/")[0]
    state = {FileStatus.PENDING: ", not here yet", FileStatus.FAILED: ", could not be fetched"}
    return f"[{FILE_WORDS.get(kind, 'file')}: {file.name}{state.get(FileStatus(file.status), '')}]"


def candidates(history: Sequence[Message], files: Files) -> list[Candidate]:
    """Returns what a model could be shown, from the newest message to the oldest."""
    asked = [place for place, message in enumerate(history) if message.author_kind == AuthorKind.CONTACT]
    return [
        Candidate(place, file, shown_as)
        for place in reversed(asked[-NEWEST:])
        for file in files.get(history[place].pk, ())
        if (shown_as := _shown_as(file))
    ]


def chosen(offered: Iterable[Candidate], taken: frozenset[str]) -> list[Candidate]:
    """Returns the first of those whose type is taken, as many of each kind as a prompt should hold."""
    left = {"image": PICTURES, "audio": SOUNDS}
    found: list[Candidate] = []
    for candidate in offered:
        kind = candidate.shown_as.partition("/")[0]
        if candidate.shown_as in taken and left[kind]:
            left[kind] -= 1
            found.append(candidate)
    return found


def _shown_as(file: Attachment) -> str:
    """Returns the type under which a model may be given the file, or "" for none."""
    if file.status != FileStatus.READY or not file.file:
        return ""
    if file.content_type in FORMATS:
        return "image/jpeg"
    kind = SOUND_TYPES.get(file.content_type, file.content_type)
    return kind if kind.startswith("audio/") and file.size <= LARGEST_SOUND else ""


def read(candidate: Candidate) -> Media | None:
    """Reads a file as a model is given it; None where that cannot be done: the words stand for it then.

    Blocks, and asks no database.
    """
    file, shown_as = candidate.file, candidate.shown_as
    try:
        with file.file.open() as source:
            content = source.read()
    except OSError:
        logger.warning("file %s cannot be read for a model", file.pk, exc_info=True)
        return None
    shown = preview(content, LONGEST_SIDE) if shown_as == "image/jpeg" else content
    return Media(shown_as, shown) if shown else None
