// The segment builder: one row a rule, with the input that its comparison asks for.

import { copyOf, hook, make, slot } from "../../desk/js/dom.js";
import { get } from "../../desk/js/http.js";
import { state, t } from "../../desk/js/state.js";
import { form, keepSegment } from "./form.js";

const list = hook("rules");
const match = hook("match");

const fieldOf = (name) => state.builder.fields.find((field) => field.name === name);
const opOf = (field, name) => fieldOf(field).ops.find(([op]) => op === name);

function option(value, text) {
  const node = make("option", { text });
  node.value = value;
  return node;
}

/** Adds a row for a rule. */
function addRow(rule) {
  const row = copyOf("rule");
  const field = slot(row, "field");
  field.setAttribute("aria-label", t("field"));
  field.replaceChildren(...state.builder.fields.map(({ name, label }) => option(name, label)));
  field.value = rule.field;
  slot(row, "name").placeholder = t("attribute-name");
  slot(row, "name").setAttribute("aria-label", t("attribute-name"));
  slot(row, "name").value = rule.name ?? "";
  slot(row, "op").setAttribute("aria-label", t("operator"));
  slot(row, "remove").setAttribute("aria-label", t("remove-rule"));
  showOps(row, rule.op);
  showValue(row, rule.value);
  // Before the row itself hears of it, and keeps what it then holds.
  field.addEventListener("input", () => {
    showOps(row);
    showValue(row);
  });
  slot(row, "op").addEventListener("input", () => showValue(row, valueOf(row)));
  slot(row, "remove").addEventListener("click", () => {
    row.remove();
    keep();
  });
  row.addEventListener("input", keep);
  list.append(row);
  return row;
}

function showOps(row, chosen) {
  const field = fieldOf(slot(row, "field").value);
  slot(row, "name").hidden = field.name !== "attribute";
  const ops = slot(row, "op");
  ops.replaceChildren(...field.ops.map(([op, words]) => option(op, words)));
  if (chosen) ops.value = chosen;
}

/** Shows the input for what the comparison asks for, with the value where it can hold it. */
function showValue(row, value) {
  const field = slot(row, "field").value;
  const kind = opOf(field, slot(row, "op").value)[2];
  const place = slot(row, "value");
  if (!kind) {
    place.replaceChildren();
    return;
  }
  const input = state.builder.choices[kind] ? choiceOf(kind) : inputOf(kind, field);
  input.setAttribute("aria-label", t("value"));
  if (value !== undefined && value !== null) input.value = value;
  place.replaceChildren(input, ...(kind === "days" ? [make("span", { text: t("days") })] : []));
}

function choiceOf(kind) {
  const select = make("select");
  select.replaceChildren(...state.builder.choices[kind].map(([value, label]) => option(value, label)));
  return select;
}

function inputOf(kind, field) {
  const input = make("input");
  input.type = { date: "date", days: "number", number: "number" }[kind] ?? "text";
  input.autocomplete = "off";
  input.maxLength = 200;
  if (kind === "days") input.min = 1;
  if (kind === "number") input.step = "any";
  if (kind === "tag") input.setAttribute("list", `hints-${field}`);
  return input;
}

function valueOf(row) {
  return slot(row, "value").querySelector("input, select")?.value;
}

function ruleOf(row) {
  const field = slot(row, "field").value;
  const op = slot(row, "op").value;
  const kind = opOf(field, op)[2];
  const rule = { field, op };
  if (field === "attribute") rule.name = slot(row, "name").value;
  if (kind) rule.value = ["days", "inbox"].includes(kind) ? Number(valueOf(row)) : valueOf(row);
  return rule;
}

function keep() {
  const rules = [...list.children].map(ruleOf);
  hook("rules-none").hidden = rules.length > 0;
  keepSegment({ match: match.value, rules });
}

async function suggest() {
  try {
    const found = await get(state.urls.hints);
    for (const [name, words] of Object.entries(found)) {
      document.getElementById(`hints-${name}`)?.replaceChildren(...words.map((word) => option(word, "")));
    }
  } catch {
    // Names can be written without suggestions.
  }
}

/** Draws the rules that are stored. */
export function startRules() {
  if (!list) return;
  const segment = JSON.parse(form.elements.segment.value || "{}");
  match.value = segment.match ?? "all";
  for (const rule of segment.rules ?? []) addRow(rule);
  hook("rules-none").hidden = list.children.length > 0;
  match.addEventListener("change", keep);
  hook("rule-add").addEventListener("click", () => {
    const { name, ops } = state.builder.fields[0];
    slot(addRow({ field: name, op: ops[0][0] }), "field").focus();
    keep();
  });
  suggest();
}
