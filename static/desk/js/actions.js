// What an operator can do to the open conversation. Each verb is one address.

import { hook, make } from "./dom.js";
import { post } from "./http.js";
import { on, state, t, tell } from "./state.js";
import { openId, openRow } from "./thread.js";
import { toast, toastProblem } from "./toast.js";

const running = new Set();

/** Does something to the open conversation; the row in the answer is shown at once, the rest comes live. */
export async function act(verb, data = {}, id = openId()) {
  const key = `${id}:${verb}`;
  if (!id || running.has(key)) return null;
  running.add(key);
  try {
    const answer = await post(`${state.urls.inbox}${id}/${verb}/`, data);
    if (answer.row) tell("row", answer.row);
    else tell("socket:gone", { conversation: id });
    if (verb === "resolve") toast(t("is-resolved"), { action: t("reopen"), call: () => act("reopen", {}, id) });
    return answer;
  } catch (problem) {
    toastProblem(problem);
    return null;
  } finally {
    running.delete(key);
  }
}

/** Makes me responsible. */
export function assignToMe() {
  const row = openRow();
  if (row && row.assignee?.id !== state.me.id) return act("assign", { to: state.me.id });
  return null;
}

/** Does a verb only where its button is offered. */
export function actIfOffered(verb) {
  const button = document.querySelector(`[data-act="${verb}"]`);
  if (openId() && !button.hidden) act(verb);
}

function item(text, call, isChosen = false) {
  const button = make("button", { className: "menu-item", text });
  button.type = "button";
  if (isChosen) button.setAttribute("aria-current", "true");
  button.addEventListener("click", call);
  return button;
}

function fillAssign(row) {
  const people = state.operators.filter((person) => person.id !== state.me.id);
  const parts = [item(t("assign-to-me"), assignToMe, row.assignee?.id === state.me.id)];
  if (row.assignee) parts.push(item(t("assign-to-nobody"), () => act("assign", { to: null })));
  if (people.length) parts.push(make("p", { className: "menu-title", text: t("people") }));
  for (const person of people) {
    parts.push(item(person.name, () => act("assign", { to: person.id }), row.assignee?.id === person.id));
  }
  if (state.teams.length) parts.push(make("p", { className: "menu-title", text: t("teams") }));
  for (const team of state.teams) {
    parts.push(item(team.name, () => act("assign", { to: null, team: team.id }), row.team?.id === team.id));
  }
  hook("assign-menu").replaceChildren(...parts);
}

function fillPriority(row) {
  const parts = state.priorities.map((choice) =>
    item(choice.label, () => act("priority", { priority: choice.value }), choice.value === row.priority),
  );
  hook("priority-menu").replaceChildren(...parts);
}

let filled = "";

/** Menus are made anew only for another state: one may be open. */
function fill(row) {
  const key = [row.id, row.assignee?.id, row.team?.id, row.priority].join();
  if (key === filled) return;
  filled = key;
  fillAssign(row);
  fillPriority(row);
}

on("opened", ({ row }) => row && fill(row));
on("row:open", fill);

/** Opens the form for a new ticket, with what is known filled in. */
export function newTicket() {
  const row = openRow();
  if (!row) return;
  const dialog = hook("ticket-dialog");
  const form = hook("ticket-form");
  form.reset();
  form.dataset.clientId = crypto.randomUUID();
  form.elements.subject.value = row.subject || row.preview.slice(0, 120);
  form.elements.priority.value = row.priority;
  dialog.showModal();
  form.elements.subject.select();
}

async function createTicket(event) {
  event.preventDefault();
  const form = event.target;
  const answer = await act("ticket", {
    subject: form.elements.subject.value,
    description: form.elements.description.value,
    priority: Number(form.elements.priority.value),
    client_id: form.dataset.clientId,
  });
  if (!answer) return;
  hook("ticket-dialog").close();
  toast(t(answer.is_new ? "ticket-made" : "ticket-known", { number: answer.number }));
  tell("context:stale");
}

/** Listens to the buttons. */
export function startActions() {
  for (const choice of state.priorities) {
    const option = make("option", { text: choice.label });
    option.value = choice.value;
    hook("ticket-priority").append(option);
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-act]");
    if (button) act(button.dataset.act);
    const decision = event.target.closest?.("[data-decide]");
    if (decision) act(decision.dataset.decide, { approval: decision.closest("[data-approval]").dataset.approval });
    if (event.target.closest?.("[data-new-ticket]")) newTicket();
    if (event.target.closest?.("[data-dialog-close]")) event.target.closest("dialog").close();
    if (event.target.closest?.("[data-shortcuts]")) hook("shortcuts-dialog").showModal();
  });
  hook("ticket-form").addEventListener("submit", createTicket);
}
