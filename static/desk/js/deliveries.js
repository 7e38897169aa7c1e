// Keeps the ticks true. The socket tells of each change; what it did not tell is asked for.

import { act } from "./actions.js";
import { hook } from "./dom.js";
import { get } from "./http.js";
import { on, state } from "./state.js";
import { openId, openRow } from "./thread.js";
import { hasUnfinished, setDelivery } from "./ticks.js";
import { everyHalfMinute } from "./time.js";

const SOON = 600;

let timer = 0;
// What was heard while an answer is on its way is newer than the answer.
let heard = null;

function show(deliveries, newer = new Set()) {
  for (const [id, delivery] of Object.entries(deliveries)) {
    if (!newer.has(id)) setDelivery(id, delivery, openRow().read_by_contact);
  }
}

async function look() {
  const id = openId();
  if (!id || document.hidden || !hasUnfinished()) return;
  const mine = (heard = new Set());
  try {
    const answer = await get(`${state.urls.inbox}${id}/deliveries/`);
    if (id === openId() && mine === heard) show(answer.deliveries, mine);
  } catch {
    // The next look will tell; nobody asked for this one.
  }
}

function lookSoon() {
  clearTimeout(timer);
  timer = setTimeout(look, SOON);
}

async function tryAgain(button) {
  const message = button.closest("[data-id]").dataset.id;
  button.disabled = true;
  const answer = await act("retry", { message });
  if (answer) show(answer.deliveries);
  else button.disabled = false;
}

on("socket:delivery", (frame) => {
  if (frame.conversation !== openId()) return;
  heard?.add(frame.message);
  setDelivery(frame.message, frame, openRow().read_by_contact);
  if (frame.has_words) lookSoon();
});
on("socket:event", (frame) => (frame.message?.direction === "out" || frame.event === "delivery.failed") && lookSoon());
on("connected", lookSoon);
on("opened", ({ id }) => id && lookSoon());

/** Listens to the buttons, and looks again now and then. */
export function startDeliveries() {
  hook("items").addEventListener("click", (event) => {
    const button = event.target.closest("[data-try-again]");
    if (button) tryAgain(button);
  });
  window.addEventListener("focus", lookSoon);
  everyHalfMinute(look);
}
