// The widget's words in three languages.

const LOCALES = ["en", "pt-BR", "es"];
const WORDS = {
  open: ["Open chat", "Abrir o chat", "Abrir el chat"],
  close: ["Close chat", "Fechar o chat", "Cerrar el chat"],
  unread: ["unread", "não lidas", "sin leer"],
  greeting: ["Hello. How can we help you?", "Olá. Como podemos ajudar?", "Hola. ¿Cómo podemos ayudar?"],
  person: ["Talk to a person", "Falar com uma pessoa", "Hablar con una persona"],
  assistant: ["AI assistant", "Assistente de IA", "Asistente de IA"],
  you: ["You", "Você", "Usted"],
  writing: ["is writing", "está escrevendo", "está escribiendo"],
  stop: ["Stop", "Parar", "Detener"],
  write: ["Write a message", "Escreva uma mensagem", "Escriba un mensaje"],
  send: ["Send", "Enviar", "Enviar"],
  attach: ["Attach a file", "Anexar um arquivo", "Adjuntar un archivo"],
  pending: ["Sending", "Enviando", "Enviando"],
  sent: ["Sent", "Enviada", "Enviado"],
  failed: ["Not sent.", "Não enviada.", "No enviado."],
  retry: ["Try again", "Tentar de novo", "Intentar de nuevo"],
  latest: ["Latest messages", "Últimas mensagens", "Últimos mensajes"],
  offline: [
    "No connection. Messages will be sent when it is back.",
    "Sem conexão. As mensagens serão enviadas quando ela voltar.",
    "Sin conexión. Los mensajes se enviarán cuando vuelva.",
  ],
  too_many: [
    "Many messages at once. The next one goes in {n} s.",
    "Muitas mensagens de uma vez. A próxima vai em {n} s.",
    "Muchos mensajes a la vez. El siguiente va en {n} s.",
  ],
  too_large: [
    "This message is too long. Send it in parts.",
    "Esta mensagem é longa demais. Envie em partes.",
    "Este mensaje es demasiado largo. Envíelo en partes.",
  ],
  file: [
    "Only images and documents up to {n} can be sent.",
    "Só é possível enviar imagens e documentos de até {n}.",
    "Solo se pueden enviar imágenes y documentos de hasta {n}.",
  ],
  unavailable: [
    "That did not work. Try again in a moment.",
    "Isso não funcionou. Tente de novo em instantes.",
    "Eso no funcionó. Intente de nuevo en un momento.",
  ],
  closed: [
    "This chat is not available here.",
    "Este chat não está disponível aqui.",
    "Este chat no está disponible aquí.",
  ],
};

// "pt", "pt_BR", "pt-br": one language. Unknown ones: English.
export function strings(language, known = WORDS) {
  const at = Math.max(0, LOCALES.findIndex((locale) => language.toLowerCase().startsWith(locale.slice(0, 2))));
  const words = Object.entries(known).map(([key, texts]) => [key, texts[at]]);
  return { locale: LOCALES[at], ...Object.fromEntries(words) };
}
