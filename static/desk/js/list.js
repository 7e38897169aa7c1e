// The list of conversations. Rows are patched where they stand; they change places only while nobody points at them.

import { hook, setText } from "./dom.js";
import { get } from "./http.js";
import { makeRow, patchRow, patchTime } from "./row.js";
import { on, state, t, tell } from "./state.js";
import { everyHalfMinute } from "./time.js";
import { toastProblem } from "./toast.js";

const WAITING_FIRST = new Set(["open", "mine", "unassigned", "agent"]);
const REFRESH = 60000;
const SETTLE = 250;
// Whoever has just moved the pointer over the list is about to click.
const POINTING = 1200;

const list = hook("rows");
const scroller = hook("list-scroll");
const rows = new Map();
const items = new Map();
// One map for each page that is on its way, of what is heard meanwhile: it is newer than the page.
const readings = new Set();
let following = state.next;
let queue = state.queue;
let inbox = state.inbox;
let search = "";
let openId = state.opened?.row.id ?? "";
let asked = 0;
let looked = 0;
let settling = 0;
let pointedAt = 0;
let isLoading = false;

/** Returns what is known of a row. */
export const rowOf = (id) => rows.get(id);

/** Returns the queue that is shown. */
export const currentQueue = () => queue;

function belongs(row) {
  if (search) return rows.has(row.id);
  if (inbox && row.inbox_id !== inbox) return false;
  switch (queue) {
    case "open":
      return row.status === "open";
    case "mine":
      return row.status === "open" && row.assignee?.id === state.me.id;
    case "unassigned":
      return row.status === "open" && !row.assignee;
    case "agent":
      return row.status === "bot";
    case "resolved":
      return row.status === "resolved";
    default:
      return true;
  }
}

const text = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

/** The order of the server: who waits longest, then what is newest. */
function compare(one, other) {
  if (WAITING_FIRST.has(queue) && one.waiting_since !== other.waiting_since) {
    if (!one.waiting_since) return 1;
    if (!other.waiting_since) return -1;
    return text(Date.parse(one.waiting_since), Date.parse(other.waiting_since));
  }
  return text(Date.parse(other.updated_at), Date.parse(one.updated_at)) || text(one.id, other.id);
}

function show(row) {
  rows.set(row.id, row);
  let item = items.get(row.id);
  if (item) {
    patchRow(item, row);
  } else {
    item = makeRow(row);
    items.set(row.id, item);
  }
  item.classList.toggle("is-leaving", !belongs(row));
  markOpen(item);
  return item;
}

function markOpen(item) {
  const link = item.firstElementChild;
  if (item.dataset.id === openId) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

/** Brings rows into their order, unless somebody is about to click one. */
function settle() {
  clearTimeout(settling);
  if (Date.now() - pointedAt < POINTING) {
    settling = setTimeout(settle, SETTLE);
    return;
  }
  const kept = [...rows.values()].filter((row) => belongs(row) || row.id === openId);
  kept.sort(compare);
  const wanted = new Set(kept.map((row) => row.id));
  for (const [id, item] of items) {
    if (!wanted.has(id)) forget(id, item);
  }
  place(kept);
  showEmpty();
}

function forget(id, item = items.get(id)) {
  item?.remove();
  items.delete(id);
  rows.delete(id);
}

/** Puts the elements in order, moving only those that stand wrong, and keeps what is read where it is. */
function place(kept) {
  const focused = document.activeElement?.closest?.(".row-item");
  const anchor = anchorOf();
  let previous = null;
  for (const row of kept) {
    const item = items.get(row.id);
    const after = previous ? previous.nextElementSibling : list.firstElementChild;
    if (after !== item) list.insertBefore(item, after);
    previous = item;
  }
  if (focused && document.activeElement !== focused.firstElementChild) focused.firstElementChild.focus({ preventScroll: true });
  if (anchor) scroller.scrollTop += anchor.item.getBoundingClientRect().top - anchor.top;
}

function anchorOf() {
  if (scroller.scrollTop < 8) return null;
  const top = scroller.getBoundingClientRect().top;
  for (const item of list.children) {
    const box = item.getBoundingClientRect();
    if (box.bottom > top) return { item, top: box.top };
  }
  return null;
}

function settleSoon() {
  clearTimeout(settling);
  settling = setTimeout(settle, SETTLE);
}

function showEmpty() {
  const isEmpty = list.childElementCount === 0;
  hook("list-empty").hidden = !isEmpty;
  hook("list-more").hidden = !following;
  if (!isEmpty) return;
  setText(hook("empty-title"), t(search ? "empty-search-title" : `empty-${queue}-title`));
  setText(hook("empty-text"), t(search ? "empty-search" : `empty-${queue}`));
}

function address(after = "") {
  const query = new URLSearchParams({ queue });
  if (inbox) query.set("inbox", inbox);
  if (search) query.set("q", search);
  if (after) query.set("after", after);
  return `${state.urls.inbox}rows/?${query}`;
}

/** Reads a page; what was heard of its rows meanwhile stands in it, and beside it in `heard`. */
async function read(after = "") {
  const heard = new Map();
  readings.add(heard);
  try {
    const page = await get(address(after));
    const fresh = page.rows.map((row) => (heard.has(row.id) ? heard.get(row.id) : row)).filter(Boolean);
    return { ...page, rows: fresh, heard };
  } finally {
    readings.delete(heard);
  }
}

function hear(id, row) {
  for (const heard of readings) heard.set(id, row);
}

/** Reads the first page again and puts it in the place of what is shown. */
async function load({ keep = false } = {}) {
  // Another list is on its way, and will be as fresh.
  if (keep && list.hasAttribute("aria-busy")) return;
  // A look at what is shown does not call off the next page that is on its way; another list does.
  const mine = keep ? asked : ++asked;
  const look = ++looked;
  if (!keep) list.setAttribute("aria-busy", "true");
  try {
    const page = await read();
    if (mine !== asked || look !== looked) return;
    if (keep) refresh(page);
    else replace(page);
    if (!page.heard.has("counts")) tell("counts", page.counts);
    tell("lights", page.lights);
  } catch (problem) {
    if (!keep) toastProblem(problem);
  } finally {
    if (!keep && mine === asked) list.removeAttribute("aria-busy");
  }
}

function replace(page) {
  list.replaceChildren();
  rows.clear();
  items.clear();
  scroller.scrollTop = 0;
  take(page);
  for (const row of page.heard.values()) if (row) add(row);
}

/** What the first page shows now is true; rows of it that are gone from the server go. */
function refresh(page) {
  const fresh = new Set(page.rows.map((row) => row.id));
  const last = page.rows.at(-1);
  for (const [id, row] of rows) {
    const isWithin = !page.next || (last && compare(row, last) <= 0);
    if (isWithin && !fresh.has(id) && !page.heard.has(id) && id !== openId) forget(id);
  }
  for (const row of page.rows) show(row);
  if (rows.size <= page.rows.length) following = page.next;
  settle();
}

function take(page) {
  following = page.next;
  for (const row of page.rows) list.append(show(row));
  showEmpty();
}

async function more() {
  if (!following || isLoading) return;
  isLoading = true;
  const mine = asked;
  try {
    const page = await read(following);
    if (mine !== asked) return;
    following = page.next;
    for (const row of page.rows) {
      const isNew = !items.has(row.id);
      const item = show(row);
      if (isNew) list.append(item);
    }
    showEmpty();
  } catch (problem) {
    toastProblem(problem);
  } finally {
    isLoading = false;
  }
}

function choose(name) {
  queue = name;
  search = "";
  hook("search").value = "";
  hook("queue-select").value = name;
  for (const link of document.querySelectorAll("[data-queue]")) {
    if (link.dataset.queue === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const url = new URL(location.href);
  url.searchParams.set("queue", name);
  history.replaceState(history.state, "", url);
  load();
}

/** Shows the conversations of one inbox (0: of all). */
function chooseInbox(id) {
  inbox = id || null;
  for (const link of document.querySelectorAll("[data-inbox]")) {
    if (Number(link.dataset.inbox) === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (hook("inbox-select")) hook("inbox-select").value = id || "";
  const url = new URL(location.href);
  if (id) url.searchParams.set("inbox", id);
  else url.searchParams.delete("inbox");
  history.replaceState(history.state, "", url);
  load();
}

/** Moves the focus up or down the list. */
export function moveFocus(step) {
  const links = [...list.querySelectorAll("[data-row]")];
  const focused = document.activeElement?.closest?.("[data-row]");
  const from = focused ? links.indexOf(focused) : links.findIndex((link) => link.hasAttribute("aria-current"));
  const target = links[Math.min(links.length - 1, Math.max(0, from + step))];
  target?.focus();
  target?.scrollIntoView({ block: "nearest" });
}

/** Puts the focus on the open row, or the first. */
export function focusList() {
  const link = list.querySelector("[aria-current]") ?? list.querySelector("[data-row]");
  link?.focus();
}

function listen() {
  list.addEventListener("click", (event) => {
    const link = event.target.closest("[data-row]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    tell("open", { id: link.closest(".row-item").dataset.id });
  });
  list.addEventListener("mousemove", () => (pointedAt = Date.now()), { passive: true });
  list.addEventListener("mouseleave", () => {
    pointedAt = 0;
    settleSoon();
  });
  hook("queues").addEventListener("click", (event) => {
    const link = event.target.closest("[data-queue]");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    choose(link.dataset.queue);
  });
  hook("inboxes")?.addEventListener("click", (event) => {
    const link = event.target.closest("[data-inbox]");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    chooseInbox(Number(link.dataset.inbox));
  });
  hook("inbox-select")?.addEventListener("change", (event) => chooseInbox(Number(event.target.value)));
  hook("queue-select").addEventListener("change", (event) => choose(event.target.value));
  hook("list-more").addEventListener("click", more);
  new IntersectionObserver((seen) => seen[0].isIntersecting && more(), { root: scroller, rootMargin: "400px" }).observe(
    hook("list-more"),
  );
  let typing = 0;
  hook("search").addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      search = event.target.value.trim();
      load();
    }, 200);
  });
}

function add(row) {
  if (!items.has(row.id) && (search || !belongs(row))) return;
  const last = list.lastElementChild;
  const isBeyond = following && last && !items.has(row.id) && compare(row, rows.get(last.dataset.id)) > 0;
  // It will come with its page.
  if (isBeyond) return;
  const isNew = !items.has(row.id);
  show(row);
  if (isNew) settle();
  else settleSoon();
}

on("row", (row) => {
  hear(row.id, row);
  add(row);
});
on("socket:counts", () => hear("counts", null));
on("socket:row", (frame) => tell("row", frame.row));
on("socket:gone", (frame) => {
  hear(frame.conversation, null);
  if (frame.conversation !== openId) forget(frame.conversation);
  showEmpty();
});
on("opened", ({ id }) => {
  openId = id;
  for (const item of items.values()) markOpen(item);
  settleSoon();
});
on("connected", () => load({ keep: true }));

/** Shows the rows that came with the page. */
export function startList() {
  take(state);
  listen();
  everyHalfMinute(() => {
    for (const [id, item] of items) patchTime(item, rows.get(id));
  });
  setInterval(() => document.hidden || load({ keep: true }), REFRESH);
}
