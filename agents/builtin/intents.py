"""What a customer plainly asks for, in Portuguese, Spanish and English. Rules, not guesses."""

import re
import unicodedata
from enum import StrEnum


class Intent(StrEnum):
    """The few wishes that need no article."""

    PERSON = "person"
    TICKET = "ticket"
    YES = "yes"
    NO = "no"
    GREETING = "greeting"
    THANKS = "thanks"
    QUESTION = "question"


# What the widget's button sends, in each of its languages.
PERSON_BUTTONS = frozenset({"falar com uma pessoa", "hablar con una persona", "talk to a person"})

_PEOPLE = (
    r"(?:pessoas?|humanos?|humana|atendentes?|alguem|gente|operador\w*|vendedor\w*|gerente|supervisor\w*"
    r"|personas?|alguien|agentes?|asesor\w*|encargad\w*"
    r"|persons?|people|human|humans|someone|somebody|agents?|operators?|representatives?|rep|manager|staff)"
)
_REACH = (
    r"(?:fal\w+|convers\w+|cham\w+|pass\w+|transfer\w+|quero|queria|preciso|gostaria|atend\w+"
    r"|habl\w+|comunic\w+|pas\w+|quiero|quisiera|necesito|contact\w+"
    r"|talk\w*|speak\w*|chat|connect\w*|reach|want|need|get|give)"
)
_PAPER = (
    r"(?:chamado|ticket|protocolo|ocorrencia|solicitacao|reclamacao|reclamo|caso|incidencia|solicitud|queja"
    r"|reporte|case|complaint|support request)"
)
_MAKE = (
    r"(?:abr\w+|cri\w+|registr\w+|fac\w+|fazer|faz|quero|queria|preciso|gere|gerar|pode abrir"
    r"|cre\w+|levant\w+|gener\w+|hac\w+|quiero|quisiera|necesito|pon\w+"
    r"|open\w*|create\w*|raise|file|log|submit|make|want|need)"
)
_NOT = r"\b(?:nao|no|not|don'?t|sem|sin|without)\s+(?:\w+\s+){0,2}"

PERSON = re.compile(
    rf"\b{_REACH}\b(?:\s+\w+){{0,4}}?\s+{_PEOPLE}\b"
    rf"|\b(?:atendimento|atencion|soporte) human[oa]\b|^{_PEOPLE}$"
)
TICKET = re.compile(rf"\b{_MAKE}\b(?:\s+\w+){{0,3}}?\s+{_PAPER}\b|^{_PAPER}$")
HOW = re.compile(r"^(?:como|how|onde|where|donde|what is|o que e|que es)\b")
YES = re.compile(
    r"^(?:sim|claro|pode|ok|okay|isso|quero|confirmo|por favor|com certeza|beleza"
    r"|si|vale|dale|de acuerdo|adelante|yes|yeah|yep|sure|please|go ahead|correct)\b"
)
NO = re.compile(r"^(?:nao|no|nope|agora nao|ahora no|not now|deixa|deja)\b")
GREETING = re.compile(
    r"^(?:oi+|ola|opa|e ai|bom dia|boa tarde|boa noite|hola|buen[oa]s?(?: dias| tardes| noches)?"
    r"|hello|hi|hey|good (?:morning|afternoon|evening))\b"
)
THANKS = re.compile(
    r"^(?:muito |muchas |many )?(?:obrigad\w+|valeu|brigad\w+|gracias|thanks|thank you|thx)\b"
)
# Longer messages that begin so say more than that. The number is of words.
SHORT_WISHES = (
    (THANKS, Intent.THANKS, 6),
    (YES, Intent.YES, 6),
    (NO, Intent.NO, 4),
    (GREETING, Intent.GREETING, 3),
)


def plain(text: str) -> str:
    """Returns the text in lower case without accents and punctuation, with single blanks."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(char for char in letters if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w\s']", " ", kept).split())


def is_person_button(text: str) -> bool:
    """True for exactly what the widget's "talk to a person" sends: no model is asked then."""
    return plain(text) in PERSON_BUTTONS


def intent_of(text: str) -> Intent:
    """Returns what a message plainly asks for; a question when none of the wishes is plain."""
    said = plain(text)
    words = len(said.split())
    if _asks(PERSON, said) and not HOW.match(said):
        return Intent.PERSON
    if _asks(TICKET, said) and not HOW.match(said):
        return Intent.TICKET
    for pattern, intent, longest in SHORT_WISHES:
        if words <= longest and pattern.match(said):
            return intent
    return Intent.QUESTION


def _asks(pattern: re.Pattern[str], said: str) -> bool:
    """True where the pattern stands without a "no" right before it."""
    found = pattern.search(said)
    return found is not None and not re.search(_NOT + r"$", said[: found.start()] + " ")


def without_request(text: str, pattern: re.Pattern[str] = TICKET) -> str:
    """Returns the sentences of a message that tell the matter, without those that only ask for a ticket."""
    sentences = re.split(r"(?<=[.!?;\n])\s+", text.strip())
    kept = [part for part in sentences if not pattern.search(plain(part)) and len(plain(part).split()) > 1]
    return " ".join(kept).strip()
