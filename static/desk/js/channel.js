// Channels: a glyph for each kind, and what is wrong with the inbox of the open thread.

import { copyOf, hook, make, setText } from "./dom.js";
import { on, state, t } from "./state.js";

/** Returns the glyph of a channel's kind. */
export function channelIcon(kind) {
  const icon = copyOf("channel-icon");
  if (document.getElementById(`c-${kind}`)) icon.querySelector("use").setAttribute("href", `#c-${kind}`);
  return icon;
}

/** Shows through which channel and inbox a conversation runs. */
export function showChannel(element, row, { name = false } = {}) {
  const key = `${row.channel.kind}:${row.inbox}`;
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.title = `${row.channel.label} · ${row.inbox}`;
  const words = name ? make("span", { text: row.inbox }) : make("span", { className: "visually-hidden", text: row.channel.label });
  element.replaceChildren(channelIcon(row.channel.kind), words);
}

function show(row) {
  showChannel(hook("thread-channel"), row, { name: true });
  const banner = hook("thread-light");
  banner.hidden = !row.light;
  if (!row.light) return;
  banner.dataset.color = row.light.color;
  const detail = row.light.detail || t("light-why");
  setText(hook("light-text"), row.light.color === "red" ? t("light-red", { detail }) : t("light-yellow", { detail }));
  const link = hook("light-link");
  link.hidden = !state.urls.inboxes;
  link.href = `${state.urls.inboxes}${row.inbox_id}/change/`;
}

on("opened", ({ row }) => row && show(row));
on("row:open", show);
