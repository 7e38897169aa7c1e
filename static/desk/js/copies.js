// Who else gets an answer by mail: filled in as mail programs do, changed by hand, checked before it is sent.

import { hook, make, setText } from "./dom.js";
import { get } from "./http.js";
import { chosenQuote } from "./quote.js";
import { on, state, t, tell } from "./state.js";
import { openId, openRow } from "./thread.js";

const form = hook("composer");
const field = hook("copies");
// One address, alone or as `Name <address>`.
const ONE = /^(?:[^<>]*<)?([^\s<>,;"]+@[^\s<>,;"]+)>?$/;

let known = [];
let isEdited = false;
let asked = 0;

const parts = () => field.value.split(/[,;\n]/).map((part) => part.trim()).filter(Boolean);
const addressesOf = (texts) => texts.map((text) => text.match(ONE)?.[1].toLowerCase() ?? null);
const isOffered = () => Boolean(openRow()?.channel.copies);

/** Returns the addresses that get a copy; none where the channel sends no copies. */
export const chosenCopies = () => (isOffered() ? addressesOf(parts()).filter(Boolean) : []);

/** Says whether each of them is an address. */
export const areCopiesGood = () => !isOffered() || !addressesOf(parts()).includes(null);

/** Returns what was written by hand, for a draft; null while it is what the thread suggests. */
export const draftOfCopies = () => (isEdited ? field.value : null);

/** Shows a draft's copies, or what the thread suggests. */
export function restoreCopies(draft) {
  isEdited = draft !== null;
  field.value = draft ?? "";
  known = [];
  showKnown();
  suggest();
}

/** Goes back to what the thread suggests. */
export function forgetCopies() {
  isEdited = false;
  suggest();
}

/** Shows the line while a reply is written. */
export function showCopies() {
  hook("composer-copies").hidden = !isOffered() || form.dataset.mode !== "reply";
}

/** Asks who else is in the thread; what was written by hand stays. */
async function suggest() {
  const id = openId();
  showCopies();
  if (!id || !isOffered()) return;
  const mine = ++asked;
  const quote = chosenQuote();
  const query = quote ? `?answers=${quote.id}` : "";
  try {
    const found = await get(`${state.urls.inbox}${id}/recipients/${query}`);
    if (mine !== asked || id !== openId()) return;
    setText(hook("copies-to"), found.to);
    known = [...found.cc, ...found.known];
    if (!isEdited) field.value = found.cc.map((person) => person.address).join(", ");
    check();
  } catch {
    // Addresses can still be written by hand.
  }
}

function check() {
  const isGood = areCopiesGood();
  field.setAttribute("aria-invalid", String(!isGood));
  const wrong = parts().find((part) => !ONE.test(part)) ?? "";
  setText(hook("copies-problem"), isGood ? "" : t("copies-problem", { address: wrong }), { hide: true });
  showKnown();
  tell("copies");
}

function showKnown() {
  const chosen = new Set(addressesOf(parts()));
  const others = known.filter((person) => !chosen.has(person.address));
  hook("copies-known").hidden = others.length === 0;
  hook("copies-known").replaceChildren(...others.map(offer));
}

function offer(person) {
  const words = t("copies-add", { name: person.name || person.address });
  const button = make("button", { className: "quiet", text: words, title: person.address });
  button.type = "button";
  button.addEventListener("click", () => {
    field.value = [...parts(), person.address].join(", ");
    isEdited = true;
    check();
    field.focus();
  });
  return button;
}

on("row:open", showCopies);
on("quote", suggest);
on("socket:event", (frame) => {
  if (frame.conversation === openId() && frame.event === "message.created") suggest();
});

/** Listens to the field. */
export function startCopies() {
  field.addEventListener("input", () => {
    isEdited = true;
    check();
  });
}
