// The items of the open thread in order of their number: messages, lines, days, with messages of one author grouped.

import { clearApprovals, closeApproval, makeApproval } from "./approval.js";
import { copyOf, hook, slot } from "./dom.js";
import { makeLine } from "./line.js";
import { makeMessage } from "./message.js";
import { keepDelivery } from "./ticks.js";
import { dayKey, dayName } from "./time.js";

const GROUP_WITHIN = 5 * 60000;
const WRITTEN = "message.created";
const ASKED = "approval.asked";
const DECIDED = "approval.decided";
const CHANGES = new Set(["message.updated", "message.reacted"]);

const list = hook("items");
const seen = new Set();
let before = null;

/** Empties the thread. */
export function clearItems() {
  list.replaceChildren();
  seen.clear();
  clearApprovals();
  before = null;
}

/** Says whether an item with that number is shown. */
export const hasItem = (seq) => seen.has(seq);

/** Returns the elements that an event adds, in order. `context` carries the state before it. */
function elementsOf(event, context) {
  seen.add(event.seq);
  if (CHANGES.has(event.event)) {
    replaceMessage(event.message);
    return null;
  }
  if (event.event === DECIDED) closeApproval(event);
  const node = shown(event, context);
  if (event.status) context.state = { status: event.status, assignee: event.assignee };
  if (!node) return null;
  node.dataset.at = event.at;
  return node;
}

function shown(event, context) {
  if (event.event === WRITTEN) return messageOf(event.message);
  return event.event === ASKED ? makeApproval(event) : makeLine(event, context.state);
}

function messageOf(message) {
  const node = makeMessage(message);
  keepDelivery(node, message.delivery);
  return node;
}

/** Puts a message that was changed (edited, taken back, its file came) where it stood. */
function replaceMessage(message) {
  const old = message?.id && list.querySelector(`[data-id="${message.id}"]`);
  if (!old) return;
  const node = messageOf(message);
  for (const name of ["follows", "is-followed"]) node.classList.toggle(name, old.classList.contains(name));
  node.dataset.at = old.dataset.at;
  old.replaceWith(node);
}

function dayBefore(node, previous) {
  if (previous && dayKey(previous.dataset.at) === dayKey(node.dataset.at)) return null;
  const day = copyOf("day");
  day.dataset.at = node.dataset.at;
  slot(day, "text").textContent = dayName(node.dataset.at);
  return day;
}

/** A message follows its group when the same author wrote the one above a moment ago. */
function groupWith(node, previous) {
  const follows =
    previous?.dataset.group !== undefined &&
    previous.dataset.group === node.dataset.group &&
    new Date(node.dataset.at) - new Date(previous.dataset.at) < GROUP_WITHIN;
  node.classList.toggle("follows", Boolean(follows));
  previous?.classList.toggle("is-followed", Boolean(follows));
}

/** Adds an event at the end; returns the element, or null when it shows nothing or is there already. */
export function appendItem(event) {
  if (seen.has(event.seq)) return null;
  const context = { state: before };
  const node = elementsOf(event, context);
  before = context.state;
  if (!node) return null;
  const pending = list.querySelector("[data-pending]");
  const previous = lastStored();
  const day = dayBefore(node, previous);
  if (day) list.insertBefore(day, pending);
  list.insertBefore(node, pending);
  if (node.dataset.group && !day) groupWith(node, previous);
  return node;
}

function lastStored() {
  const all = list.querySelectorAll(":scope > [data-at]");
  return all[all.length - 1] ?? null;
}

/** Adds older events at the top. */
export function prependItems(events) {
  const fragment = document.createDocumentFragment();
  const context = { state: null };
  let previous = null;
  for (const event of events) {
    if (seen.has(event.seq)) continue;
    const node = elementsOf(event, context);
    if (!node) continue;
    const day = dayBefore(node, previous);
    if (day) fragment.append(day);
    fragment.append(node);
    if (node.dataset.group && !day) groupWith(node, previous);
    previous = node;
  }
  const first = list.firstElementChild;
  const isSameDay = first?.classList.contains("day") && previous && dayKey(first.dataset.at) === dayKey(previous.dataset.at);
  list.prepend(fragment);
  if (isSameDay) first.remove();
}
