"""How files stand in what a model reads: a line of their own, which the built-in answerer finds again."""

import re

FILE_WORDS = {"image": "picture", "audio": "voice note", "video": "film"}
_LINE = re.compile(rf"^\[(?:{'|'.join([*FILE_WORDS.values(), 'file'])}): .*\]$", re.MULTILINE)


def without_files(text: str) -> tuple[str, bool]:
    """Returns what a customer wrote without the lines that name files, and whether there were any."""
    rest, count = _LINE.subn("", text)
    return (rest.strip() if count else text), bool(count)
