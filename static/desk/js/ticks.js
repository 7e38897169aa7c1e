// How far our messages have come: an icon each, with its state in words.

import { copyOf, hook, slot } from "./dom.js";
import { t } from "./state.js";

const list = hook("items");
const deliveries = new WeakMap();
const NEEDS_FOOT = new Set(["failed", "noted", "unknown", "held"]);
const OVER = new Set(["read", "failed"]);

/** Remembers what is known of a message's delivery; null where nobody has to deliver it. */
export function keepDelivery(node, delivery) {
  deliveries.set(node, delivery ?? null);
}

/** Shows the state of every message; `readSeq` is how far the customer has read. */
export function showTicks(readSeq) {
  for (const node of list.querySelectorAll(".from-operator, .from-agent")) {
    if (node.dataset.seq) showTick(node, readSeq);
  }
}

/** Shows another state of a message, if it is on the page. */
export function setDelivery(id, delivery, readSeq) {
  const node = list.querySelector(`[data-id="${CSS.escape(id)}"]`);
  if (!node) return;
  deliveries.set(node, delivery);
  showTick(node, readSeq);
}

/** Says whether there is more to learn of any message: on its way, not seen yet, or failed for no reason told. */
export function hasUnfinished() {
  return [...list.querySelectorAll("[data-id]")].some((node) => {
    const delivery = deliveries.get(node);
    // The socket does not say why something failed, since it says the same to readers of all languages.
    const isUntold = delivery?.status === "failed" && delivery.error === undefined;
    return delivery && (isUntold || !OVER.has(delivery.status));
  });
}

function stateOf(node, readSeq) {
  const delivery = deliveries.get(node);
  const isSeen = Number(node.dataset.seq) <= readSeq;
  if (!delivery) return isSeen ? "read" : "sent";
  if (delivery.is_held) return "held";
  if (delivery.note) return "noted";
  return isSeen && ["sent", "delivered"].includes(delivery.status) ? "read" : delivery.status;
}

function showTick(node, readSeq) {
  const delivery = deliveries.get(node);
  const state = stateOf(node, readSeq);
  const key = `${state}:${delivery?.error || delivery?.note || ""}:${delivery?.can_retry ?? ""}`;
  if (node.dataset.tick === key) return;
  node.dataset.tick = key;
  node.classList.toggle("has-failed", state === "failed");
  node.classList.toggle("keeps-foot", NEEDS_FOOT.has(state));
  const tick = copyOf(`tick-${state}`);
  if (state === "failed") {
    slot(tick, "why").textContent = t("not-delivered", { error: delivery.error || t("not-delivered-why") });
    tick.querySelector("[data-try-again]").hidden = !delivery.can_retry;
  }
  if (state === "noted") slot(tick, "why").textContent = delivery.note;
  slot(node, "ticks").replaceChildren(tick);
}
