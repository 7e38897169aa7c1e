// What was trimmed from a mail, one click away; and the message that another one answers.

import { hook, slot } from "./dom.js";
import { get } from "./http.js";
import { state, t } from "./state.js";
import { openId } from "./thread.js";
import { toastProblem } from "./toast.js";

const trimmed = new WeakMap();

async function toggle(button) {
  const node = button.closest("[data-id]");
  const body = slot(node, "body");
  if (trimmed.has(node)) {
    body.replaceChildren(...trimmed.get(node));
    trimmed.delete(node);
  } else {
    const whole = await get(`${state.urls.inbox}${openId()}/messages/${node.dataset.id}/`);
    trimmed.set(node, [...body.childNodes]);
    body.textContent = whole.text;
  }
  const isWhole = trimmed.has(node);
  body.classList.toggle("plain", isWhole);
  button.setAttribute("aria-expanded", String(isWhole));
  button.textContent = isWhole ? t("trimmed-text") : t("full-text");
}

function showAnswered(id) {
  const node = hook("items").querySelector(`[data-id="${CSS.escape(id)}"]`);
  if (!node) return;
  node.scrollIntoView({ block: "center" });
  node.tabIndex = -1;
  node.focus({ preventScroll: true });
}

/** Listens to the buttons. */
export function startFullText() {
  hook("items").addEventListener("click", (event) => {
    const button = event.target.closest("[data-full-text]");
    if (button) toggle(button).catch(toastProblem);
    const quote = event.target.closest("[data-answers]");
    if (quote) showAnswered(quote.dataset.answers);
  });
}
