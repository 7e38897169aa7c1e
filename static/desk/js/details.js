// What a message is besides text: a quote, a mail's head, a place, people, an appointment, reactions.
// All of it was written by strangers: it becomes text, and addresses are made here.

import { copyOf, make, slot } from "./dom.js";
import { state, t } from "./state.js";
import { exactTime } from "./time.js";

const PRESSED = new Set(["button", "choice", "interactive", "postback"]);
// How a calendar writes a moment: 20261121T120000Z.
const COMPACT = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?$/;
const MAP = "https://www.openstreetmap.org/";

const list = (value) => (Array.isArray(value) ? value : value ? [value] : []);
const word = (value) => (typeof value === "string" || typeof value === "number" ? String(value) : "");

/** Shows what stands above the text: what is answered, and how a mail was addressed. */
export function showAbove(element, message) {
  const details = message.details ?? {};
  const parts = [];
  if (details.campaign) parts.push(campaign(details.campaign));
  if (message.reply_to) parts.push(quote(message.reply_to));
  if (details.kind === "email" || details.subject !== undefined) parts.push(mail(details));
  else if (list(details.cc).length) parts.push(copies(details));
  element.hidden = parts.length === 0;
  element.replaceChildren(...parts);
}

/** Shows what stands below it. */
export function showBelow(element, message) {
  const details = message.details ?? {};
  const parts = [];
  if (isPlace(details)) parts.push(place(details));
  if (details.kind === "contacts" || details.kind === "contact") parts.push(...people(details));
  if (details.kind === "calendar") parts.push(calendar(details.event ?? details));
  element.hidden = parts.length === 0;
  element.replaceChildren(...parts);
}

/** Who may see campaigns comes to it in one click. */
function campaign({ id, name }) {
  const node = copyOf("campaign");
  const link = slot(node, "name");
  link.textContent = word(name);
  if (state.urls.campaigns) link.href = `${state.urls.campaigns}${encodeURIComponent(word(id))}/change/`;
  return node;
}

function quote(answered) {
  const node = copyOf("quote");
  node.dataset.answers = answered.id;
  slot(node, "author").textContent = answered.author || t("author-contact");
  slot(node, "text").textContent = answered.text;
  return node;
}

function mail(details) {
  const node = copyOf("mail");
  slot(node, "subject").textContent = word(details.subject) || t("mail-no-subject");
  const addresses = [
    list(details.from).map(addressOf).join(", "),
    list(details.to).length ? t("mail-to", { addresses: list(details.to).map(addressOf).join(", ") }) : "",
    copiesOf(details),
  ];
  slot(node, "addresses").textContent = addresses.filter(Boolean).join(" · ");
  showProof(slot(node, "proof"), details);
  return node;
}

function copiesOf(details) {
  return list(details.cc).length ? t("mail-cc", { addresses: list(details.cc).map(addressOf).join(", ") }) : "";
}

/** Of an answer of ours only the copies are news: it goes to the customer. */
function copies(details) {
  const node = copyOf("copies");
  node.textContent = copiesOf(details);
  return node;
}

/** An address comes as text, as name and address, or as an object. */
function addressOf(value) {
  if (Array.isArray(value)) return value[0] ? `${word(value[0])} <${word(value[1])}>` : word(value[1]);
  if (value && typeof value === "object") {
    const address = word(value.address ?? value.email);
    return value.name ? `${word(value.name)} <${address}>` : address;
  }
  return word(value);
}

/** What the mail server found of the sender: proved, disproved, or neither. */
function showProof(element, { authentication, proven }) {
  const found = Object.entries(authentication ?? {})
    .map(([method, result]) => [method.toUpperCase(), word(result?.result ?? result).toLowerCase()])
    .filter(([, result]) => result)
    .sort();
  element.hidden = found.length === 0 && proven !== false;
  if (element.hidden) return;
  const results = Object.fromEntries(found);
  const isGood = proven ?? hasPassed(results);
  const isBad = !isGood && Object.values(results).some((result) => result.includes("fail"));
  element.dataset.proof = isGood ? "good" : isBad ? "bad" : "none";
  const summary = isGood ? t("proof-good") : isBad ? t("proof-bad") : t("proof-none");
  const told = found.map(([method, result]) => `${method} ${result}`).join(", ");
  element.textContent = [summary, told].filter(Boolean).join(" · ");
}

function hasPassed(results) {
  return results.DMARC ? results.DMARC === "pass" : results.DKIM === "pass" || results.SPF === "pass";
}

function isPlace({ kind, latitude, longitude }) {
  return kind !== undefined && Number.isFinite(Number(latitude ?? NaN)) && Number.isFinite(Number(longitude ?? NaN));
}

function place(details) {
  const node = copyOf("place");
  const [latitude, longitude] = [Number(details.latitude), Number(details.longitude)];
  slot(node, "name").textContent = word(details.name) || t("place");
  slot(node, "address").textContent = word(details.address) || `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
  slot(node, "map").href = `${MAP}?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`;
  return node;
}

function people(details) {
  const found = list(details.contacts).length ? details.contacts : [details];
  return list(found).map((person) => {
    const node = copyOf("person");
    slot(node, "name").textContent = nameOf(person) || t("person");
    const ways = [...list(person.phones ?? person.phone ?? person.phone_number), ...list(person.emails ?? person.email)];
    slot(node, "ways").textContent = ways.map((way) => word(way) || word(way?.phone ?? way?.number ?? way?.email)).join(" · ");
    return node;
  });
}

function nameOf(person) {
  const full = person.name ?? person.formatted_name;
  if (full && typeof full === "object") return word(full.formatted_name) || word(full.first_name);
  return word(full) || [word(person.first_name), word(person.last_name)].filter(Boolean).join(" ");
}

function calendar(details) {
  const node = copyOf("appointment");
  slot(node, "name").textContent = word(details.summary ?? details.title) || t("appointment");
  slot(node, "when").textContent = [details.dtstart, details.dtend].map(when).filter(Boolean).join(" – ");
  slot(node, "where").textContent = word(details.location);
  return node;
}

function when(value) {
  const iso = word(value).replace(COMPACT, (_, year, month, day, hour, minute, second, zone) =>
    `${year}-${month}-${day}${hour ? `T${hour}:${minute}:${second}${zone}` : ""}`,
  );
  return Number.isNaN(Date.parse(iso)) ? iso : exactTime(iso);
}

/** Returns a word for what kind of message it is, or "". */
export function tagOf(message) {
  const details = message.details ?? {};
  if (message.is_automatic) return t("automatic");
  if (details.kind === "template") return t("template", { name: `${word(details.name)} (${word(details.language)})` });
  return PRESSED.has(details.kind) ? t("pressed") : "";
}

/** Shows who put which emoji. */
export function showReactions(element, reactions) {
  const chips = Object.entries(reactions ?? {}).map(([emoji, names]) => {
    const who = list(names).map(word).filter(Boolean).join(", ");
    const count = list(names).length > 1 ? ` ${list(names).length}` : "";
    const chip = make("span", { className: "reaction", text: emoji + count, title: who });
    chip.append(make("span", { className: "visually-hidden", text: ` ${who}` }));
    return chip;
  });
  element.hidden = chips.length === 0;
  element.replaceChildren(...chips);
}
