"""Markdown as WhatsApp writes it: *bold*, _italic_, ~struck~ and ```code```.

https://faq.whatsapp.com/539178204879377. WhatsApp has no links with a text, no headings and no way to escape
a character. Nothing here makes a text longer, so what was split to fit still fits.
"""

import re

_MARKS = re.compile(
    r"""
      ^[ \t]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<block>.*?)\n?^[ \t]*(?P=fence)[ \t]*$
    | `(?P<code>[^`\n]+)`
    | \\(?P<escaped>[!-/:-@\[-`{-~])
    | <(?P<address>(?:https?://|mailto:)[^\s<>]+)>
    | !?\[(?P<label>[^\]\n]*)\]\((?P<target>[^()\s]+)(?:[ ]"[^"\n]*")?\)
    | ^[ ]{0,3}\#{1,6}[ \t]+(?P<heading>[^\n]+?)[ \t]*\#*$
    | \*\*\*(?P<both>[^\s*](?:[^*\n]*[^\s*])?)\*\*\*
    | \*\*(?P<bold>[^\s*](?:.*?\S)?)\*\*(?!\*)
    | (?<!\w)__(?P<strong>[^\s_](?:.*?\S)?)__(?!\w)
    | ~~(?P<struck>[^\s~](?:.*?\S)?)~~
    | \*(?P<italic>[^\s*](?:[^*\n]*[^\s*])?)\*
    | ^(?P<indent>[ \t]*)[*+-](?=[ \t]+\S)
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
DEEPEST = 5
_WRAPS = {
    "both": ("*_", "_*"),
    "bold": ("*", "*"),
    "strong": ("*", "*"),
    "struck": ("~", "~"),
    "italic": ("_", "_"),
}


def to_whatsapp(markdown: str) -> str:
    """Returns a Markdown text in WhatsApp's marks; what has no counterpart stays readable as it is."""
    return _translated(markdown, 0).strip()


def _translated(text: str, depth: int) -> str:
    """Translates a text that stands inside so many marks; hostile ones nest without end."""
    return _MARKS.sub(lambda match: _replaced(match, depth), text) if depth < DEEPEST else text


def _replaced(match: re.Match[str], depth: int) -> str:
    kind = match.lastgroup or ""
    found = match.groupdict()
    if found["block"] is not None:
        return f"```{found['block']}```"
    if found["target"] is not None:
        return _link(found["label"], found["target"])
    if found["heading"] is not None:
        # Marks inside a heading would end its own.
        return f"*{re.sub('[*_]{1,3}', '', found['heading'])}*"
    if found["indent"] is not None:
        return f"{found['indent']}•"
    if kind in _WRAPS:
        before, after = _WRAPS[kind]
        return f"{before}{_translated(found[kind], depth + 1)}{after}"
    return f"`{found['code']}`" if kind == "code" else str(found[kind])


def _link(label: str, target: str) -> str:
    """A link with its address in the open, once."""
    address = target.removeprefix("mailto:")
    return address if not label or label in {target, address} else f"{label} ({address})"
