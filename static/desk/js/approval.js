// A tool call of the agent that waits for an operator: what exactly it would do, and two buttons.

import { copyOf, hook, make, slot } from "./dom.js";
import { t } from "./state.js";
import { clockTime, exactTime } from "./time.js";

const decided = new Set();

/** Forgets what was decided, for another thread. */
export const clearApprovals = () => decided.clear();

/** Returns the card of a call that was asked for; without buttons where it was decided already. */
export function makeApproval(event) {
  const node = copyOf("approval");
  node.dataset.seq = event.seq;
  node.dataset.approval = event.approval;
  slot(node, "text").textContent = t("approval-asks", { name: t("the-agent", { name: event.by.name }), tool: event.tool });
  for (const [name, value] of Object.entries(event.arguments)) {
    const shown = typeof value === "string" ? value : JSON.stringify(value);
    slot(node, "arguments").append(make("div", {}, make("dt", { text: name }), make("dd", { text: shown })));
  }
  const time = slot(node, "time");
  time.dateTime = event.at;
  time.textContent = clockTime(event.at);
  time.title = exactTime(event.at);
  slot(node, "buttons").hidden = decided.has(event.approval);
  return node;
}

/** Takes the buttons away from a call that somebody, or the time, has decided. */
export function closeApproval(event) {
  decided.add(event.approval);
  const card = hook("items").querySelector(`[data-approval="${event.approval}"]`);
  if (card) slot(card, "buttons").hidden = true;
}
