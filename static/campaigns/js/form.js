// What the page holds just now, saved or not; and telling that it has changed.

import { hook } from "../../desk/js/dom.js";
import { tell } from "../../desk/js/state.js";

/** The form of the whole page. */
export const form = hook("campaign-form");

const value = (name) => form.elements[name]?.value ?? "";

/** Returns where the recipients come from: "segment" or "list". */
export const chosenSource = () => form.querySelector("[name=source]:checked")?.value ?? "segment";

/** Returns what decides who gets it, how long it takes and what it costs. */
export const asked = () => ({
  source: chosenSource(),
  segment: JSON.parse(value("segment") || "{}"),
  needs_consent: Boolean(form.elements.needs_consent?.checked),
  per_minute: value("per_minute"),
  daily_limit: value("daily_limit"),
  price: value("price"),
  currency: value("currency"),
});

/** Puts the rules into the form. */
export function keepSegment(segment) {
  form.elements.segment.value = JSON.stringify(segment);
  tell("audience");
}

/** Calls back once nothing has been asked for a while. */
export function later(call, milliseconds = 400) {
  let waiting = 0;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(call, milliseconds);
  };
}
