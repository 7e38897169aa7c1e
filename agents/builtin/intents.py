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
# "No" before a wish denies it; the Portuguese "no" before a noun is only "in the".
# Denied is what stands right behind a "no"; other words between them tell something else that is not so.
_NOT = (
    r"\b(?:nao|no|not|don'?t|sem|sin|without)\s+(?:(?:e|es|me|te|se|lo|mais|mas|para|pra|por favor|precisa\w*"
    r"|necesita\w*|hace falta|have|need|want|to|please)\s+){0,3}$"
)

PERSON = re.compile(
    rf"\b{_REACH}\b(?:\s+\w+){{0,4}}?\s+{_PEOPLE}\b"
    rf"|\b(?:atendimento|atencion|soporte) human[oa]\b|^{_PEOPLE}$"
)
TICKET = re.compile(rf"\b{_MAKE}\b(?:\s+\w+){{0,3}}?\s+{_PAPER}\b|^{_PAPER}$")
HOW = re.compile(r"^(?:como|how|onde|where|donde|what is|o que e|que es)\b")
# Nothing but these words: "quero" is a yes, "quero trocar a tampa" tells a matter, and so does "não liga".
YES = re.compile(
    r"^(?:(?:sim|claro|pode|pode ser|pode abrir|ok|okay|isso|isso mesmo|quero|confirmo|por favor|com certeza"
    r"|beleza|si|claro que si[m]?|vale|dale|de acuerdo|adelante|quiero|yes|yeah|yep|sure|please|go ahead"
    r"|correct|i do|do it|obrigad[oa]|gracias|thanks|thank you)(?:\s+|$))+$"
)
NO = re.compile(
    r"^(?:(?:nao|no|nope|agora nao|ahora no|not now|deixa|deja|deixa pra la|dejalo|nao precisa|nao quero"
    r"|no hace falta|no quiero|no need|por favor|obrigad[oa]|gracias|thanks|thank you)(?:\s+|$))+$"
)
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
    # Twice: a sign like ℠ is two capital letters once it is taken apart.
    folded = unicodedata.normalize("NFKD", text).casefold()
    letters = unicodedata.normalize("NFKD", folded)
    kept = "".join(char for char in letters if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w\s']", " ", kept).split())


def is_person_button(text: str) -> bool:
    """True for exactly what the widget's "talk to a person" sends: no model is asked then."""
    return plain(text) in PERSON_BUTTONS


def intent_of(text: str) -> Intent:
    """Returns what a message plainly asks for; a question when none of the wishes is plain."""
    said = plain(text)
    words = len(said.split())
    if _asks(PERSON, text):
        return Intent.PERSON
    if _asks(TICKET, text):
        return Intent.TICKET
    for pattern, intent, longest in SHORT_WISHES:
        if words <= longest and pattern.match(said):
            return intent
    return Intent.QUESTION


def _asks(pattern: re.Pattern[str], text: str) -> bool:
    """True where a sentence has the pattern, neither denied nor as part of a question how."""
    for said in map(plain, re.split(r"[.!?;\n]+", text)):
        found = pattern.search(said)
        if found and not HOW.match(said) and not re.search(_NOT, said[: found.start()]):
            return True
    return False


def without_request(text: str, pattern: re.Pattern[str] = TICKET) -> str:
    """Returns the clauses of a message that tell the matter, without those that only ask for a ticket."""
    clauses = re.split(r"(?<=[.,!?;\n])\s+", text.strip())
    return " ".join(part for part in clauses if _tells(part, pattern)).strip(" ,;")


def _tells(clause: str, request: re.Pattern[str]) -> bool:
    """True for a clause with a matter in it: more than a wish, a yes or a greeting."""
    said = plain(clause)
    return " " in said and not request.search(said) and intent_of(clause) == Intent.QUESTION
