// The list of tickets: patched in place as tickets change.

import { copyOf, hook, setText, slot } from "./dom.js";
import { get } from "./http.js";
import { connect } from "./socket.js";
import { on, state, t } from "./state.js";
import { age, everyHalfMinute, exactTime } from "./time.js";
import { toastProblem } from "./toast.js";

const DONE = new Set(["solved", "closed"]);
const REFRESH = 60000;

const list = hook("rows");
const rows = new Map();
const items = new Map();
let following = state.next;
let view = state.view;
let search = "";
let asked = 0;
let countTimer = 0;

function belongs(ticket) {
  if (search) return rows.has(ticket.id);
  const isDone = DONE.has(ticket.status);
  if (view === "all") return true;
  if (view === "done") return isDone;
  if (view === "mine") return !isDone && ticket.assignee?.id === state.me.id;
  if (view === "unassigned") return !isDone && !ticket.assignee;
  return !isDone;
}

function patch(item, ticket) {
  const link = slot(item, "subject");
  link.href = `${state.urls.tickets}${ticket.number}/`;
  setText(link, ticket.subject);
  link.title = ticket.subject;
  setText(slot(item, "number"), `#${ticket.number}`);
  setText(slot(item, "requester"), ticket.requester);
  const status = slot(item, "status");
  setText(status, t(`ticket-${ticket.status}`));
  status.dataset.status = ticket.status;
  const priority = slot(item, "priority");
  setText(priority, state.priorities.find((choice) => choice.value === ticket.priority)?.label ?? "");
  priority.dataset.priority = ticket.priority;
  quiet(slot(item, "team"), ticket.team?.name, t("no-team"));
  quiet(slot(item, "assignee"), ticket.assignee?.name, t("nobody"));
  patchTime(item, ticket);
}

function quiet(cell, text, otherwise) {
  setText(cell, text ?? otherwise);
  cell.classList.toggle("quiet-cell", !text);
}

function patchTime(item, ticket) {
  const time = slot(item, "time");
  time.dateTime = ticket.updated_at;
  setText(time, age(ticket.updated_at));
  time.title = exactTime(ticket.updated_at);
}

function show(ticket) {
  const known = rows.get(ticket.id);
  if (known && known.seq > ticket.seq) return;
  rows.set(ticket.id, ticket);
  let item = items.get(ticket.id);
  if (!item) {
    item = copyOf("ticket");
    items.set(ticket.id, item);
    const before = [...list.children].find((other) => rows.get(other.dataset.id).number < ticket.number);
    list.insertBefore(item, before ?? null);
  }
  item.dataset.id = ticket.id;
  patch(item, ticket);
}

function forget(id) {
  items.get(id)?.remove();
  items.delete(id);
  rows.delete(id);
}

function showCounts(counts) {
  for (const element of document.querySelectorAll("[data-count]")) {
    setText(element, String(counts[element.dataset.count] || ""));
  }
}

function showEmpty() {
  const isEmpty = list.childElementCount === 0;
  hook("list-empty").hidden = !isEmpty;
  hook("list-more").hidden = !following;
  setText(hook("empty-title"), t(search ? "empty-search-title" : "empty-tickets-title"));
  setText(hook("empty-text"), search ? "" : t("empty-tickets"));
}

async function load({ before = "", keep = false } = {}) {
  const mine = ++asked;
  const query = new URLSearchParams({ view });
  if (search) query.set("q", search);
  if (before) query.set("before", before);
  try {
    const page = await get(`${state.urls.tickets}rows/?${query}`);
    if (mine !== asked) return;
    if (!before && !keep) for (const id of [...rows.keys()]) forget(id);
    if (keep) {
      const fresh = new Set(page.rows.map((ticket) => ticket.id));
      const last = page.next ? page.rows.at(-1).number : 0;
      for (const [id, ticket] of rows) if (!fresh.has(id) && ticket.number >= last) forget(id);
      if (rows.size <= page.rows.length) following = page.next;
    } else {
      following = page.next;
    }
    for (const ticket of page.rows) show(ticket);
    showCounts(page.counts);
    showEmpty();
  } catch (problem) {
    if (!keep) toastProblem(problem);
  }
}

function choose(name) {
  view = name;
  for (const link of document.querySelectorAll("[data-ticket-view]")) {
    if (link.dataset.ticketView === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const url = new URL(location.href);
  url.searchParams.set("view", name);
  history.replaceState({}, "", url);
  load();
}

on("socket:ticket", ({ ticket }) => {
  const isKnown = rows.has(ticket.id);
  if (isKnown && !belongs(ticket)) forget(ticket.id);
  else if (isKnown || (belongs(ticket) && !(following && ticket.number < Number(following)))) show(ticket);
  showEmpty();
  clearTimeout(countTimer);
  countTimer = setTimeout(() => load({ keep: true }), 2000);
});
on("socket:ticket.gone", (frame) => {
  forget(frame.ticket);
  showEmpty();
});
on("connected", () => load({ keep: true }));

for (const ticket of state.rows) show(ticket);
showCounts(state.counts);
showEmpty();
hook("views").addEventListener("click", (event) => {
  const link = event.target.closest("[data-ticket-view]");
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  choose(link.dataset.ticketView);
});
list.addEventListener("click", (event) => {
  const row = event.target.closest(".ticket-row");
  if (row && !event.target.closest("a") && !getSelection().toString()) slot(row, "subject").click();
});
hook("list-more").addEventListener("click", () => load({ before: following }));
let typing = 0;
hook("search").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    search = event.target.value.trim();
    load();
  }, 200);
});
everyHalfMinute(() => {
  for (const [id, item] of items) patchTime(item, rows.get(id));
});
setInterval(() => document.hidden || load({ keep: true }), REFRESH);
connect();
