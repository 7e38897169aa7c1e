// Sending what the provider approved beforehand, in the open conversation.

import { act } from "./actions.js";
import { hook } from "./dom.js";
import { get } from "./http.js";
import { state } from "./state.js";
import { TemplateForm } from "./templateform.js";
import { openId } from "./thread.js";
import { toastProblem } from "./toast.js";

const dialog = hook("template-dialog");
let clientId = "";
let conversation = "";

// The same dialog sent twice is one message; another text is another.
const fields = new TemplateForm(dialog, () => (clientId = crypto.randomUUID()));

async function open() {
  conversation = openId();
  let templates;
  try {
    templates = (await get(`${state.urls.inbox}${conversation}/templates/`)).templates;
  } catch (problem) {
    toastProblem(problem);
    return;
  }
  if (conversation !== openId()) return;
  fields.fill(templates);
  hook("template-send").hidden = templates.length === 0;
  dialog.showModal();
}

async function submit(event) {
  event.preventDefault();
  if (!fields.chosen) return;
  const send = hook("template-send");
  send.disabled = true;
  try {
    const data = await fields.data(`${state.urls.inbox}${conversation}/files/`);
    if (await act("send-template", { ...data, client_id: clientId }, conversation)) dialog.close();
  } catch (problem) {
    toastProblem(problem);
  } finally {
    send.disabled = false;
  }
}

/** Listens to the buttons and the form. */
export function startTemplates() {
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-choose-template]")) open();
  });
  hook("template-form").addEventListener("submit", submit);
}
