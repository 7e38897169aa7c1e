// A message as the thread shows it.

import { showAbove, showBelow, showReactions, tagOf } from "./details.js";
import { copyOf, make, setText, slot } from "./dom.js";
import { showFiles } from "./files.js";
import { showJudgement } from "./judged.js";
import { t } from "./state.js";
import { clockTime, exactTime, shortTime } from "./time.js";

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
  const isAnswer = message.direction === "out" && (isAgent || message.author.kind === "operator") && message.text;
  node.querySelector("[data-correct]").hidden = !isAnswer || Boolean(message.deleted_at);
  slot(node, "author").textContent = message.author.name || t(`author-${message.author.kind}`);
  showKind(slot(node, "kind"), message);
  const time = slot(node, "time");
  time.dateTime = message.created_at;
  time.textContent = clockTime(message.created_at);
  time.title = exactTime(message.created_at);
  if (message.deleted_at) showTakenBack(node, message);
  else showContent(node, message);
  return node;
}

function showTakenBack(node, message) {
  node.classList.add("is-taken-back");
  const body = slot(node, "body");
  body.textContent = t("taken-back");
  body.title = exactTime(message.deleted_at);
}

function showContent(node, message) {
  const body = slot(node, "body");
  // The HTML was made safe by the server, by the one path that every surface shows.
  body.innerHTML = message.html;
  for (const link of body.querySelectorAll("a")) link.target = "_blank";
  body.hidden = message.html === "";
  showAbove(slot(node, "above"), message);
  showBelow(slot(node, "below"), message);
  slot(node, "more").hidden = !message.details?.has_full_text;
  showFiles(slot(node, "files"), message.attachments);
  showChoices(slot(node, "choices"), message.choices);
  showCitations(slot(node, "citations"), message.citations);
  showReactions(slot(node, "reactions"), message.reactions);
  setText(slot(node, "tag"), tagOf(message), { hide: true });
  showJudgement(node, message);
  showTimes(slot(node, "edited"), message);
  // What is said of one message stays with it in a group.
  const marks = ["tag", "edited", "rated"];
  node.classList.toggle("has-marks", marks.some((name) => !slot(node, name).hidden));
}

/** Says what differs from the time at which the message came: when it was written, and changed. */
function showTimes(element, message) {
  const words = [];
  if (message.sent_at) words.push(t("written-at", { time: shortTime(message.sent_at) }));
  if (message.edited_at) words.push(t("edited"));
  setText(element, words.join(" · "), { hide: true });
  const late = message.sent_at ? `${t("late")}: ${exactTime(message.sent_at)}` : "";
  element.title = message.edited_at ? t("edited-at", { time: exactTime(message.edited_at) }) : late;
}

function showKind(element, message) {
  const text = message.direction === "note" ? t("internal-note") : "";
  element.textContent = text;
  element.hidden = !text;
}

/** An address from a model or a stranger is followed only over the web. */
function isWebAddress(url) {
  try {
    return ["http:", "https:"].includes(new URL(url, location.href).protocol);
  } catch {
    return false;
  }
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
