// The message that the next reply answers: chosen in the thread, shown above the field, dropped by its cross.

import { hook, setText, slot } from "./dom.js";
import { on, tell } from "./state.js";

const QUOTED = 200;
const field = hook("composer-text");
let quote = null;

/** Returns the message that is answered, or null: its id, author and text. */
export const chosenQuote = () => quote;

/** Chooses a message, or none (null). */
export function setQuote(chosen) {
  quote = chosen;
  setText(hook("quote-author"), quote?.author ?? "");
  setText(hook("quote-text"), quote?.text ?? "");
  showQuote();
}

/** Shows what is answered while a reply is written; a note answers nothing. */
export function showQuote() {
  const isShown = quote !== null && hook("composer").dataset.mode === "reply" && !field.hidden;
  hook("composer-quote").hidden = !isShown;
  if (isShown) field.setAttribute("aria-describedby", "composer-quote");
  else field.removeAttribute("aria-describedby");
}

function choose(node) {
  const text = slot(node, "body").textContent.trim() || slot(node, "files").textContent.trim();
  setQuote({ id: node.dataset.id, author: slot(node, "author").textContent, text: text.slice(0, QUOTED) });
  tell("quote");
}

on("row:open", (row) => hook("thread-open").toggleAttribute("data-quotes", row.channel.quotes));
on("window", showQuote);

/** Listens to the buttons. */
export function startQuotes() {
  hook("items").addEventListener("click", (event) => {
    const button = event.target.closest("[data-answer]");
    if (button) choose(button.closest("[data-id]"));
  });
  hook("quote-drop").addEventListener("click", () => {
    setQuote(null);
    tell("quote");
  });
}
