// Messages on their way: shown at once, kept over a reload, sent again under the same id until stored.

import { copyOf, hook, setText, slot } from "./dom.js";
import { post, Problem } from "./http.js";
import { hasItem } from "./items.js";
import { atTheEnd } from "./scroll.js";
import { on, state, t, tell } from "./state.js";
import { openId } from "./thread.js";

// Of this operator alone: whoever signs in next in this tab sends nothing of theirs.
const KEY = `desk:outbox:${state.me.id}`;
const FIRST_PAUSE = 1000;
const MOST_PAUSE = 15000;
const PASSING = new Set([0, 401, 408, 425, 429]);

const list = hook("items");
// In the order in which they were written.
const messages = new Map(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
// For each conversation what is on its way just now, and what keeps the messages behind it waiting.
const lines = new Map();

function keep() {
  sessionStorage.setItem(KEY, JSON.stringify([...messages]));
}

function lineOf(conversation) {
  if (!lines.has(conversation)) lines.set(conversation, { sending: null, problem: null, failures: 0, timer: 0 });
  return lines.get(conversation);
}

const allOf = (conversation) => [...messages.values()].filter((message) => message.conversation === conversation);

/** What the server has refused stays until somebody decides, and holds nothing up. */
const oldestOf = (conversation) => allOf(conversation).find((message) => message.state !== "refused") ?? null;

/** Says whether the same message may get through later, as it is. */
const mayPass = ({ status }) => PASSING.has(status) || status >= 500;

/** Sends a reply or a note; it is never lost before the server has it, and overtakes nothing written before it. */
export function sendMessage({ conversation, verb, text, attachments = [], quote = null, copies = [], resolve = false }) {
  const message = { clientId: crypto.randomUUID(), conversation, verb, text, attachments, quote, copies, resolve, state: "waiting" };
  messages.set(message.clientId, message);
  keep();
  show(message);
  advance(conversation);
}

/** Sends what waits in a conversation, one after the other and the oldest first, whoever asks for it. */
async function advance(conversation) {
  const line = lineOf(conversation);
  if (line.sending) return;
  clearTimeout(line.timer);
  while ((line.sending = oldestOf(conversation))) {
    update(line.sending);
    line.problem = await deliver(line.sending);
    line.failures = line.problem ? line.failures + 1 : 0;
    if (line.problem) break;
  }
  line.sending = null;
  allOf(conversation).forEach(update);
  // Who is signed out comes back by another page.
  if (line.problem && line.problem.status !== 401) line.timer = setTimeout(advance, pauseAfter(line.failures), conversation);
}

const pauseAfter = (failures) => Math.min(MOST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)) * (0.5 + Math.random());

/** There is reason to hope again: nobody waits out a long pause. */
function advanceAll() {
  for (const conversation of new Set([...messages.values()].map((message) => message.conversation))) {
    lineOf(conversation).failures = 0;
    advance(conversation);
  }
}

/** Tries once; returns the problem if the message must be sent again, null when it is stored or refused. */
async function deliver(message) {
  const data = { text: message.text, client_id: message.clientId };
  if (message.verb === "reply") Object.assign(data, replyOf(message));
  try {
    const answer = await post(`${state.urls.inbox}${message.conversation}/${message.verb}/`, data);
    // Somebody else's page (a hotel asks for a password) may answer well, too.
    if (!answer.message) throw new Problem(t("unreachable"));
    stored(message, answer);
  } catch (problem) {
    // It may have come over the socket although its answer did not.
    if (!messages.has(message.clientId)) return null;
    if (mayPass(problem)) return problem;
    message.state = "refused";
    message.problem = problem.message;
    update(message);
    keep();
  }
  return null;
}

function replyOf({ attachments, quote, copies = [], resolve }) {
  const data = { attachments: attachments.map((file) => file.id), resolve, cc: copies };
  return quote ? { ...data, reply_to: quote.id } : data;
}

function stored(message, { row, seq }) {
  if (row) tell("row", row);
  // The message itself comes over the socket; it may have come already.
  if (message.conversation !== openId() || hasItem(seq)) remove(message.clientId);
  else keepUntilShown(message);
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

function sendAgain(message) {
  message.state = "waiting";
  keep();
  update(message);
  advance(message.conversation);
}

function show(message) {
  if (message.conversation !== openId() || elementOf(message.clientId)) return;
  const node = copyOf("pending");
  node.dataset.pending = message.clientId;
  node.classList.add(message.verb === "note" ? "note" : "from-operator");
  const files = message.attachments.map((file) => file.name).join(", ");
  slot(node, "body").textContent = [message.text, files].filter(Boolean).join("\n");
  node.querySelector("[data-retry]").addEventListener("click", () => sendAgain(message));
  node.querySelector("[data-discard]").addEventListener("click", () => remove(message.clientId));
  atTheEnd(() => list.append(node));
  update(message);
}

function update(message) {
  const node = elementOf(message.clientId);
  if (!node) return;
  const line = lineOf(message.conversation);
  const isRefused = message.state === "refused";
  node.classList.toggle("failed", isRefused);
  setText(slot(node, "state"), isRefused ? t("not-sent", { why: message.problem }) : wordsOf(line.problem));
  node.querySelector("[data-retry]").hidden = !isRefused;
  // What is on its way may arrive all the same.
  node.querySelector("[data-discard]").hidden = !isRefused && (!line.problem || line.sending === message);
}

function wordsOf(problem) {
  if (!problem) return t("sending");
  return t(problem.status === 401 ? "waits-signed-out" : "waits");
}

on("stored", ({ clientId }) => remove(clientId));
on("opened", ({ id }) => allOf(id).forEach(show));
on("connected", advanceAll);
window.addEventListener("online", advanceAll);

/** Sends what an earlier page could not. */
export function startOutbox() {
  for (const message of messages.values()) show(message);
  advanceAll();
}
