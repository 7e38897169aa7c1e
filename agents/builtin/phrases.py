"""What the built-in answerer says, in its three languages."""

from typing import Literal

from knowledge.languages import detect

Language = Literal["pt", "es", "en"]


def language_of(text: str, default: str = "en") -> Language:
    """Returns the language of a message; `default` (a locale) decides where the words do not."""
    found = str(detect(text) or default)
    return "pt" if found.startswith("pt") else "es" if found.startswith("es") else "en"


GREETING: dict[Language, str] = {
    "pt": "Olá. Sou um assistente automático: respondo com trechos da nossa central de ajuda. "
    "Como posso ajudar?",
    "es": "Hola. Soy un asistente automático: respondo con pasajes de nuestro centro de ayuda. "
    "¿En qué puedo ayudar?",
    "en": "Hello. I am an automatic assistant: I answer with passages from our help centre. How can I help?",
}
THANKS: dict[Language, str] = {
    "pt": "De nada. Se precisar de mais alguma coisa, é só escrever.",
    "es": "De nada. Si necesita algo más, escriba aquí.",
    "en": "You are welcome. Write here if you need anything else.",
}
DECLINED: dict[Language, str] = {
    "pt": "Tudo bem. Se quiser, pergunte de outro jeito ou peça para falar com uma pessoa.",
    "es": "De acuerdo. Si quiere, pregunte de otra forma o pida hablar con una persona.",
    "en": "All right. You can ask in other words, or ask to talk to a person.",
}
QUOTE: dict[Language, str] = {
    "pt": "Encontrei isto na nossa central de ajuda:",
    "es": "Encontré esto en nuestro centro de ayuda:",
    "en": "I found this in our help centre:",
}
OFFER: dict[Language, str] = {
    "pt": "Não tenho certeza do que procura. Algum destes artigos ajuda?",
    "es": "No estoy seguro de lo que busca. ¿Le ayuda alguno de estos artículos?",
    "en": "I am not sure what you are looking for. Does one of these articles help?",
}
NOT_FOUND: dict[Language, str] = {
    "pt": "Não encontrei resposta para isso nos nossos artigos. Posso abrir um chamado para a equipe, "
    "ou você pode falar com uma pessoa.",
    "es": "No encontré respuesta a eso en nuestros artículos. Puedo abrir un ticket para el equipo, "
    "o puede hablar con una persona.",
    "en": "I found no answer to that in our articles. I can open a ticket for the team, or you can talk to "
    "a person.",
}
CANNOT_SEE: dict[Language, str] = {
    "pt": "Não consigo ver imagens nem abrir arquivos ou áudios. Descreva em palavras o que precisa, "
    "ou fale com uma pessoa.",
    "es": "No puedo ver imágenes ni abrir archivos o audios. Describa con palabras lo que necesita, "
    "o hable con una persona.",
    "en": "I cannot see pictures or open files and voice notes. Tell me in words what you need, or talk to "
    "a person.",
}
ASK_MATTER: dict[Language, str] = {
    "pt": "Claro. Conte em uma mensagem o que aconteceu, e eu abro o chamado.",
    "es": "Claro. Cuente en un mensaje lo que pasó y abro el ticket.",
    "en": "Of course. Tell me in one message what happened, and I will open the ticket.",
}
OPENED: dict[Language, str] = {
    "pt": "Abri o chamado {number} para a nossa equipe. A resposta chega por aqui.",
    "es": "Abrí el ticket {number} para nuestro equipo. La respuesta llega por aquí.",
    "en": "I opened ticket {number} for our team. The answer will come here.",
}
KNOWN: dict[Language, str] = {
    "pt": "O chamado {number} já está aberto para esse assunto; a equipe vai responder por aqui.",
    "es": "El ticket {number} ya está abierto para ese asunto; el equipo responderá por aquí.",
    "en": "Ticket {number} is open for this matter already; the team will answer here.",
}
REFUSED: dict[Language, str] = {
    "pt": "Não consegui fazer isso agora. Você pode falar com uma pessoa da equipe.",
    "es": "No pude hacerlo ahora. Puede hablar con una persona del equipo.",
    "en": "I could not do that just now. You can talk to a person of the team.",
}
TICKET_BUTTON: dict[Language, str] = {
    "pt": "Abrir um chamado",
    "es": "Abrir un ticket",
    "en": "Open a ticket",
}
PERSON_BUTTON: dict[Language, str] = {
    "pt": "Falar com uma pessoa",
    "es": "Hablar con una persona",
    "en": "Talk to a person",
}
