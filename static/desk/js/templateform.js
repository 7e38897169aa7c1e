// The form of an approved template: which one, what goes into its places, its file, and what the customer will read.

import { hook, make, setText } from "./dom.js";
import { upload } from "./http.js";
import { t } from "./state.js";

const PLACE = /\{\{\s*(\w+)\s*\}\}/g;
const LONGEST = 1024;
// What a file picker offers above a template's text.
const ACCEPTED = { IMAGE: "image/*", VIDEO: "video/*", DOCUMENT: "" };

/** One such form, within an element of the page; `changed` is called when anything in it is another. */
export class TemplateForm {
  #root;
  #changed;
  #templates = [];

  constructor(root, changed) {
    this.#root = root;
    this.#changed = changed;
    this.#part("choice").addEventListener("change", () => this.#showFields());
    this.#part("fields").addEventListener("input", () => this.#showPreview());
    this.#part("file").addEventListener("change", () => changed());
  }

  #part(name) {
    return hook(`template-${name}`, this.#root);
  }

  /** Offers these templates. */
  fill(templates) {
    this.#templates = templates;
    this.#part("choice").replaceChildren(...templates.map(optionOf));
    this.#part("none").hidden = templates.length > 0;
    this.#part("some").hidden = templates.length === 0;
    this.#showFields();
  }

  /** Returns the chosen template, or undefined. */
  get chosen() {
    return this.#templates.find((template) => String(template.id) === this.#part("choice").value);
  }

  /** Takes part in the form's own checks, or not. */
  set isUsed(isUsed) {
    for (const control of this.#root.querySelectorAll("select, input")) control.disabled = !isUsed;
  }

  /** Returns what is to be sent; uploads the file on the way, to the address. Throws a Problem. */
  async data(address) {
    const file = this.chosen.header_format ? this.#part("file").files[0] : null;
    const attachments = file ? [(await upload(address, file)).attachment.id] : [];
    return { template: this.chosen.id, variables: this.#values(), attachments };
  }

  #values() {
    const inputs = [...this.#part("fields").querySelectorAll("input")];
    return Object.fromEntries(inputs.map((input) => [input.name, input.value.trim()]));
  }

  #showFields() {
    const format = this.chosen?.header_format ?? "";
    const file = this.#part("file");
    this.#part("file-field").hidden = !format;
    file.required = Boolean(format);
    file.value = "";
    file.accept = ACCEPTED[format] ?? "";
    if (format) setText(this.#part("file-label"), t(`template-${format.toLowerCase()}`));
    this.#part("fields").replaceChildren(...(this.chosen?.variables ?? []).map(fieldOf));
    this.#showPreview();
  }

  #showPreview() {
    const given = this.#values();
    const body = this.chosen?.body ?? "";
    const parts = [];
    let from = 0;
    for (const place of body.matchAll(PLACE)) {
      parts.push(body.slice(from, place.index));
      parts.push(make("mark", { text: given[place[1]] || place[0] }));
      from = place.index + place[0].length;
    }
    parts.push(body.slice(from));
    this.#part("preview").replaceChildren(...parts);
    this.#changed();
  }
}

function optionOf(template) {
  const option = make("option", { text: `${template.name} · ${template.language}` });
  option.value = template.id;
  return option;
}

function fieldOf(name) {
  const input = make("input");
  input.name = name;
  input.required = true;
  input.maxLength = LONGEST;
  input.autocomplete = "off";
  return make("label", { className: "field" }, make("span", { text: t("template-place", { name: `{{${name}}}` }) }), input);
}
