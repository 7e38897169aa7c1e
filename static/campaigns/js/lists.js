// How far lists have been read, while they are.

import { hook } from "../../desk/js/dom.js";
import { get } from "../../desk/js/http.js";
import { state, tell } from "../../desk/js/state.js";
import { replaceParts } from "./parts.js";

const EVERY = 700;
const box = hook("uploads");

async function look() {
  try {
    const found = await get(state.urls.lists);
    replaceParts(box, found.html);
    tell("audience");
    if (found.is_over) return;
  } catch {
    // The next look may reach the server.
  }
  setTimeout(look, EVERY);
}

/** Looks until every list has been read. */
export function startLists() {
  if (box && "isRunning" in box.dataset) look();
}
