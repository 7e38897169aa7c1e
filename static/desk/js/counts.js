// The numbers beside the queues and in the title of the tab.

import { on, state } from "./state.js";

const title = document.title;

function show(counts) {
  for (const element of document.querySelectorAll("[data-count]")) {
    const value = counts[element.dataset.count];
    const text = value ? (value > 999 ? "999+" : String(value)) : "";
    if (element.textContent !== text) element.textContent = text;
  }
  document.title = counts.waiting ? `(${counts.waiting}) ${title}` : title;
}

on("counts", show);
on("socket:counts", (frame) => show(frame.counts));

/** Shows the numbers that came with the page. */
export function startCounts() {
  show(state.counts);
}
