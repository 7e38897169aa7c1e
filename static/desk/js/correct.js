// An answer that was wrong, said better: what was asked, and how it is answered from now on.

import { act } from "./actions.js";
import { hook, slot } from "./dom.js";
import { t } from "./state.js";
import { toast } from "./toast.js";

const SOURCES = /\s?\[\d{1,2}\]/g;

/** Returns what the customer had written last before a message, as the thread shows it. */
function askedBefore(node) {
  let found = node.previousElementSibling;
  while (found && !found.matches("[data-message].from-contact")) found = found.previousElementSibling;
  return found ? slot(found, "body").innerText.trim() : "";
}

function open(node) {
  const form = hook("correct-form");
  form.reset();
  form.dataset.message = node.dataset.id;
  form.elements.question.value = askedBefore(node).slice(0, form.elements.question.maxLength);
  form.elements.text.value = slot(node, "body").innerText.replace(SOURCES, "").trim();
  hook("correct-dialog").showModal();
  form.elements.text.select();
}

async function save(event) {
  event.preventDefault();
  const { dataset, elements } = event.target;
  const said = { message: dataset.message, question: elements.question.value, text: elements.text.value };
  const answer = await act("correct", said);
  if (!answer) return;
  hook("correct-dialog").close();
  toast(t(answer.proposal.status === "approved" ? "correction-known" : "correction-proposed"));
}

/** Listens to the buttons. */
export function startCorrections() {
  hook("items").addEventListener("click", (event) => {
    const button = event.target.closest("[data-correct]");
    if (button) open(button.closest("[data-id]"));
  });
  hook("correct-form").addEventListener("submit", save);
}
