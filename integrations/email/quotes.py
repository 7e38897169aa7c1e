"""What somebody has written in a mail, without the history below it and the signature. Never nothing.

Judged line by line, in the languages and layouts of common mail programs. In doubt a text stays whole: one
that is too long is a nuisance, half an answer is a loss.
"""

import re
from dataclasses import dataclass

# Beyond this nobody has written by hand.
MAX_LINES = 4000
MAX_LINE = 600
# An introduction is often wrapped.
INTRODUCTION_LINES = 4
# Lines that are tried as one: a text made of nothing else would take long.
MAX_TRIES = 300
SIGNATURE_LINES = 15
WROTE = re.compile(
    r"\s*(?:(?:On|Em|El|Le|Am|Il|Op|Den|W dniu|Dne|A)\b.{0,400}"
    r"\b(?:wrote|escreveu|escribió|escribio|a écrit|schrieb|ha scritto|schreef|skrev|napisał|napsal)\b"
    r".{0,200}|\d{4}-\d\d-\d\d .{0,200}<[^<>\s]+@[^<>\s]+>\s?"
    r"|.{3,200}\b(?:wrote|escreveu no dia|escreveu em|escribió el)\b.{0,200}\d{4}.{0,100}):\s*",
    re.IGNORECASE,
)
STARTS = re.compile(
    r"\s*(?:On|Em|El|Le|Am|Il|Op|Den|W dniu|Dne|A|\d{4}-)\b|.*\b(?:wrote|escreveu|escribió)\b", re.IGNORECASE
)
SEPARATOR = re.compile(
    r"\s*-{2,}\s*(?:Original (?:Message|Appointment)|Mensagem [oO]riginal|Mensaje [oO]riginal|"
    r"Ursprüngliche Nachricht|Original-?Nachricht|Message d.origine|Messaggio originale|"
    r"Oorspronkelijk bericht|Reply message)\s*-{2,}\s*",
    re.IGNORECASE,
)
FORWARDED = re.compile(
    r"\s*(?:-{2,}\s*)?(?:Forwarded message|Begin forwarded message|Mensagem (?:encaminhada|reencaminhada)|"
    r"Mensaje reenviado|Início da mensagem (?:encaminhada|reenviada)|Inicio del mensaje reenviado|"
    r"Weitergeleitete Nachricht|Message transféré|Messaggio inoltrato)\s*(?::|-{2,}).*",
    re.IGNORECASE,
)
FROM = re.compile(r"\s*\*?(?:From|De|Von|Da)\s?:\s?\*?\s*\S", re.IGNORECASE)
MORE = re.compile(
    r"\s*\*?(?:Sent|Date|To|Cc|Subject|Enviad[ao](?: em| el)?|Data|Fecha|Para|Assunto|Asunto|Gesendet|Datum|"
    r"An|Betreff|Envoyé|À|Objet|Inviato|A|Oggetto)\s?:\*?\s",
    re.IGNORECASE,
)
RULE = re.compile(r"\s*[_-]{5,}\s*")
SENT_FROM = re.compile(
    r"\s*(?:Sent from (?:my|Mail for|Outlook|Yahoo|Proton)|Sent with|Enviado d[oea] (?:meu|minha|mi)|"
    r"Enviado desde|Enviado via|Get Outlook for|Obter o Outlook|Baixe o Outlook|Obtener Outlook|"
    r"Envoyé de mon|Von meinem .{1,40} gesendet|Inviato da)\b.{0,150}",
    re.IGNORECASE,
)
FORWARDING_SUBJECT = re.compile(r"\s*(?:fwd?|enc|rv|wg|tr|i|doorst)\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What is left of a text, and what was taken away."""

    text: str
    quote: bool = False
    signature: bool = False
    forwarded: bool = False


def trim(text: str, subject: str = "") -> Trimmed:
    """Takes history and signature off a text, unless nothing would be left or it is a forwarded mail."""
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        return Trimmed(text)
    kept = None if FORWARDING_SUBJECT.match(subject) else _without_history(lines)
    if kept is None:
        return Trimmed(text, forwarded=True)
    signed = _without_signature(kept)
    result = "\n".join(signed).strip()
    if not result:
        signed = kept
        result = "\n".join(kept).strip()
    if not result:
        return Trimmed(text)
    return Trimmed(result, quote=len(kept) < len(lines), signature=len(signed) < len(kept))


def _without_history(lines: list[str]) -> list[str] | None:
    """The lines somebody wrote; None for a forwarded mail, where the history is the message."""
    tries = MAX_TRIES
    for at, line in enumerate(lines):
        if len(line) > MAX_LINE or not line.strip():
            continue
        if FORWARDED.fullmatch(line):
            return None
        if SEPARATOR.fullmatch(line) or _is_head(lines, at):
            return lines[: _before_rule(lines, at)]
        if line.startswith(">") and _is_quoted_to_the_end(lines, at):
            return lines[:at]
        if tries and _may_introduce(line):
            tries -= 1
            if end := _introduction(lines, at):
                return _around(lines, at, end)
    return lines


def _is_head(lines: list[str], at: int) -> bool:
    """Whether the head of a quoted mail begins here, as Outlook writes it."""
    if not FROM.match(lines[at]):
        return False
    following = [line for line in lines[at + 1 : at + 8] if line.strip()][:4]
    return sum(bool(MORE.match(f"{line} ")) for line in following) > 1


def _before_rule(lines: list[str], at: int) -> int:
    return at - 1 if at and RULE.fullmatch(lines[at - 1]) else at


def _may_introduce(line: str) -> bool:
    return not line.startswith(">") and bool(STARTS.match(line) or line.rstrip().endswith(":"))


def _introduction(lines: list[str], at: int) -> int:
    """Where an introduction such as "On … wrote:" ends that begins here; 0 if none does."""
    if STARTS.match(lines[at]):
        joined = ""
        for end in range(at, min(at + INTRODUCTION_LINES, len(lines))):
            joined = f"{joined} {lines[end].strip()}"[:1000]
            if joined.endswith(":") and WROTE.fullmatch(joined):
                return end + 1
    # One in a language not known here: a line with a colon, and quotes to the very end.
    has_sign = any(sign in lines[at] for sign in "@<0123456789")
    return at + 1 if has_sign and lines[at].rstrip().endswith(":") and _only_quotes(lines[at + 1 :]) else 0


def _is_quoted_to_the_end(lines: list[str], at: int) -> bool:
    """Whether a quote begins here with its own introduction, as on a telephone, and nothing follows."""
    before = next((line for line in reversed(lines[:at]) if line.strip()), "")
    if before.startswith(">"):
        return False
    block = [line.lstrip("> ") for line in lines[at : at + INTRODUCTION_LINES]]
    return bool(_introduction(block, 0)) and _only_quotes(lines[at:])


def _only_quotes(lines: list[str]) -> bool:
    filled = [line for line in lines if line.strip()]
    return bool(filled) and all(line.startswith(">") for line in filled)


def _around(lines: list[str], start: int, end: int) -> list[str]:
    """What stands above a quote, or below it; everything where answers are strewn into it."""
    before, after = lines[:start], lines[end:]
    quoted = [at for at, line in enumerate(after) if line.startswith(">")]
    if not quoted:
        introduction = " ".join(lines[start:end])
        return before if re.search(r"\d", introduction) and re.search(r"[@<]|\d{4}", introduction) else lines
    inside = after[: quoted[-1]]
    if any(line.strip() and not line.startswith(">") for line in inside):
        return lines
    below = after[quoted[-1] + 1 :]
    return [*before, *below]


def _without_signature(lines: list[str]) -> list[str]:
    for at in range(max(0, len(lines) - SIGNATURE_LINES - 1), len(lines)):
        if lines[at].rstrip() == "--" or SENT_FROM.fullmatch(lines[at][:MAX_LINE]):
            rest = [line for line in lines[at + 1 :] if line.strip()]
            if lines[at].rstrip() == "--" or not rest:
                return lines[:at]
    return lines
