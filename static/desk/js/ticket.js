// The page of a ticket: its properties are changed where they stand.

import { hook, make, setText } from "./dom.js";
import { fieldInputs, renewed } from "./fields.js";
import { get, post, Problem } from "./http.js";
import { connect } from "./socket.js";
import { on, state, t } from "./state.js";
import { ago, everyHalfMinute, exactTime } from "./time.js";
import { toast, toastProblem } from "./toast.js";

let shown = { ...state };

const address = (rest) => `${state.urls.tickets}${shown.ticket.number}/${rest}`;
const field = (name) => document.querySelector(`[data-field="${name}"]`);

function options(select, choices) {
  select.replaceChildren(
    ...choices.map(([value, label]) => {
      const option = make("option", { text: label });
      option.value = value;
      return option;
    }),
  );
}

function show() {
  const { ticket } = shown;
  setText(hook("ticket-subject"), ticket.subject);
  const pill = hook("ticket-pill");
  setText(pill, t(`ticket-${ticket.status}`));
  pill.dataset.status = ticket.status;
  setText(hook("ticket-description"), shown.description || "—");
  field("status").value = ticket.status;
  field("priority").value = ticket.priority;
  field("assignee").value = ticket.assignee?.id ?? "";
  field("team").value = ticket.team?.id ?? "";
  document.querySelector("[data-assign-me]").hidden = ticket.assignee?.id === state.me.id;
  showFields();
  showConversations();
  showHistory();
  showFacts();
}

function showFields() {
  const place = hook("ticket-fields");
  renewed(place, () => place.replaceChildren(...fieldInputs(shown.fields, (attributes) => change({ attributes }))));
}

function showConversations() {
  const items = shown.conversations.map((row) =>
    make(
      "li",
      {},
      make(
        "a",
        { href: `${state.urls.inbox}${row.id}/` },
        make("span", { className: "link-number", text: row.name }),
        make("span", { className: "link-title", text: row.preview || t("no-messages") }),
        pillOf(t(`status-${row.status}`), row.status),
      ),
    ),
  );
  if (!items.length) items.push(make("li", { className: "quiet-text", text: "—" }));
  hook("ticket-conversations").replaceChildren(...items);
}

function pillOf(text, status) {
  const pill = make("span", { className: "pill", text });
  pill.dataset.status = status;
  return pill;
}

function word(name, value) {
  if (value === null || value === "") return "";
  if (name === "status") return t(`ticket-${value}`);
  if (name === "priority") {
    const index = ["urgent", "high", "normal", "low"].indexOf(value);
    return state.priorities[index]?.label ?? value;
  }
  return value;
}

function changeSentence(name, [key, { from, to }]) {
  const field = key.startsWith("attributes.") ? key.slice("attributes.".length) : t(`field-${key}`);
  const values = { name, field, from: word(key, from), to: word(key, to) };
  if (key === "description") return t("history-text", values);
  if (!values.from) return t("history-set", values);
  return t(values.to ? "history-changed" : "history-removed", values);
}

function showHistory() {
  const items = shown.history.flatMap((event) => {
    const name = event.by.kind === "agent" ? t("the-agent", { name: event.by.name }) : event.by.name || t("author-system");
    const sentences =
      event.type === "updated"
        ? Object.entries(event.changes).map((change) => changeSentence(name, change))
        : [t(`history-${event.type}`, { name })];
    return sentences.map((sentence) => {
      const time = make("time", { text: ago(event.at), title: exactTime(event.at) });
      const item = make("li", {}, sentence, " ", time);
      if (event.text) item.append(make("blockquote", { text: event.text }));
      return item;
    });
  });
  hook("ticket-history").replaceChildren(...items);
}

function showFacts() {
  const { ticket } = shown;
  const pairs = [
    [t("author-contact"), ticket.requester],
    [t("started"), ago(ticket.created_at), exactTime(ticket.created_at)],
  ];
  const list = hook("ticket-facts");
  list.replaceChildren(
    ...pairs
      .filter(([, value]) => value)
      .map(([name, value, title]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value, title: title ?? value }))),
  );
}

async function change(changes) {
  try {
    const answer = await post(address("change/"), changes);
    if (!answer.ticket) return gone();
    take(answer);
    toast(t("saved"));
  } catch (problem) {
    toastProblem(problem);
    show();
  }
}

function gone() {
  toastProblem(new Problem(t("ticket-gone")));
  setTimeout(() => location.assign(state.urls.tickets), 1500);
}

function take(detail) {
  if (detail.ticket.seq < shown.ticket.seq) return;
  shown = { ...shown, ...detail };
  show();
}

async function readAgain() {
  try {
    take(await get(address("state/")));
  } catch (problem) {
    if (problem.status === 404) gone();
  }
}

on("socket:ticket", ({ ticket }) => ticket.id === shown.ticket.id && ticket.seq > shown.ticket.seq && readAgain());
on("socket:ticket.gone", (frame) => frame.ticket === shown.ticket.id && gone());
on("connected", readAgain);

options(field("status"), state.statuses.map((choice) => [choice.value, choice.label]));
options(field("priority"), state.priorities.map((choice) => [choice.value, choice.label]));
options(field("assignee"), [["", t("nobody")], ...state.operators.map((person) => [person.id, person.name])]);
options(field("team"), [["", t("no-team")], ...state.teams.map((team) => [team.id, team.name])]);
const number = (value) => (value === "" ? null : Number(value));
field("status").addEventListener("change", (event) => change({ status: event.target.value }));
field("priority").addEventListener("change", (event) => change({ priority: Number(event.target.value) }));
field("assignee").addEventListener("change", (event) => change({ assignee: number(event.target.value) }));
field("team").addEventListener("change", (event) => change({ team: number(event.target.value) }));
document.querySelector("[data-assign-me]").addEventListener("click", () => change({ assignee: state.me.id }));
everyHalfMinute(show);
show();
connect();
