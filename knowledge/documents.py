"""What an import works with: documents read from somewhere, and what could not be read, with the reason."""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One article to be. `key` says where it comes from and is the same at every import."""

    key: str
    title: str
    body: str
    language: str = ""
    team: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    url: str = ""

    def checksum(self, *options: str) -> str:
        """Returns a fingerprint of everything that was read, and of the options it is imported with."""
        said = asdict(self)
        # What was imported before there were categories is no other document for it.
        if not self.category:
            del said["category"]
        return hashlib.sha256(json.dumps([said, options], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Rejected:
    """What is not imported. `name` is for people, `key` protects what an earlier import made of it."""

    key: str
    name: str
    reason: str


class Unreadable(Exception):
    """This is no text that can be imported."""
