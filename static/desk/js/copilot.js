// The copilot: what a model writes for an operator. It fills the composer and sends nothing.

import { replaceText, textOf, write } from "./composer.js";
import { uncoverThread } from "./context.js";
import { hook, make } from "./dom.js";
import { get, post } from "./http.js";
import { on, state, t } from "./state.js";
import { openConversation, openId } from "./thread.js";
import { shortDate } from "./time.js";
import { toast, toastProblem } from "./toast.js";

let draft = null;
let former = null;
let isBusy = false;

const address = (id, what = "") => `${state.urls.inbox}${id}/copilot/${what}`;

/** Asks for one thing at a time; gives null where it failed or another conversation is open by then. */
async function ask(what, call) {
  const id = openId();
  if (!id || isBusy) return null;
  isBusy = true;
  say(t(what));
  try {
    const answer = await call(id);
    return id === openId() ? answer : null;
  } catch (problem) {
    if (id === openId()) toastProblem(problem);
    return null;
  } finally {
    isBusy = false;
    say("");
  }
}

function say(text) {
  const status = hook("copilot-status");
  status.textContent = text;
  status.hidden = !text;
}

/** Asks for a draft of the next reply. */
export async function suggest() {
  const answer = await ask("copilot-writing", (id) => post(address(id, "suggest/")));
  if (!answer) return;
  if (answer.suggestion.text) showDraft(answer.suggestion);
  else toast(t("copilot-nothing"));
}

function showDraft(suggestion) {
  draft = suggestion;
  hook("copilot-draft").hidden = !suggestion;
  if (!suggestion) return;
  hook("copilot-draft-text").textContent = suggestion.text;
  const sources = hook("copilot-sources");
  sources.hidden = suggestion.sources.length === 0;
  sources.replaceChildren(...suggestion.sources.map(source));
  const list = hook("copilot-left-out-list");
  hook("copilot-left-out").hidden = suggestion.left_out.length === 0;
  list.replaceChildren(...suggestion.left_out.map((text) => make("li", { text })));
  // Whoever has begun to write goes on writing.
  if (!document.activeElement?.matches("textarea, input")) document.querySelector('[data-copilot-decide="accepted"]').focus();
}

function source({ title, url, internal }) {
  const link = make("a", { className: "link", href: url, text: title });
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  return make("li", {}, link, internal ? make("span", { className: "quiet-text", text: ` · ${t("copilot-internal")}` }) : "");
}

/** Numbers of sources are for the operator: a customer has nothing to look them up in. */
const withoutNumbers = (text) => text.replace(/\s?\[\d{1,2}\]/g, "");

async function decide(status) {
  const id = openId();
  if (!draft) return;
  const decided = draft;
  showDraft(null);
  if (status !== "refused") {
    uncoverThread();
    write("reply");
    fill(withoutNumbers(decided.text));
  }
  await post(address(id, "decide/"), { suggestion: decided.id, status }).catch(toastProblem);
}

function fill(text) {
  former = { id: openId(), text: textOf() };
  replaceText(text);
  hook("copilot-undo").hidden = false;
}

function undo() {
  if (former?.id === openId()) replaceText(former.text);
  former = null;
  hook("copilot-undo").hidden = true;
}

async function rewrite(wish) {
  const text = textOf();
  if (!text.trim()) {
    toast(t("copilot-write-first"));
    return;
  }
  const answer = await ask("copilot-writing", (id) => post(address(id, "rewrite/"), { text, wish }));
  // What was typed meanwhile is the operator's, and stays.
  if (!answer || textOf() !== text) return;
  fill(answer.text);
  const added = answer.added.join(", ");
  toast(added ? t("copilot-added", { added }) : t("copilot-rewritten"), { action: t("copilot-undo"), call: undo });
}

async function sumUp() {
  const answer = await ask("copilot-reading", (id) => post(address(id, "summary/")));
  if (answer) showSummary(answer.summary);
}

function showSummary(summary) {
  hook("copilot-summary").hidden = !summary;
  hook("copilot-summary-text").textContent = summary?.text ?? "";
}

function putIntoNote() {
  const text = hook("copilot-summary-text").textContent;
  uncoverThread();
  write("note");
  fill([textOf().trim(), text].filter(Boolean).join("\n\n"));
}

async function findSimilar() {
  const answer = await ask("copilot-searching", (id) => get(address(id, "similar/")));
  if (!answer) return;
  const found = hook("copilot-similar");
  found.hidden = false;
  const parts = [answer.similar.length ? links(answer.similar, conversation) : make("p", { className: "quiet-text", text: t("copilot-none-similar") })];
  if (answer.tickets.length) parts.push(make("h3", { text: t("copilot-tickets") }), links(answer.tickets, ticket));
  found.replaceChildren(...parts);
}

const links = (found, shown) => make("ul", {}, ...found.map((one) => make("li", {}, ...shown(one))));

function conversation(one) {
  const link = make("a", { className: "link", href: `${state.urls.inbox}${one.id}/`, text: one.said });
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    openConversation(one.id);
  });
  const facts = [one.name, t(`status-${one.status}`), shortDate(one.created_at)].join(" · ");
  const outcome = one.outcome ? t("copilot-outcome", { text: one.outcome }) : t("copilot-no-outcome");
  return [link, make("p", { className: "quiet-text", text: facts }), make("p", { text: outcome })];
}

function ticket(one) {
  const link = make("a", { className: "link", href: `${state.urls.tickets}${one.number}/`, text: `#${one.number} ${one.subject}` });
  return [link];
}

async function translate(button) {
  const message = button.closest("[data-id]");
  const answer = await ask("copilot-translating", (id) => post(address(id, "translate/"), { message: message.dataset.id }));
  if (!answer) return;
  message.querySelector(".translation")?.remove();
  const shown = make("p", { className: "translation" }, make("span", { className: "ai-mark", text: t("ai") }), ` ${answer.text}`);
  message.querySelector(".bubble").append(shown);
}

async function stand(id) {
  showDraft(null);
  showSummary(null);
  hook("copilot-similar").hidden = true;
  hook("copilot-undo").hidden = true;
  if (!id) return;
  const answer = await get(address(id)).catch(() => null);
  if (!answer || id !== openId()) return;
  hook("copilot-no-model").hidden = answer.has_model;
  for (const part of document.querySelectorAll("[data-copilot] [data-needs-model]")) part.hidden = !answer.has_model;
  showSummary(answer.summary);
}

on("opened", ({ id }) => stand(id));

const DEEDS = { suggest, summary: sumUp, similar: findSimilar };

/** Listens to the buttons. */
export function startCopilot() {
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("button");
    if (!button) return;
    const { copilotDo, copilotDecide, copilotWish, copilotUndo, copilotNote } = button.dataset;
    if (copilotDo) DEEDS[copilotDo]();
    if (copilotDecide) decide(copilotDecide);
    if (copilotWish) rewrite(copilotWish);
    if (copilotUndo !== undefined) undo();
    if (copilotNote !== undefined) putIntoNote();
    if (button.dataset.translate !== undefined) translate(button);
  });
}
