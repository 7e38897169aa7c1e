// A message as the thread shows it.

import { copyOf, make, slot } from "./dom.js";
import { t } from "./state.js";
import { clockTime, exactTime } from "./time.js";

/** Returns which side and paper a message gets: from-contact, from-agent, from-operator, from-system or note. */
export function kindOf(message) {
  return message.direction === "note" ? "note" : `from-${message.author.kind}`;
}

/** Returns the element of a message. */
export function makeMessage(message) {
  const node = copyOf("message");
  node.dataset.seq = message.seq;
  node.dataset.id = message.id;
  node.dataset.group = `${kindOf(message)}:${message.author.name}`;
  node.classList.add(kindOf(message));
  const isAgent = message.author.kind === "agent";
  slot(node, "mark").hidden = !isAgent;
  slot(node, "author").textContent = message.author.name || t(`author-${message.author.kind}`);
  showKind(slot(node, "kind"), message);
  const body = slot(node, "body");
  // The HTML was made safe by the server, by the one path that every surface shows.
  body.innerHTML = message.html;
  for (const link of body.querySelectorAll("a")) link.target = "_blank";
  showFiles(slot(node, "files"), message.attachments);
  showChoices(slot(node, "choices"), message.choices);
  showCitations(slot(node, "citations"), message.citations);
  const time = slot(node, "time");
  time.dateTime = message.created_at;
  time.textContent = clockTime(message.created_at);
  time.title = exactTime(message.created_at);
  return node;
}

function showKind(element, message) {
  const text = message.direction === "note" ? t("internal-note") : "";
  element.textContent = text;
  element.hidden = !text;
}

function showFiles(list, attachments) {
  list.hidden = attachments.length === 0;
  for (const attachment of attachments) {
    const isPicture = attachment.content_type.startsWith("image/");
    list.append(isPicture ? pictureOf(attachment) : fileOf(attachment));
  }
}

function pictureOf(attachment) {
  const item = copyOf("picture");
  const link = item.querySelector("a");
  link.href = attachment.url;
  link.title = `${attachment.name}, ${sizeOf(attachment.size)}`;
  const image = item.querySelector("img");
  image.src = attachment.url;
  image.alt = attachment.name;
  return item;
}

function fileOf(attachment) {
  const item = copyOf("file");
  item.querySelector("a").href = attachment.url;
  slot(item, "name").textContent = attachment.name;
  slot(item, "size").textContent = sizeOf(attachment.size);
  return item;
}

/** An address from a model or a stranger is followed only over the web. */
function isWebAddress(url) {
  try {
    return ["http:", "https:"].includes(new URL(url, location.href).protocol);
  } catch {
    return false;
  }
}

/** Returns a size for people. */
export function sizeOf(bytes) {
  if (bytes < 1024 * 1024) return `${Math.max(1, Math.round(bytes / 1024))} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function showChoices(element, choices) {
  element.hidden = choices.length === 0;
  for (const choice of choices) element.append(make("span", { className: "choice", text: choice.label }));
}

function showCitations(element, citations) {
  element.hidden = citations.length === 0;
  citations.forEach((citation, index) => {
    const number = make("span", { className: "citation-number", text: String(index + 1) });
    const isLink = citation.url && isWebAddress(citation.url);
    const chip = isLink
      ? make("a", { className: "citation", href: citation.url, title: t("open-source") }, number, citation.title)
      : make("span", { className: "citation" }, number, citation.title);
    if (isLink) {
      chip.target = "_blank";
      chip.rel = "noopener";
    }
    element.append(chip);
  });
}
