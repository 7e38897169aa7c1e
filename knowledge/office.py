"""PDF and Word files, from bytes to text: parsed in a process of its own, which may hang or die."""

import json
import subprocess
import sys
from pathlib import Path

from core.reasons import reason
from knowledge.documents import Unreadable

CHILD = Path(__file__).with_name("office_child.py")
SECONDS = 60
HEAVY = reason("it takes too long or too much memory to read")
REASONS = {
    "locked": reason("locked with a password"),
    "pages": reason("more than 500 pages"),
    "scanned": reason("pictures of pages only, without any text; run text recognition on it first"),
    "old_word": reason("an old or locked Word file; save it as .docx without a password"),
    "bomb": reason("it unpacks to more than is read"),
    "long": reason("more text than is read"),
    "heavy": HEAVY,
    "broken": reason("damaged, or not what its name says"),
}


def unpacked(data: bytes, kind: str) -> dict[str, str]:
    """Returns `text` (Markdown) of a PDF, `html` of a Word file. Raises Unreadable, with the reason.

    Waits for at most a minute; the other process has limits of its own. Its parsers see no network.
    """
    command = [sys.executable, "-I", str(CHILD), kind]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=False)
        found: dict[str, str] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise Unreadable(HEAVY) from error
    if refused := found.get("refused"):
        raise Unreadable(REASONS.get(refused, REASONS["broken"]))
    return found
