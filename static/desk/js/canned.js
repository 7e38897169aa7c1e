// Canned replies where people write: "/" at the beginning of a line, or the button, offers them while one types.

import { hook, make, setText } from "./dom.js";
import { get } from "./http.js";
import { on, state, t } from "./state.js";
import { openId } from "./thread.js";
import { toast, toastProblem } from "./toast.js";

const WAIT = 120;
const TYPED = /(?:^|\n)\/([\p{L}\p{N}_-]{0,40})$/u;
const LONGEST = 60;

const field = hook("composer-text");
const panel = hook("canned-panel");
const list = hook("canned");
const button = hook("canned-open");

// `from`: where what is typed to find one begins, and is replaced. `left`: where a slash means no more than that.
let from = -1;
let bySlash = false;
let left = -1;
let marked = -1;
let timer = 0;
let asked = 0;
let isAwaited = false;
let isAsking = false;

const isOffered = () => from >= 0;

function close() {
  clearTimeout(timer);
  asked += 1;
  from = -1;
  isAwaited = false;
  isAsking = false;
  panel.hidden = true;
  button.setAttribute("aria-expanded", "false");
  for (const name of ["aria-controls", "aria-haspopup", "aria-activedescendant"]) field.removeAttribute(name);
}

function typed() {
  return field.value.slice(from + (bySlash ? 1 : 0), field.selectionStart);
}

function begin(place, slash) {
  from = place;
  bySlash = slash;
  button.setAttribute("aria-expanded", "true");
  look();
}

async function look() {
  const mine = ++asked;
  const id = openId();
  isAsking = true;
  try {
    const query = new URLSearchParams({ q: typed().trim() });
    const { replies } = await get(`${state.urls.inbox}${id}/canned/?${query}`);
    if (mine === asked && isOffered()) show(replies);
  } catch (problem) {
    if (mine !== asked) return;
    close();
    toastProblem(problem);
  }
}

function show(replies) {
  isAsking = false;
  list.replaceChildren(...replies.map(optionOf));
  list.hidden = replies.length === 0;
  hook("canned-none").hidden = replies.length > 0;
  // A path that somebody types is no search: only who pressed the button hears that there is nothing.
  panel.hidden = replies.length === 0 && bySlash;
  field.setAttribute("aria-haspopup", "listbox");
  field.setAttribute("aria-controls", list.id);
  setText(hook("announcer"), t(replies.length === 1 ? "canned-one" : "canned-found", { n: replies.length }));
  mark(replies.length ? 0 : -1);
  if (isAwaited) choose();
}

function optionOf(reply, index) {
  const option = make(
    "li",
    { title: reply.text },
    make("span", { className: "choice-name", text: `/${reply.shortcut}` }),
    make("span", { className: "canned-title", text: reply.title }),
    make("span", { className: "choice-address", text: reply.text }),
  );
  option.id = `canned-${index}`;
  option.setAttribute("role", "option");
  option.reply = reply;
  // The field keeps the focus.
  option.addEventListener("mousedown", (event) => event.preventDefault());
  option.addEventListener("click", () => insert(reply));
  return option;
}

function mark(index) {
  const options = [...list.children];
  marked = options.length ? (index + options.length) % options.length : -1;
  options.forEach((option, place) => option.setAttribute("aria-selected", String(place === marked)));
  if (marked < 0) field.removeAttribute("aria-activedescendant");
  else field.setAttribute("aria-activedescendant", options[marked].id);
  options[marked]?.scrollIntoView({ block: "nearest" });
}

function choose() {
  const isLate = isAwaited;
  isAwaited = false;
  if (marked >= 0) insert(list.children[marked].reply);
  // There was nothing to choose: the key meant what it always means.
  else if (isLate) put("\n", field.selectionStart);
}

function insert(reply) {
  const begun = from;
  close();
  put(reply.text, begun);
  field.focus();
  if (reply.missing.length) toast(t("canned-missing", { places: reply.missing.join(", ") }));
}

function put(text, place) {
  field.setRangeText(text, place, field.selectionStart, "end");
  // The composer keeps the draft, grows, and tells the customer that somebody writes.
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Returns where the slash stands behind which the cursor is; -1 where there is none. */
function slashAt(caret) {
  const found = field.value.slice(0, caret).match(TYPED);
  return found ? caret - found[1].length - 1 : -1;
}

function read() {
  const caret = field.selectionStart;
  const slash = slashAt(caret);
  if (slash < 0 || slash !== left) left = -1;
  if (isOffered() && !bySlash) {
    const text = typed();
    if (caret < from || text.includes("\n") || text.length > LONGEST) close();
  } else if (slash < 0 || slash === left) {
    if (isOffered()) close();
    return;
  }
  clearTimeout(timer);
  // What was offered for less than this is nothing to choose from any more, nor what is still to come for less.
  asked += 1;
  isAsking = true;
  if (!isOffered() && slash >= 0) begin(slash, true);
  else if (isOffered()) timer = setTimeout(look, WAIT);
}

function press(event) {
  if (!isOffered() || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey) {
    // The message is sent as it stands.
    if (event.key === "Enter") close();
    return;
  }
  const isChoosing = !panel.hidden && marked >= 0;
  if (event.key === "Escape") leave();
  else if (event.key === "ArrowDown" && isChoosing) mark(marked + 1);
  else if (event.key === "ArrowUp" && isChoosing) mark(marked - 1);
  else if (event.key === "Enter" && !event.shiftKey && isAsking) isAwaited = true;
  else if (["Enter", "Tab"].includes(event.key) && !event.shiftKey && isChoosing) choose();
  else return;
  event.preventDefault();
}

function leave() {
  left = bySlash ? from : -1;
  close();
}

on("opened", close);
on("window", () => {
  button.hidden = field.hidden;
  if (field.hidden) close();
});

/** Listens to the field and to the button. */
export function startCanned() {
  field.addEventListener("input", read);
  field.addEventListener("keydown", press);
  field.addEventListener("blur", close);
  button.addEventListener("mousedown", (event) => event.preventDefault());
  button.addEventListener("click", () => {
    if (isOffered()) {
      close();
      return;
    }
    field.focus();
    const caret = field.selectionStart;
    const slash = slashAt(caret);
    begin(slash < 0 ? caret : slash, slash >= 0);
  });
}
