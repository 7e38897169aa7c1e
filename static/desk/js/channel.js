// Channels: a glyph for each kind, and what is wrong with an inbox: beside its name, and above its open thread.

import { copyOf, hook, make, setText } from "./dom.js";
import { on, state, t } from "./state.js";

let shown = null;

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

function wordsOf(light) {
  return t(light.color === "red" ? "light-red" : "light-yellow", { detail: light.detail || t("light-why") });
}

function show(row) {
  shown = row;
  showChannel(hook("thread-channel"), row, { name: true });
  const banner = hook("thread-light");
  banner.hidden = !row.light;
  if (!row.light) return;
  banner.dataset.color = row.light.color;
  setText(hook("light-text"), wordsOf(row.light));
  const link = hook("light-link");
  link.hidden = !state.urls.inboxes;
  link.href = `${state.urls.inboxes}${row.inbox_id}/change/`;
}

/** Marks each inbox that is in trouble; `lights` says by its number what is wrong, or null. */
function mark(lights) {
  for (const dot of document.querySelectorAll("[data-inbox-light]")) {
    const light = lights[dot.dataset.inboxLight];
    dot.hidden = !light;
    dot.dataset.color = light?.color ?? "";
    dot.title = light ? wordsOf(light) : "";
    setText(dot.firstElementChild, dot.title);
  }
  // An inbox of another team is not among them: its row alone tells.
  if (shown && shown.inbox_id in lights) show({ ...shown, light: lights[shown.inbox_id] });
}

/** Marks what came with the page. */
export function startChannels() {
  mark(state.lights);
}

on("lights", mark);
on("opened", ({ row }) => row && show(row));
on("row:open", show);
