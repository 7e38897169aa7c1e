"""Where documents come from: a folder, a file, an address. Reads; stores nothing."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from core.http import OutboundError, fetch
from core.reasons import said
from knowledge import formats
from knowledge.documents import Document, Rejected
from knowledge.enums import Language

LEVELS = 3
LONGEST_KEY = 500  # what the column of an article holds
_LANGUAGE_FOLDER = re.compile(rf"({'|'.join(Language.values)})(?:[-_][a-z]{{2}})?")


@dataclass(frozen=True, slots=True)
class Item:
    """One file or page, not read yet. `key` begins the key of every document in it."""

    key: str
    name: str
    read: Callable[[], Iterator[Document | Rejected]]


@dataclass(frozen=True, slots=True)
class Origin:
    """What an import was pointed at. The keys of all it held before, or could have, begin with `prefix`."""

    prefix: str
    items: tuple[Item, ...]


class NoSource(Exception):
    """There is nothing to import at this place."""


def open_source(location: str) -> Origin:
    """Returns what is at a path or web address; raises NoSource where there is nothing."""
    if urlsplit(location).scheme in {"http", "https"}:
        return from_address(location)
    path = Path(location).expanduser()
    if path.is_dir():
        return from_folder(path, prefix=f"file:{path.resolve()}/")
    if path.is_file():
        key = f"file:{path.resolve()}"
        return Origin(_storable(f"{key}#"), (_item(key, path.name, partial(_file, path, key, path.name)),))
    raise NoSource(f"There is no file or folder {_storable(location)}.")


def from_folder(folder: Path, *, prefix: str) -> Origin:
    """Returns every file below a folder except hidden ones, in the order of their names."""
    items = tuple(
        _item(f"{prefix}{name}", name, partial(_file, path, f"{prefix}{name}", name))
        for path, name in _files(folder)
    )
    if not items:
        raise NoSource(f"The folder {_storable(str(folder))} holds no files.")
    return Origin(_storable(prefix), items)


def from_address(url: str) -> Origin:
    """Returns the one page or table at a web address."""
    key = f"url:{url}"
    return Origin(_storable(f"{key}#"), (_item(key, url, partial(_fetched, url, key)),))


def _item(key: str, name: str, read: Callable[[], Iterator[Document | Rejected]]) -> Item:
    """Returns the item; one under whose key no article can be stored is not read, and says so."""
    reason = ""
    if _storable(key) != key:
        reason = "its name is not UTF-8"
    elif len(key) > LONGEST_KEY:
        reason = f"its path or address has more than {LONGEST_KEY} characters"
    if not reason:
        return Item(key, name, read)
    refused = Rejected(_storable(key), _storable(name), reason)
    return Item(refused.key, refused.name, lambda: iter((refused,)))


def _storable(name: str) -> str:
    """Returns a name with an escape for each byte that is not UTF-8.

    Not a question mark, as elsewhere: two such names stay two, and none becomes that of another file.
    """
    return name.encode("utf-8", "backslashreplace").decode()


def _files(folder: Path) -> list[tuple[Path, str]]:
    # os.walk does not follow links to folders, so a loop cannot hold it.
    found = [
        (Path(parent) / name, (Path(parent) / name).relative_to(folder).as_posix())
        for parent, _folders, names in os.walk(folder)
        for name in names
    ]
    visible = [
        (path, name) for path, name in found if not any(part.startswith(".") for part in name.split("/"))
    ]
    return sorted(visible, key=lambda pair: pair[1])


def _file(path: Path, key: str, name: str) -> Iterator[Document | Rejected]:
    kind = formats.SUFFIXES.get(path.suffix.lower())
    if kind is None:
        yield Rejected(key, name, f"not {formats.KNOWN}")
        return
    try:
        # Never more than is read anyway: the first byte too many is enough to say so.
        with path.open("rb") as file:
            data = file.read(formats.MAX_TABLE_BYTES + 1)
    except OSError as error:
        yield Rejected(key, name, error.strerror or "cannot be opened")
        return
    folder_language = _language_of_folder(path)
    for found in formats.read(data, kind=kind, key=key, name=name):
        if isinstance(found, Document) and not found.language:
            yield replace(found, language=folder_language)
        else:
            yield found


def _language_of_folder(path: Path) -> str:
    """The nearest folder named like a language (`pt`, `pt-br`, `en_US`), as ours, or an empty string.

    Only three levels up: a home that happens to be called `es` says nothing about what is in it.
    """
    near = list(path.resolve().parents)[:LEVELS]
    codes = (_LANGUAGE_FOLDER.fullmatch(folder.name.lower()) for folder in near)
    return next((code[1] for code in codes if code), "")


def _fetched(url: str, key: str) -> Iterator[Document | Rejected]:
    try:
        page = fetch(url, max_bytes=formats.MAX_TABLE_BYTES).require_ok()
    except OutboundError as error:
        yield Rejected(key, url, said(error.detail))
        return
    # Many servers send Markdown and CSV as plain text or bytes; then the ending of the address decides.
    suffix = PurePosixPath(urlsplit(page.url).path).suffix.lower()
    kind = (
        formats.SUFFIXES.get(suffix)
        if page.content_type in {"", "text/plain", "application/octet-stream"}
        else None
    )
    kind = kind or formats.MEDIA_TYPES.get(page.content_type)
    if kind is None:
        yield Rejected(key, url, f"not {formats.KNOWN} but {page.content_type or 'of no known type'}")
        return
    name = PurePosixPath(urlsplit(page.url).path).name or urlsplit(page.url).netloc
    yield from formats.read(
        page.content, kind=kind, key=key, name=name, url="" if kind == "csv" else page.url
    )
