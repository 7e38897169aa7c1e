// One key for each frequent thing. Nothing happens while somebody types, nor in a dialog.

import { actIfOffered, assignToMe, newTicket } from "./actions.js";
import { writeFirst } from "./begin.js";
import { setMode, write } from "./composer.js";
import { openContext, toggleContext } from "./context.js";
import { suggest } from "./copilot.js";
import { hook } from "./dom.js";
import { focusList, moveFocus } from "./list.js";
import { closeConversation, openId } from "./thread.js";

const KEYS = {
  j: () => moveFocus(1),
  k: () => moveFocus(-1),
  r: () => write("reply"),
  n: () => write("note"),
  a: assignToMe,
  t: () => actIfOffered("take-over"),
  e: () => actIfOffered("resolve"),
  c: newTicket,
  w: writeFirst,
  d: toggleContext,
  s: () => {
    openContext();
    suggest();
  },
  "/": () => hook("search").focus(),
  "?": () => hook("shortcuts-dialog").showModal(),
};

function escape(target) {
  if (target.matches("textarea, input")) {
    target.blur();
    focusList();
  } else if (openId() && matchMedia("(max-width: 759px)").matches) {
    closeConversation();
  }
}

/** Listens to the keyboard. */
export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      escape(event.target);
      return;
    }
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const call = KEYS[event.key];
    if (!call) return;
    event.preventDefault();
    call();
  });
  hook("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "ArrowDown") {
      event.preventDefault();
      focusList();
    }
  });
  setMode("reply");
}
