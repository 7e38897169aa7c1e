// Where replies and notes are written. Drafts are kept per conversation for as long as the tab lives.

import { areCopiesGood, chosenCopies, draftOfCopies, forgetCopies, restoreCopies, showCopies } from "./copies.js";
import { copyOf, hook, setText, slot } from "./dom.js";
import { upload } from "./http.js";
import { sizeOf } from "./files.js";
import { sendMessage } from "./outbox.js";
import { chosenQuote, setQuote, showQuote } from "./quote.js";
import { send } from "./socket.js";
import { on, state, t } from "./state.js";
import { openId, openRow } from "./thread.js";
import { toastProblem } from "./toast.js";
import { hintOf, isOpen, showWindow } from "./window.js";

const TYPING_EVERY = 3000;
const MOST_HEIGHT = 240;

const form = hook("composer");
const field = hook("composer-text");
let current = "";
let files = [];
let lastTyping = 0;
let stopTyping = 0;

const keyOf = (id) => `desk:draft:${id}`;

function save() {
  if (!current) return;
  const draft = { mode: form.dataset.mode, text: field.value, quote: chosenQuote(), copies: draftOfCopies() };
  if (draft.text || draft.quote || draft.copies !== null) sessionStorage.setItem(keyOf(current), JSON.stringify(draft));
  else sessionStorage.removeItem(keyOf(current));
}

function restore(id) {
  save();
  current = id;
  files = [];
  showFiles();
  const draft = JSON.parse(sessionStorage.getItem(keyOf(id)) ?? '{"mode":"reply","text":""}');
  field.value = draft.text;
  setQuote(draft.quote ?? null);
  restoreCopies(draft.copies ?? null);
  setMode(draft.mode);
  grow();
}

/** Chooses between reply and note. */
export function setMode(mode) {
  form.dataset.mode = mode;
  for (const tab of form.querySelectorAll("[role=radio]")) {
    const isChosen = tab.dataset.mode === mode;
    tab.setAttribute("aria-checked", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
  }
  const isNote = mode === "note";
  setText(hook("composer-label"), t(isNote ? "note-label" : "reply-label"));
  field.placeholder = t(isNote ? "note-placeholder" : "reply-placeholder");
  setText(hook("send"), t(isNote ? "add-note" : "send"));
  hook("send-resolve").hidden = isNote;
  hook("attach").hidden = isNote;
  showHint(openRow());
  showWindow();
  showQuote();
  showCopies();
  save();
  enable();
}

function showHint(row) {
  const isReply = form.dataset.mode === "reply";
  const takesOver = isReply && row?.status === "bot" ? t("reply-takes-over") : "";
  hook("composer-hint").dataset.kind = takesOver ? "ai" : hintOf(row) ? "window" : "";
  const subject = row?.subject ? t("mail-subject", { subject: row.subject }) : "";
  setText(hook("composer-hint"), takesOver || (isReply ? hintOf(row) || subject : ""));
  hook("composer-hint").title = subject;
  enable();
}

/** Puts the cursor into the composer. */
export function write(mode) {
  if (!openId()) return;
  setMode(mode);
  field.focus();
}

/** Returns what stands in the composer. */
export const textOf = () => field.value;

/** Puts a text in the place of what stands there, as if it had been typed: kept as a draft, and not sent. */
export function replaceText(text) {
  field.value = text;
  save();
  grow();
  field.focus();
}

function grow() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, MOST_HEIGHT)}px`;
  enable();
}

function enable() {
  const isEmpty = field.value.trim() === "" && files.length === 0;
  const isClosed = form.dataset.mode === "reply" && !isOpen(openRow());
  const isAstray = form.dataset.mode === "reply" && !areCopiesGood();
  hook("send").disabled = isEmpty || isClosed || isAstray || files.some((file) => !file.attachment);
  hook("send-resolve").disabled = hook("send").disabled;
}

function submit({ resolve = false } = {}) {
  const id = openId();
  enable();
  if (!id || hook("send").disabled) return;
  const isNote = form.dataset.mode === "note";
  sendMessage({
    conversation: id,
    verb: isNote ? "note" : "reply",
    text: field.value.trim(),
    attachments: isNote ? [] : files.map((file) => file.attachment),
    quote: isNote ? null : chosenQuote(),
    copies: isNote ? [] : chosenCopies(),
    resolve,
  });
  field.value = "";
  if (!isNote) {
    setQuote(null);
    forgetCopies();
  }
  files = [];
  showFiles();
  // Whoever wrote a note goes on writing notes: a remark must not reach the customer by habit.
  save();
  grow();
  type(false);
}

/** Tells the customer that somebody writes; notes are nobody's business. */
function type(isTyping) {
  clearTimeout(stopTyping);
  if (!isTyping) {
    if (lastTyping) send({ type: "typing", on: false });
    lastTyping = 0;
    return;
  }
  if (form.dataset.mode === "note") return;
  if (Date.now() - lastTyping > TYPING_EVERY) {
    lastTyping = Date.now();
    send({ type: "typing", on: true });
  }
  stopTyping = setTimeout(() => type(false), TYPING_EVERY * 1.5);
}

function showFiles() {
  const list = hook("files");
  list.hidden = files.length === 0;
  list.replaceChildren(
    ...files.map((file) => {
      const item = copyOf("upload");
      slot(item, "name").textContent = file.name;
      slot(item, "size").textContent = file.attachment ? sizeOf(file.size) : t("uploading");
      item.querySelector("button").addEventListener("click", () => {
        files = files.filter((other) => other !== file);
        showFiles();
      });
      return item;
    }),
  );
  enable();
}

async function attach(chosen) {
  const id = openId();
  for (const blob of chosen) {
    const file = { name: blob.name, size: blob.size, attachment: null };
    files.push(file);
    showFiles();
    try {
      const answer = await upload(`${state.urls.inbox}${id}/files/`, blob);
      file.attachment = answer.attachment;
    } catch (problem) {
      files = files.filter((other) => other !== file);
      toastProblem(problem);
    }
    if (id === openId()) showFiles();
  }
}

on("opened", ({ id }) => {
  if (id === current) return;
  type(false);
  if (!id) {
    save();
    current = "";
    return;
  }
  restore(id);
});
on("row:open", showHint);
on("window", enable);
on("quote", () => write("reply"));
on("copies", () => {
  save();
  enable();
});
on("opened", ({ row }) => row && showHint(row));

/** Listens to the form. */
export function startComposer() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  hook("send-resolve").addEventListener("click", () => submit({ resolve: true }));
  form.querySelector("[role=radiogroup]").addEventListener("click", (event) => {
    const tab = event.target.closest("[role=radio]");
    if (tab) write(tab.dataset.mode);
  });
  form.querySelector("[role=radiogroup]").addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    setMode(form.dataset.mode === "note" ? "reply" : "note");
    form.querySelector("[aria-checked=true]").focus();
  });
  field.addEventListener("input", () => {
    save();
    grow();
    type(field.value.trim() !== "");
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    submit({ resolve: event.shiftKey && form.dataset.mode === "reply" });
  });
  field.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length || form.dataset.mode === "note") return;
    event.preventDefault();
    attach(pasted);
  });
  hook("file").addEventListener("change", (event) => {
    attach([...event.target.files]);
    event.target.value = "";
  });
}
