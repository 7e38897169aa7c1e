// Values of custom fields: an input for each, and a line to read for what no field has.

import { make } from "./dom.js";
import { t } from "./state.js";

const TYPES = { number: "number", date: "date", url: "url" };
let made = 0;

function chooser(pairs, value) {
  const select = make("select");
  for (const [option, label] of pairs) {
    const element = make("option", { text: label });
    element.value = option;
    select.append(element);
  }
  select.value = value;
  return select;
}

function input(field) {
  const value = field.value ?? "";
  if (field.kind === "boolean") return chooser([["", "–"], ["true", t("yes")], ["false", t("no")]], String(value));
  if (field.kind === "choice") {
    // One that can no longer be chosen is shown as long as it stands there.
    const choices = field.choices.includes(value) || value === "" ? field.choices : [value, ...field.choices];
    return chooser([["", "–"], ...choices.map((choice) => [choice, choice])], value);
  }
  const element = make("input");
  element.type = TYPES[field.kind] ?? "text";
  if (field.kind === "number") element.step = "any";
  element.value = value;
  element.placeholder = "–";
  return element;
}

function valueOf(field, element) {
  if (element.value === "") return null;
  if (field.kind === "number") return Number(element.value);
  if (field.kind === "boolean") return element.value === "true";
  return element.value;
}

/** Returns a labelled control; `save` is told what it holds once somebody has changed it. */
export function labelled(label, control, save, hint = "") {
  made += 1;
  control.id = `custom-${made}`;
  control.dataset.was = control.value;
  if (hint) control.placeholder = hint;
  const name = make("label", { text: label });
  name.htmlFor = control.id;
  control.addEventListener("change", () => control.reportValidity() && save(control));
  return make("div", { className: "field" }, name, control);
}

/** Renders what holds controls anew and leaves the focus where it was; not while somebody is typing there: false. */
export function renewed(root, render) {
  const active = document.activeElement;
  const controls = [...root.querySelectorAll("input, select")];
  const place = controls.indexOf(active);
  if (place >= 0 && "was" in active.dataset && active.value !== active.dataset.was) return false;
  render();
  if (place >= 0) root.querySelectorAll("input, select")[place]?.focus();
  return true;
}

/** Returns the controls of fields; `save` gets {key: value}, null where it was emptied. */
export function fieldInputs(fields, save) {
  const known = fields.filter((field) => field.kind);
  const others = fields.filter((field) => !field.kind);
  const parts = known.map((field) =>
    labelled(field.label, input(field), (element) => save({ [field.key]: valueOf(field, element) })),
  );
  if (others.length) {
    const list = make("dl", { className: "facts" });
    for (const { label, value } of others) {
      const text = String(value);
      list.append(make("div", {}, make("dt", { text: label, title: label }), make("dd", { text, title: text })));
    }
    parts.push(list);
  }
  return parts;
}
