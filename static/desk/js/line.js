// What happened, in one quiet line. That a message was not delivered stands under the message itself.

import { copyOf, slot } from "./dom.js";
import { state, t } from "./state.js";
import { clockTime, exactTime } from "./time.js";

const RUNS = { "run.cancelled": "line-run-cancelled", "identity.verified": "line-verified" };
const VERDICTS = {
  approved: "line-approved",
  refused: "line-refused",
  expired: "line-expired",
  cancelled: "line-let-go",
};

/** Returns the sentence of an event, or "" when it says nothing to people. `before` is the state it changed. */
export function sentenceOf(event, before) {
  const name = nameOf(event.by);
  if (event.event in RUNS) return t(RUNS[event.event], { name });
  if (event.event === "approval.decided") return t(VERDICTS[event.verdict], { name, tool: event.tool });
  if (event.event === "ticket.created") return t("line-ticket", { name, number: event.number, subject: event.subject });
  if (event.event === "ticket.updated") return ticketChange(event, name);
  if (event.event === "conversation.updated") return change(event, before, name);
  return "";
}

function nameOf(by) {
  if (by.kind === "contact") return by.name || t("author-contact");
  if (by.kind === "agent") return t("the-agent", { name: by.name });
  if (by.kind === "operator" && by.name === state.me.name) return t("you");
  return by.name || t("author-system");
}

function change(event, before, name) {
  const to = event.assignee?.name;
  if ("priority" in event) {
    const priority = state.priorities.find((choice) => choice.value === event.priority)?.label ?? event.priority;
    return t("line-priority", { name, priority });
  }
  if ("changes" in event) return t("line-changed", { name, fields: Object.keys(event.changes).map(fieldName).join(", ") });
  if ("reason" in event) return event.reason ? t("line-handed-over-why", { name, reason: event.reason }) : t("line-handed-over", { name });
  if ("team" in event) return assigned(event, before, name, to);
  if (event.status === "bot") return t("line-handed-back", { name });
  if (event.status === "resolved") return t("line-resolved", { name });
  if (event.by.kind === "contact" || before?.status === "resolved") return t("line-reopened", { name });
  return t("line-took-over", { name });
}

function fieldName(key) {
  if (key.startsWith("attributes.")) return key.slice("attributes.".length);
  return key === "tags" ? t("tags") : t(`field-${key}`);
}

function assigned(event, before, name, to) {
  if (!to) return t("line-unassigned", { name });
  if (to === event.by.name) return t("line-took", { name });
  return t("line-assigned", { name, to: to === state.me.name ? t("you-object") : to });
}

function ticketChange(event, name) {
  const status = event.changes?.status?.to;
  const label = state.strings[`ticket-${status}`];
  return label
    ? t("line-ticket-status", { name, number: event.number, status: label })
    : t("line-ticket-changed", { name, number: event.number });
}

/** Returns the element of an event, or null when it says nothing. */
export function makeLine(event, before) {
  const sentence = sentenceOf(event, before);
  if (!sentence) return null;
  const node = copyOf("line");
  node.dataset.seq = event.seq;
  slot(node, "text").textContent = sentence;
  const time = slot(node, "time");
  time.dateTime = event.at;
  time.textContent = clockTime(event.at);
  time.title = exactTime(event.at);
  return node;
}
