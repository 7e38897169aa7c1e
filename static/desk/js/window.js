// The time in which a channel takes free text. When it is over, the composer says so and offers templates.

import { hook, setText } from "./dom.js";
import { on, t, tell } from "./state.js";
import { clockTime, everyHalfMinute, exactTime } from "./time.js";
import { openRow } from "./thread.js";

const SOON = 6 * 3600000;
const LONGEST_TIMER = 2 ** 31 - 1;

const form = hook("composer");
let timer = 0;

/** Says whether a reply may be written now, by this computer's clock. */
export function isOpen(row) {
  return !row?.window || Boolean(row.window.until && Date.parse(row.window.until) > Date.now());
}

/** Returns until when, in words, if that is soon; "" otherwise. */
export function hintOf(row) {
  if (!row?.window || !isOpen(row) || Date.parse(row.window.until) - Date.now() > SOON) return "";
  return t("window-until", { time: clockTime(row.window.until) });
}

function explain(row) {
  if (!row.window.until) return t("window-never", { channel: row.channel.label });
  return t("window-closed", { time: exactTime(row.window.until), channel: row.channel.label });
}

/** Shows the field, or why there is none; a draft is kept meanwhile. */
export function showWindow(row = openRow()) {
  clearTimeout(timer);
  if (!row) return;
  const isClosed = form.dataset.mode === "reply" && !isOpen(row);
  const isNews = form.classList.contains("is-closed") !== isClosed;
  form.classList.toggle("is-closed", isClosed);
  hook("composer-text").hidden = isClosed;
  hook("composer-closed").hidden = !isClosed;
  hook("closed-choose").hidden = !row.channel.has_templates;
  hook("templates-offer").hidden = isClosed || !row.channel.has_templates || form.dataset.mode !== "reply";
  if (isClosed) setText(hook("closed-text"), explain(row));
  else if (row.window?.until && isOpen(row)) timer = setTimeout(() => showWindow(), Math.min(LONGEST_TIMER, Math.max(0, Date.parse(row.window.until) - Date.now()) + 50));
  if (isNews) tell("window");
}

on("opened", ({ row }) => row && showWindow(row));
on("row:open", showWindow);
everyHalfMinute(() => showWindow());
