// Customers who fit, or a list: the part of the page for the one that is chosen.

import { tell } from "../../desk/js/state.js";
import { chosenSource, form } from "./form.js";

function show() {
  for (const part of document.querySelectorAll("[data-source-part]")) {
    part.hidden = part.dataset.sourcePart !== chosenSource();
  }
  tell("audience");
}

/** Shows the right one, and again when another is chosen. */
export function startSource() {
  const radios = form.querySelectorAll("[name=source]");
  for (const radio of radios) radio.addEventListener("change", show);
  for (const name of ["per_minute", "daily_limit", "price", "currency", "needs_consent"]) {
    form.elements[name]?.addEventListener("input", () => tell("audience"));
  }
  if (radios.length) show();
}
