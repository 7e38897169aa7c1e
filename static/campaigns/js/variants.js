// The wordings of a campaign: up to five, each free text or a template with its places.

import { hook, make, setText } from "../../desk/js/dom.js";
import { state, t, tell } from "../../desk/js/state.js";
import { form } from "./form.js";

const LABELS = "ABCDE";
const PLACE = /\{\{\s*(\w+)\s*\}\}/g;
const ACCEPTED = { IMAGE: "image/*", VIDEO: "video/*", DOCUMENT: "" };
const LONGEST = 1024;

const all = () => [...document.querySelectorAll("[data-variant]")];

/** Returns the wordings in use, in their order. */
export const usedVariants = () => all().filter((variant) => !variant.disabled);

const templateOf = (variant) => {
  const chosen = hook("template-choice", variant)?.value;
  return state.templates.find((template) => String(template.id) === chosen);
};
const valuesOf = (variant) => JSON.parse(hook("values", variant).value || "{}");
const field = (variant, name) => form.elements[`${variant.dataset.variant}-${name}`];

/** Returns a wording as it stands. */
export const wordsOf = (variant) => ({
  text: field(variant, "text").value,
  subject: field(variant, "subject")?.value ?? "",
  template: templateOf(variant)?.id ?? "",
  values: valuesOf(variant),
});

function showAll() {
  const used = usedVariants();
  used.forEach((variant, number) => {
    setText(hook("variant-title", variant), t("variant", { label: LABELS[number] }));
    hook("variant-title", variant).hidden = used.length === 1;
    hook("variant-share", variant).hidden = used.length === 1;
    hook("variant-remove", variant).hidden = used.length === 1;
  });
  const add = hook("variant-add");
  if (add) add.hidden = used.length === all().length;
  tell("variants", used.length);
}

function switchOn(variant, isUsed) {
  variant.hidden = variant.disabled = !isUsed;
  showAll();
}

/** Shows the inputs that the chosen template asks for, or the free text. */
function showTemplate(variant) {
  const template = templateOf(variant);
  hook("free-text", variant).hidden = Boolean(template);
  hook("template-body", variant).hidden = !template;
  hook("template-body", variant).replaceChildren(...(template ? markedBody(template) : []));
  const values = valuesOf(variant);
  const inputs = (template?.variables ?? []).map((name) => placeOf(variant, name, values[name] ?? ""));
  hook("template-places", variant).replaceChildren(...inputs);
  showFile(variant, template);
  tell("wording");
}

function markedBody({ body }) {
  const parts = [];
  let from = 0;
  for (const place of body.matchAll(PLACE)) {
    parts.push(body.slice(from, place.index), make("mark", { text: place[0] }));
    from = place.index + place[0].length;
  }
  return [...parts, body.slice(from)];
}

function placeOf(variant, name, value) {
  const input = make("input");
  input.type = "text";
  input.maxLength = LONGEST;
  input.autocomplete = "off";
  input.value = value;
  input.dataset.placeOf = name;
  input.addEventListener("input", () => {
    const values = { ...valuesOf(variant), [name]: input.value };
    hook("values", variant).value = JSON.stringify(values);
    tell("wording");
  });
  return make("label", { className: "field" }, make("span", { text: t("place", { name: `{{${name}}}` }) }), input);
}

/** A template says whether a file stands above its text; free text may have one. */
function showFile(variant, template) {
  const format = template?.header_format ?? "";
  const part = hook("file-field", variant);
  if (!part) return;
  part.hidden = Boolean(template) && !format && !hook("kept", variant);
  if (format) setText(hook("file-label", variant), t(`template-${format.toLowerCase()}`));
  field(variant, "file").accept = ACCEPTED[format] ?? "";
}

/** Puts a place where the cursor was last. */
function insert(variant, name) {
  const last = variant.querySelector("[data-was-focused]");
  const isFitting = last && last.checkVisibility();
  const target = isFitting ? last : (variant.querySelector("[data-place-of]") ?? field(variant, "text"));
  target.setRangeText(`{{${name}}}`, target.selectionStart, target.selectionEnd, "end");
  target.focus();
  target.dispatchEvent(new Event("input", { bubbles: true }));
}

function listen(variant) {
  hook("template-choice", variant)?.addEventListener("change", () => showTemplate(variant));
  hook("variant-remove", variant).addEventListener("click", () => switchOn(variant, false));
  hook("kept-remove", variant)?.addEventListener("click", () => {
    hook("kept", variant).remove();
    showTemplate(variant);
  });
  variant.addEventListener("input", () => tell("wording"));
  variant.addEventListener("focusin", ({ target }) => {
    if (!target.matches("textarea, [data-place-of], [name$=-subject]")) return;
    variant.querySelector("[data-was-focused]")?.removeAttribute("data-was-focused");
    target.setAttribute("data-was-focused", "");
  });
  for (const button of variant.querySelectorAll("[data-place]")) {
    button.addEventListener("click", () => insert(variant, button.dataset.place));
  }
  showTemplate(variant);
}

/** Draws what is stored. */
export function startVariants() {
  for (const variant of all()) listen(variant);
  hook("variant-add")?.addEventListener("click", () => {
    const spare = all().find((variant) => variant.disabled);
    hook("variants").append(spare);
    switchOn(spare, true);
  });
  showAll();
}
