// The head of the thread: who, what state, and what can be done now.

import { hook, setText } from "./dom.js";
import { on, t } from "./state.js";

function show(row) {
  setText(hook("thread-name"), row.name);
  hook("thread-name").title = row.name;
  const status = hook("thread-status");
  setText(status, t(`status-${row.status}`));
  status.dataset.status = row.status;
  setText(hook("thread-charge"), inCharge(row));
  for (const element of document.querySelectorAll("[data-when]")) {
    element.hidden = !element.dataset.when.split(" ").includes(row.status);
  }
}

function inCharge(row) {
  const who = row.assignee ? row.assignee.name : row.status === "bot" ? row.agent || t("ai-agent") : t("nobody");
  return [who, row.team?.name].filter(Boolean).join(" · ");
}

on("opened", ({ row }) => row && show(row));
on("row:open", show);
