// One row of the list: made once, then patched in place.

import { showChannel } from "./channel.js";
import { copyOf, setText, slot } from "./dom.js";
import { initialsOf, showInitials, tint } from "./names.js";
import { state, t } from "./state.js";
import { age, exactTime, shortDate, urgency } from "./time.js";

const PRIORITY_ICON = { 40: "icon-urgent", 30: "icon-high", 10: "icon-low" };

/** Returns a new row's element. */
export function makeRow(row) {
  const item = copyOf("row");
  item.dataset.id = row.id;
  const link = item.querySelector("[data-row]");
  link.href = `${state.urls.inbox}${row.id}/`;
  patchRow(item, row);
  return item;
}

/** Makes the element say what the row says now. */
export function patchRow(item, row) {
  item.dataset.status = row.status;
  item.classList.toggle("is-unread", row.unread);
  showInitials(item.querySelector(".avatar"), row.name);
  setText(slot(item, "name"), row.name);
  setText(slot(item, "preview"), plain(row.subject || row.preview) || t("no-messages"));
  setText(slot(item, "unread"), row.unread ? t("unread") : "");
  showChannel(slot(item, "channel"), row);
  patchCharge(slot(item, "charge"), row);
  patchPriority(slot(item, "priority"), row.priority);
  patchTime(item, row);
}

/** Takes the marks of Markdown out of a line that is shown as text. */
function plain(text) {
  return text.replace(/\*\*|`|^>\s?|\s?\[\d+\]/gm, "");
}

/** Makes the waiting time say how long it is by now. */
export function patchTime(item, row) {
  const wait = slot(item, "wait");
  const waits = row.waiting_since && row.status !== "resolved";
  const moment = waits ? row.waiting_since : row.updated_at;
  const old = Date.now() - new Date(moment) > 7 * 86400000;
  setText(wait, !waits && old ? shortDate(moment) : age(moment));
  wait.dataset.urgency = waits && row.status === "open" ? urgency(moment) || "fine" : "";
  wait.title = waits ? t("waiting-since", { time: exactTime(moment) }) : exactTime(moment);
}

function patchCharge(element, row) {
  const key = row.status === "bot" ? "ai" : row.status === "resolved" ? "done" : row.assignee?.name ?? "";
  if (element.dataset.key === key && key) return;
  element.dataset.key = key;
  element.className = "row-charge";
  for (const name of ["data-tint", "role", "aria-label"]) element.removeAttribute(name);
  if (row.status === "bot") {
    element.classList.add("ai-mark");
    element.textContent = t("ai");
    element.title = t("agent-in-charge", { name: row.agent || t("ai-agent") });
  } else if (row.status === "resolved") {
    element.classList.add("done-mark");
    element.textContent = t("resolved");
    element.title = "";
  } else if (row.assignee) {
    element.classList.add("avatar", "avatar-small");
    element.textContent = initialsOf(row.assignee.name);
    element.dataset.tint = tint(row.assignee.name);
    element.title = row.assignee.name;
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", row.assignee.name);
  } else {
    element.textContent = "";
    element.title = "";
  }
}

function patchPriority(element, priority) {
  if (element.dataset.value === String(priority)) return;
  element.dataset.value = priority;
  const icon = PRIORITY_ICON[priority];
  element.hidden = !icon;
  element.replaceChildren(...(icon ? [copyOf(icon)] : []));
  element.title = state.priorities.find((choice) => choice.value === priority)?.label ?? "";
}
