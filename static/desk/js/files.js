// Files of a message: pictures and sound in place, everything else as a download.

import { copyOf, slot } from "./dom.js";
import { t } from "./state.js";

const PLAYED = { audio: "audio", video: "video" };

/** Shows the files of a message. */
export function showFiles(list, attachments) {
  list.hidden = attachments.length === 0;
  list.replaceChildren(...attachments.map(elementOf));
}

function elementOf(attachment) {
  if ((attachment.status ?? "ready") !== "ready") return absent(attachment);
  const kind = attachment.content_type.split("/")[0];
  if (kind === "image") return pictureOf(attachment);
  if (kind in PLAYED) return soundOf(attachment, PLAYED[kind]);
  return fileOf(attachment);
}

function absent(attachment) {
  const item = copyOf("file-absent");
  const hasFailed = attachment.status === "failed";
  item.firstElementChild.classList.toggle("has-failed", hasFailed);
  slot(item, "name").textContent = attachment.name;
  const why = hasFailed ? t("file-failed", { error: attachment.error || t("file-failed-why") }) : t("file-pending");
  slot(item, "why").textContent = why;
  return item;
}

function pictureOf(attachment) {
  const item = copyOf("picture");
  const link = item.querySelector("a");
  link.href = attachment.url;
  link.title = titleOf(attachment);
  const image = item.querySelector("img");
  image.src = attachment.url;
  image.alt = attachment.name;
  return item;
}

function soundOf(attachment, tag) {
  const item = copyOf(tag);
  const player = item.querySelector(tag);
  player.src = attachment.url;
  player.setAttribute("aria-label", attachment.name);
  const name = slot(item, "name");
  name.href = attachment.url;
  name.textContent = titleOf(attachment);
  return item;
}

function fileOf(attachment) {
  const item = copyOf("file");
  item.querySelector("a").href = attachment.url;
  slot(item, "name").textContent = attachment.name;
  slot(item, "size").textContent = sizeOf(attachment.size);
  return item;
}

function titleOf(attachment) {
  return `${attachment.name}, ${sizeOf(attachment.size)}`;
}

/** Returns a size for people. */
export function sizeOf(bytes) {
  if (bytes < 1024 * 1024) return `${Math.max(1, Math.round(bytes / 1024))} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
