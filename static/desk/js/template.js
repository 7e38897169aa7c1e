// Sending what the provider approved beforehand: choose, fill in, see what the customer will read.

import { act } from "./actions.js";
import { hook, make } from "./dom.js";
import { get } from "./http.js";
import { state, t } from "./state.js";
import { openId } from "./thread.js";
import { toastProblem } from "./toast.js";

const PLACE = /\{\{\s*(\w+)\s*\}\}/g;
const LONGEST = 1024;

const dialog = hook("template-dialog");
const choice = hook("template-choice");
const fields = hook("template-fields");
let templates = [];
let clientId = "";
let conversation = "";

const chosen = () => templates.find((template) => String(template.id) === choice.value);
const values = () => Object.fromEntries([...fields.querySelectorAll("input")].map((input) => [input.name, input.value.trim()]));

async function open() {
  conversation = openId();
  try {
    templates = (await get(`${state.urls.inbox}${conversation}/templates/`)).templates;
  } catch (problem) {
    toastProblem(problem);
    return;
  }
  if (conversation !== openId()) return;
  // The same dialog sent twice is one message.
  clientId = crypto.randomUUID();
  choice.replaceChildren(...templates.map(optionOf));
  hook("template-none").hidden = templates.length > 0;
  hook("template-some").hidden = hook("template-send").hidden = templates.length === 0;
  showFields();
  dialog.showModal();
}

function optionOf(template) {
  const option = make("option", { text: `${template.name} · ${template.language}` });
  option.value = template.id;
  return option;
}

function showFields() {
  const template = chosen();
  fields.replaceChildren(...(template?.variables ?? []).map(fieldOf));
  showPreview();
}

function fieldOf(name) {
  const input = make("input");
  input.name = name;
  input.required = true;
  input.maxLength = LONGEST;
  input.autocomplete = "off";
  return make("label", { className: "field" }, make("span", { text: t("template-place", { name: `{{${name}}}` }) }), input);
}

function showPreview() {
  const given = values();
  const body = chosen()?.body ?? "";
  const parts = [];
  let from = 0;
  for (const place of body.matchAll(PLACE)) {
    parts.push(body.slice(from, place.index));
    parts.push(make("mark", { text: given[place[1]] || place[0] }));
    from = place.index + place[0].length;
  }
  parts.push(body.slice(from));
  hook("template-preview").replaceChildren(...parts);
}

async function submit(event) {
  event.preventDefault();
  const template = chosen();
  if (!template) return;
  hook("template-send").disabled = true;
  const answer = await act("send-template", { template: template.id, variables: values(), client_id: clientId }, conversation);
  hook("template-send").disabled = false;
  if (answer) dialog.close();
}

/** Listens to the buttons and the form. */
export function startTemplates() {
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-choose-template]")) open();
  });
  choice.addEventListener("change", () => {
    clientId = crypto.randomUUID();
    showFields();
  });
  fields.addEventListener("input", showPreview);
  hook("template-form").addEventListener("submit", submit);
}
