// The open thread: snapshot over HTTP, then event by event over the socket, by number.

import { hook, setText } from "./dom.js";
import { get, Problem } from "./http.js";
import { appendItem, clearItems, prependItems } from "./items.js";
import { rowOf } from "./list.js";
import { atEnd, atTheEnd, atTheTop, startScroll, toEnd } from "./scroll.js";
import { send } from "./socket.js";
import { on, state, t, tell } from "./state.js";
import { clearStreams, endStream, takeDelta } from "./stream.js";
import { showTicks } from "./ticks.js";
import { toastProblem } from "./toast.js";

const TYPING_SHOWN = 6000;

const open = { id: "", seq: 0, read: 0, row: null, hasMore: false };
let wanted = "";
let typingTimer = 0;

/** Returns the open conversation's id, or "". */
export const openId = () => open.id;

/** Returns the open conversation's row. */
export const openRow = () => open.row;

function address(id, rest = "") {
  return `${state.urls.inbox}${id}/${rest}`;
}

/** Opens a conversation and writes it into the address. */
export async function openConversation(id, { push = true } = {}) {
  wanted = id;
  tell("opening", { id, row: rowOf(id) });
  try {
    const snapshot = await get(address(id, "thread/"));
    if (wanted !== id) return;
    if (push) history.pushState({ id }, "", address(id) + location.search);
    show(snapshot);
  } catch (problem) {
    if (wanted === id) toastProblem(problem);
  }
}

function show(snapshot) {
  Object.assign(open, { id: snapshot.row.id, seq: snapshot.seq, read: 0, row: snapshot.row, hasMore: snapshot.has_more });
  wanted = open.id;
  clearStreams(snapshot.row.agent);
  clearItems();
  showTyping(null);
  hook("panes").dataset.view = "thread";
  hook("thread-empty").hidden = true;
  hook("thread-open").hidden = false;
  for (const event of snapshot.items) appendItem(event);
  hook("earlier").hidden = !open.hasMore;
  showTicks(snapshot.row.read_by_contact);
  tell("row", snapshot.row);
  tell("opened", { id: open.id, row: open.row });
  tell("context", snapshot.context);
  toEnd();
  follow();
}

function follow() {
  if (!open.id) return;
  send({ type: "open", conversation: open.id, since: open.seq });
  markRead();
}

/** Leaves the thread for the list (on a phone, the list comes back). */
export function closeConversation({ push = true } = {}) {
  wanted = "";
  Object.assign(open, { id: "", seq: 0, row: null });
  send({ type: "close" });
  hook("panes").dataset.view = "list";
  hook("thread-open").hidden = true;
  hook("thread-empty").hidden = false;
  if (push) history.pushState({}, "", state.urls.inbox + location.search);
  tell("opened", { id: "", row: null });
}

function takeEvent(event) {
  if (event.conversation !== open.id || event.seq <= open.seq) return;
  if (event.seq !== open.seq + 1) {
    // Never shown with a gap: the socket is asked again from where this page stands.
    follow();
    return;
  }
  open.seq = event.seq;
  const written = event.event === "message.created" ? event.message : null;
  const isCustomers = written?.author.kind === "contact";
  atTheEnd(
    () => {
      endStream(event);
      const node = appendItem(event);
      if (written?.client_id) tell("stored", { clientId: written.client_id });
      return node && written;
    },
    { counts: isCustomers },
  );
  if (isCustomers) {
    showTyping(null);
    announce(written);
  }
  showTicks(open.row.read_by_contact);
  if (!event.message) tell("context:stale");
  markRead();
}

function announce(message) {
  setText(hook("announcer"), t("announce", { name: message.author.name, text: message.text.slice(0, 200) }));
}

/** The team has seen it when it is on a screen that somebody looks at. */
function markRead() {
  if (!open.id || document.hidden || !document.hasFocus() || !atEnd() || open.read >= open.seq) return;
  open.read = open.seq;
  send({ type: "read", seq: open.seq });
}

function showTyping(frame) {
  clearTimeout(typingTimer);
  const isOther = frame?.on && !(frame.who === "operator" && frame.name === state.me.name) && frame.who !== "agent";
  atTheEnd(() => {
    hook("typing").hidden = !isOther;
    if (isOther) {
      const key = frame.who === "operator" ? "operator-types" : "customer-types";
      setText(hook("typing-text"), t(key, { name: frame.name || open.row.name }));
    }
  });
  if (isOther) typingTimer = setTimeout(() => showTyping(null), TYPING_SHOWN);
}

async function earlier() {
  const first = hook("items").querySelector("[data-seq]");
  const before = Number(first?.dataset.seq ?? 0);
  const id = open.id;
  if (!open.hasMore || !before) return;
  hook("earlier").disabled = true;
  try {
    const page = await get(address(id, `thread/?before=${before}`));
    if (id !== open.id) return;
    open.hasMore = page.has_more;
    atTheTop(() => prependItems(page.items));
    showTicks(open.row.read_by_contact);
    hook("earlier").hidden = !open.hasMore;
  } catch (problem) {
    toastProblem(problem);
  } finally {
    hook("earlier").disabled = false;
  }
}

async function reload(id) {
  try {
    const snapshot = await get(address(id, "thread/"));
    if (id === open.id) show(snapshot);
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 404) gone(id);
  }
}

function gone(id) {
  if (id !== open.id) return;
  closeConversation();
  toastProblem(new Problem(t("gone")));
}

on("open", ({ id }) => openConversation(id));
on("row", (row) => {
  if (row.id !== open.id) return;
  open.row = row;
  showTicks(row.read_by_contact);
  tell("row:open", row);
});
on("connected", follow);
on("socket:event", takeEvent);
on("socket:reload", (frame) => frame.conversation === open.id && reload(open.id));
on("socket:gone", (frame) => gone(frame.conversation));
on("socket:typing", (frame) => frame.conversation === open.id && showTyping(frame));
on("socket:read", (frame) => {
  if (frame.conversation !== open.id || frame.seq <= open.row.read_by_contact) return;
  open.row = { ...open.row, read_by_contact: frame.seq };
  showTicks(frame.seq);
});
on("socket:delta", (frame) => frame.conversation === open.id && atTheEnd(() => takeDelta(frame)));

/** Shows the thread that came with the page and listens. */
export function startThread() {
  startScroll();
  hook("earlier").addEventListener("click", earlier);
  hook("back").addEventListener("click", () => closeConversation());
  hook("thread-scroll").addEventListener("scroll", markRead, { passive: true });
  window.addEventListener("focus", markRead);
  window.addEventListener("popstate", () => {
    const found = location.pathname.slice(state.urls.inbox.length).split("/")[0];
    if (found) openConversation(found, { push: false });
    else closeConversation({ push: false });
  });
  if (state.opened) show(state.opened);
}
