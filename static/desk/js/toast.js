// Short messages that go by themselves.

import { copyOf, hook, slot } from "./dom.js";

const SHOWN = 6000;

/** Shows a sentence; `kind` is "" or "error"; `action` names a button that calls `call`. */
export function toast(text, { kind = "", action = "", call = () => {} } = {}) {
  const node = copyOf("toast");
  slot(node, "text").textContent = text;
  if (kind) node.classList.add(`toast-${kind}`);
  const remove = () => node.remove();
  node.querySelector("[data-toast-close]").addEventListener("click", remove);
  const button = slot(node, "action");
  button.hidden = !action;
  button.textContent = action;
  button.addEventListener("click", () => {
    remove();
    call();
  });
  hook("toasts").append(node);
  setTimeout(remove, SHOWN);
}

/** Shows what went wrong. */
export const toastProblem = (problem) => toast(problem.message, { kind: "error" });
