// Messages on their way: shown at once, kept over a reload, sent again under the same id until stored.

import { copyOf, hook, slot } from "./dom.js";
import { post } from "./http.js";
import { hasItem } from "./items.js";
import { atTheEnd } from "./scroll.js";
import { on, state, t, tell } from "./state.js";
import { openId } from "./thread.js";

const KEY = "desk:outbox";
const list = hook("items");
const messages = new Map(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));

function keep() {
  sessionStorage.setItem(KEY, JSON.stringify([...messages]));
}

/** Sends a reply or a note; it is never lost before the server has it. */
export function sendMessage({ conversation, verb, text, attachments = [], quote = null, copies = [], resolve = false }) {
  const message = { clientId: crypto.randomUUID(), conversation, verb, text, attachments, quote, copies, resolve, state: "sending" };
  messages.set(message.clientId, message);
  keep();
  show(message);
  deliver(message);
}

async function deliver(message) {
  message.state = "sending";
  update(message);
  const data = { text: message.text, client_id: message.clientId };
  if (message.verb === "reply") Object.assign(data, replyOf(message));
  try {
    const answer = await post(`${state.urls.inbox}${message.conversation}/${message.verb}/`, data);
    message.state = "stored";
    message.seq = answer.seq;
    if (answer.row) tell("row", answer.row);
    // The message itself comes over the socket; it may have come already.
    if (message.conversation !== openId() || hasItem(answer.seq)) remove(message.clientId);
    else keepUntilShown(message);
  } catch (problem) {
    message.state = "failed";
    message.problem = problem.message;
    message.status = problem.status;
    update(message);
    keep();
  }
}

function replyOf({ attachments, quote, copies = [], resolve }) {
  const data = { attachments: attachments.map((file) => file.id), resolve, cc: copies };
  return quote ? { ...data, reply_to: quote.id } : data;
}

function keepUntilShown(message) {
  messages.delete(message.clientId);
  keep();
  setTimeout(() => elementOf(message.clientId)?.classList.add("is-stored"), 0);
}

function elementOf(clientId) {
  return list.querySelector(`[data-pending="${clientId}"]`);
}

function remove(clientId) {
  elementOf(clientId)?.remove();
  messages.delete(clientId);
  keep();
}

function show(message) {
  if (message.conversation !== openId() || elementOf(message.clientId)) return;
  const node = copyOf("pending");
  node.dataset.pending = message.clientId;
  node.classList.add(message.verb === "note" ? "note" : "from-operator");
  const files = message.attachments.map((file) => file.name).join(", ");
  slot(node, "body").textContent = [message.text, files].filter(Boolean).join("\n");
  node.querySelector("[data-retry]").addEventListener("click", () => deliver(message));
  node.querySelector("[data-discard]").addEventListener("click", () => remove(message.clientId));
  atTheEnd(() => list.append(node));
  update(message);
}

function update(message) {
  const node = elementOf(message.clientId);
  if (!node) return;
  const isFailed = message.state === "failed";
  node.classList.toggle("failed", isFailed);
  slot(node, "state").textContent = isFailed ? t("not-sent", { why: message.problem ?? "" }) : t("sending");
  node.querySelector("[data-retry]").hidden = !isFailed;
  node.querySelector("[data-discard]").hidden = !isFailed;
}

on("stored", ({ clientId }) => remove(clientId));
on("opened", ({ id }) => {
  for (const message of messages.values()) if (message.conversation === id) show(message);
});
/** What the server has refused stays until somebody decides; what never reached it is sent again. */
const mayPass = ({ status = 0 }) => status === 0 || status === 401 || status === 429 || status >= 500;

on("connected", () => {
  for (const message of messages.values()) if (message.state === "failed" && mayPass(message)) deliver(message);
});

/** Sends what an earlier page could not. */
export function startOutbox() {
  for (const message of messages.values()) {
    show(message);
    if (mayPass(message)) deliver(message);
  }
}
