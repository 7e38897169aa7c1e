// Short messages that go by themselves.

import { copyOf, hook, slot } from "./dom.js";

const SHOWN = 6000;

/** Shows a sentence; `kind` is "" or "error". */
export function toast(text, kind = "") {
  const node = copyOf("toast");
  slot(node, "text").textContent = text;
  if (kind) node.classList.add(`toast-${kind}`);
  const remove = () => node.remove();
  node.querySelector("button").addEventListener("click", remove);
  hook("toasts").append(node);
  setTimeout(remove, SHOWN);
}

/** Shows what went wrong. */
export const toastProblem = (problem) => toast(problem.message, "error");
