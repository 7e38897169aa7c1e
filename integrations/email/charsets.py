"""From bytes to text, whatever a mail says of its charset, if it says anything true at all."""

import codecs
import re
from functools import lru_cache

from charset_normalizer import from_bytes

# Codecs that read text; Python's others (punycode, unicode_escape …) take long or mean something else.
FAMILIES = re.compile(
    r"utf-?(7|8|16|32)|ascii|iso8859|iso2022|cp(1[0-9]{3}|[4-9][0-9]{2})|koi8|gb|hz|big5|euc|shift|mac|tis|johab|kz|ptcp"
)
# What these names stand for in practice (https://encoding.spec.whatwg.org/#names-and-labels).
WIDER = {
    "ascii": "utf-8",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
    "big5": "big5hkscs",
}
ALIASES = {
    "x-unknown": "",
    "unicode-1-1-utf-7": "utf-7",
    "x-sjis": "cp932",
    "cp-850": "cp850",
    "utf8mb4": "utf-8",
}
NAME = re.compile(r"[\w.:+-]{1,40}", re.ASCII)
# What is enough to tell a language by.
SAMPLE = 8 * 1024
# A mail in UTF-7 is a relic or an attack; a short one can be read.
LONGEST_UTF7 = 64 * 1024
# What Western Europe and Latin America write; neighbours in the east use other letters with the same numbers.
WESTERN = frozenset("áàâãäåçéèêëíìîïñóòôõöøúùûüÁÀÂÃÄÅÇÉÈÊËÍÌÎÏÑÓÒÔÕÖØÚÙÛÜßæœ€£§°ºª«»¿¡·´’‘“”–—…•™®©\xa0")  # noqa: RUF001
CONTROLS = dict.fromkeys([*range(9), *range(11, 32), 0x7F, *range(0xD800, 0xE000), 0xFEFF])


def decoded(content: bytes, declared: str = "") -> str:
    """Returns the text in the bytes; never fails.

    The declared charset is taken where it reads every byte, then UTF-8, then the likeliest one; what no
    charset explains is shown as replacement characters.
    """
    for name in (declared, "utf-8-sig"):
        if (text := _read(content, name)) is not None:
            return plain(text)
    guess = _guessed(content[:SAMPLE])
    return plain(content.decode(guess, "replace"))


def plain(text: str) -> str:
    """Returns the text with one kind of line end and without characters that PostgreSQL or people refuse."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(CONTROLS)


@lru_cache(maxsize=256)
def codec(declared: str) -> str:
    """Returns the codec a declared charset is read with, or "" for one that is unknown."""
    name = declared.strip().strip("\"'").lower()
    name = ALIASES.get(name, name)
    if not NAME.fullmatch(name):
        return ""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return WIDER.get(found, found) if FAMILIES.match(found) else ""


def _read(content: bytes, declared: str) -> str | None:
    name = codec(declared)
    if not name or (name == "utf-7" and len(content) > LONGEST_UTF7):
        return None
    try:
        return content.decode(name)
    except (UnicodeError, ValueError):
        return None


def _guessed(sample: bytes) -> str:
    """The likeliest charset; Western European where nothing speaks for another."""
    special = [sign for sign in sample.decode("cp1252", "replace") if not sign.isascii()]
    is_western = WESTERN.issuperset(special) and len(special) < len(sample) / 5
    if is_western or len(sample) < 16:  # noqa: PLR2004 (too little to tell a language by)
        return "cp1252"
    best = from_bytes(sample, steps=4, chunk_size=512).best()
    return (codec(best.encoding) if best else "") or "cp1252"
