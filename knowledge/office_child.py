"""Reads one PDF or Word file from standard input and writes what it says, as JSON, to standard output.

Runs as a process of its own, with limits on time and memory: a file that hangs its parser, or unpacks to
gigabytes, ends this process and nothing else. It imports nothing of ours.
"""

import io
import json
import re
import resource
import sys
import zipfile
from typing import Any

MEMORY = 1024 * 1024 * 1024
SECONDS = 45
MAX_PAGES = 500
MAX_PARTS = 5_000
MAX_UNPACKED = 100 * 1024 * 1024
MAX_CHARACTERS = 2_000_000
# What Markdown would take for mark-up.
_SPECIAL = re.compile(r"([\\`*_\[\]<>])")
_LINE_START = re.compile(r"^(\s*)(#|[-+>](?=\s)|\d+(?=[.)]\s))", re.MULTILINE)


class _RefusedError(Exception):
    """This file is not read; the name of the reason, see `knowledge.office`."""


def pdf(data: bytes) -> dict[str, str]:
    """Returns the text of a PDF, page by page."""
    import pypdf  # deferred: slow import
    from pypdf.errors import PyPdfError  # deferred: slow import

    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        # Many are locked against changes only, with an empty password.
        if reader.is_encrypted and not reader.decrypt(""):
            raise _RefusedError("locked")
        if len(reader.pages) > MAX_PAGES:
            raise _RefusedError("pages")
        text = "\n\n".join(filter(None, _pages(reader)))
    except PyPdfError as error:
        raise _RefusedError("broken") from error
    if not any(map(str.isalnum, text)):
        raise _RefusedError("scanned")
    return {"text": text}


def _pages(reader: Any) -> list[str]:
    pages, length = [], 0
    for page in reader.pages:
        pages.append(_plain(page.extract_text()))
        length += len(pages[-1])
        if length > MAX_CHARACTERS:
            raise _RefusedError("long")
    return pages


def _plain(text: str) -> str:
    """Returns lines as Markdown that shows them as they are, with words put together that a line parted."""
    joined = re.sub(r"(?<=[^\W\d_])-\n(?=[^\W\d_])", "", text.replace("\x00", ""))
    lines = "\n".join(line.strip() for line in joined.splitlines())
    escaped = _SPECIAL.sub(r"\\\1", lines)
    return re.sub(r"\n{3,}", "\n\n", _LINE_START.sub(_escaped_start, escaped)).strip()


def _escaped_start(found: re.Match[str]) -> str:
    # A number is escaped behind it, at its dot.
    return f"{found[1]}{found[2]}\\" if found[2].isdigit() else f"{found[1]}\\{found[2]}"


def docx(data: bytes) -> dict[str, str]:
    """Returns a Word file as HTML; pictures are left out."""
    import mammoth  # deferred: slow import

    if data[:4] == b"\xd0\xcf\x11\xe0":
        raise _RefusedError("old_word")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            # Nothing is unpacked beyond the size that is declared here.
            sizes = [part.file_size for part in parts.infolist()]
        if len(sizes) > MAX_PARTS or sum(sizes) > MAX_UNPACKED:
            raise _RefusedError("bomb")
        html = mammoth.convert_to_html(
            io.BytesIO(data), convert_image=mammoth.images.img_element(lambda _image: {"src": ""})
        ).value
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise _RefusedError("broken") from error
    if len(html) > MAX_CHARACTERS:
        raise _RefusedError("long")
    return {"html": html}


def main() -> None:
    """Reads, writes, and says why where it does not."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    data = sys.stdin.buffer.read()
    try:
        found = {"pdf": pdf, "docx": docx}[sys.argv[1]](data)
    except _RefusedError as error:
        found = {"refused": str(error)}
    except (MemoryError, RecursionError):
        found = {"refused": "heavy"}
    except Exception:  # noqa: BLE001 (a parser may fail with anything over what a stranger made)
        found = {"refused": "broken"}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
