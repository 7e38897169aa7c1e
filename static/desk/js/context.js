// The panel beside the thread: customer, facts, tickets, what the agent did, earlier conversations.

import { act } from "./actions.js";
import { hook, make } from "./dom.js";
import { fieldInputs, labelled, renewed } from "./fields.js";
import { get } from "./http.js";
import { showInitials } from "./names.js";
import { on, state, t, tell } from "./state.js";
import { openId, openRow } from "./thread.js";
import { age, ago, exactTime, shortDate } from "./time.js";

const KEY = "desk:context";
const NARROW = "(max-width: 1099px)";
const panes = hook("panes");
const body = hook("context-body");
let shown = null;
let shownFor = "";
let staleTimer = 0;
let isLate = false;
let saving = Promise.resolve();

function setOpen(isOpen, { keep = true } = {}) {
  panes.dataset.context = isOpen ? "open" : "closed";
  for (const button of document.querySelectorAll("[data-toggle-context]")) {
    button.setAttribute("aria-expanded", String(isOpen));
  }
  if (keep) localStorage.setItem(KEY, isOpen ? "open" : "closed");
}

/** Shows or hides the panel. */
export function toggleContext() {
  if (openId()) setOpen(panes.dataset.context !== "open");
}

/** Shows the panel for now; whether it stays is the operator's choice. */
export function openContext() {
  if (openId()) setOpen(true, { keep: false });
}

/** Folds the panel where it lies over the thread. */
export function uncoverThread() {
  if (matchMedia(NARROW).matches) setOpen(false, { keep: false });
}

function section(title, ...children) {
  return make("section", { className: "context-section" }, make("h3", { text: title }), ...children);
}

function facts(pairs) {
  const list = make("dl", { className: "facts" });
  for (const [name, value, title] of pairs) {
    if (!value) continue;
    list.append(make("div", {}, make("dt", { text: name }), make("dd", { text: value, title: title ?? value })));
  }
  return list;
}

function person(contact) {
  const avatar = make("span", { className: "avatar avatar-large" });
  avatar.setAttribute("aria-hidden", "true");
  showInitials(avatar, contact.name);
  const mark = contact.verified
    ? make("span", { className: "pill", text: t("verified"), title: t("verified-why") })
    : make("span", { className: "pill pill-quiet", text: t("unverified"), title: t("unverified-why") });
  mark.dataset.status = contact.verified ? "resolved" : "";
  return make("div", { className: "person" }, avatar, make("div", {}, make("p", { className: "person-name", text: contact.name }), mark));
}

function tickets(found) {
  if (!found.length) return make("p", { className: "quiet-text", text: t("no-tickets") });
  const list = make("ul", { className: "links" });
  for (const ticket of found) {
    const link = make(
      "a",
      { href: `${state.urls.tickets}${ticket.number}/` },
      make("span", { className: "link-number", text: `#${ticket.number}` }),
      make("span", { className: "link-title", text: ticket.subject, title: ticket.subject }),
      pill(t(`ticket-${ticket.status}`), ticket.status),
    );
    list.append(make("li", {}, link));
  }
  return list;
}

function pill(text, status) {
  const element = make("span", { className: "pill", text });
  element.dataset.status = status;
  return element;
}

function runs(found) {
  const list = make("ul", { className: "runs" });
  for (const run of found) {
    const tools = run.tools.map((tool) => tool.name).join(" → ");
    const head = make(
      "p",
      { className: "run-head" },
      make("span", { className: "ai-mark", text: t("ai") }),
      make("span", { text: run.status_label }),
      make("time", { text: age(run.started_at), title: exactTime(run.started_at) }),
    );
    const item = make("li", {}, head);
    if (tools) item.append(make("p", { className: "run-tools", text: tools }));
    if (run.detail) item.append(make("p", { className: "run-detail", text: run.detail }));
    list.append(item);
  }
  return list;
}

function previous(found) {
  const list = make("ul", { className: "links" });
  for (const other of found) {
    const link = make(
      "a",
      { href: `${state.urls.inbox}${other.id}/` },
      make("span", { className: "link-title", text: other.title || t("no-messages"), title: other.title }),
      make("span", { className: "link-date", text: shortDate(other.created_at), title: exactTime(other.created_at) }),
    );
    list.append(make("li", {}, link));
  }
  return list;
}

/** Saves one change after the other: a verb that is still on its way takes no second one. */
function save(verb, data) {
  const id = openId();
  saving = saving.then(async () => {
    await act(verb, data, id);
    tell("context:stale");
  });
}

function fieldsOf(found, of) {
  return fieldInputs(found, (attributes) => save("fields", { of, attributes }));
}

/** One line of tags; what was typed is told as what came and what went, so that nobody's tag is lost. */
function tags(row) {
  const control = make("input");
  control.value = row.tags.join(", ");
  return labelled(
    t("tags"),
    control,
    () => {
      const wanted = control.value.split(",").map((tag) => tag.trim()).filter(Boolean);
      save("tags", {
        add: wanted.filter((tag) => !row.tags.includes(tag)),
        remove: row.tags.filter((tag) => !wanted.includes(tag)),
      });
    },
    t("tags-hint"),
  );
}

/** What of a row stands in the panel. */
function keyOf(row) {
  return JSON.stringify([row.id, row.status, row.assignee, row.team, row.priority, row.tags, row.subject]);
}

function show(context) {
  shown = context;
  const row = openRow();
  const isSame = row.id === JSON.parse(shownFor || "[]")[0];
  // What changes while somebody types in a field of it is shown when they leave that.
  if (isSame) isLate = !renewed(body, () => render(context, row));
  else render(context, row);
}

function render(context, row) {
  shownFor = keyOf(row);
  const { contact, facts: known } = context;
  const priority = state.priorities.find((choice) => choice.value === row.priority)?.label;
  const newTicket = make("button", { className: "link", text: t("create-ticket") });
  newTicket.type = "button";
  newTicket.dataset.newTicket = "";
  const parts = [
    person(contact),
    facts([
      [t("email"), contact.email],
      [t("phone"), contact.phone],
      [t("language"), languageOf(contact.locale)],
      [t("known-since"), shortDate(contact.created_at), exactTime(contact.created_at)],
      [t("tags"), contact.tags.join(", ")],
    ]),
    ...fieldsOf(contact.fields, "contact"),
    section(
      t("conversation"),
      facts([
        [t("inbox"), row.inbox],
        [t("team"), row.team?.name],
        [t("in-charge"), row.assignee?.name ?? (row.status === "bot" ? row.agent || t("ai-agent") : t("nobody"))],
        [t("priority"), priority],
        [t("subject"), row.subject],
        [t("started"), ago(known.created_at), exactTime(known.created_at)],
        [t("first-reply"), known.first_reply_at && ago(known.first_reply_at), known.first_reply_at && exactTime(known.first_reply_at)],
      ]),
      tags(row),
      ...fieldsOf(context.fields, "conversation"),
    ),
    section(t("tickets"), tickets(context.tickets), newTicket),
  ];
  if (context.runs.length) parts.push(section(t("agent-work"), runs(context.runs)));
  if (context.previous.length) parts.push(section(t("previous"), previous(context.previous)));
  body.replaceChildren(...parts);
}

function languageOf(locale) {
  if (!locale) return "";
  try {
    return new Intl.DisplayNames([document.documentElement.lang || "en"], { type: "language" }).of(locale);
  } catch {
    return locale;
  }
}

function readAgainSoon() {
  clearTimeout(staleTimer);
  staleTimer = setTimeout(async () => {
    const id = openId();
    if (!id) return;
    const answer = await get(`${state.urls.inbox}${id}/context/`).catch(() => null);
    if (answer && id === openId()) show(answer.context);
  }, 400);
}

on("context", show);
on("context:stale", readAgainSoon);
body.addEventListener("focusout", () => setTimeout(() => isLate && shown && show(shown)));
on("row:open", (row) => {
  if (shown && keyOf(row) !== shownFor) show(shown);
});
on("opened", ({ id }) => {
  if (id) {
    if (panes.dataset.context !== "open") setOpen(isWanted(), { keep: false });
    return;
  }
  shown = null;
  shownFor = "";
  body.replaceChildren();
  setOpen(false, { keep: false });
});

/** A wide screen shows the panel until somebody folds it; a narrow one when it is asked for. */
function isWanted() {
  if (matchMedia(NARROW).matches) return false;
  const remembered = localStorage.getItem(KEY);
  return remembered ? remembered === "open" : matchMedia("(min-width: 1440px)").matches;
}

/** Listens to the buttons. */
export function startContext() {
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-toggle-context]")) toggleContext();
    const link = event.target.closest?.(".context a");
    if (link) uncoverThread();
  });
}
