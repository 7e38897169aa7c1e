// Writing to somebody first: through which inbox, to whom, and what that inbox takes.

import { hook, make, setText } from "./dom.js";
import { get, post } from "./http.js";
import { choosePeopleOf, chosenPerson, startPeople } from "./people.js";
import { state, t, tell } from "./state.js";
import { TemplateForm } from "./templateform.js";
import { openRow } from "./thread.js";

const dialog = hook("new-dialog");
const select = hook("new-inbox");
const to = hook("new-to");
let clientId = "";

// The same form sent twice is one message; whatever changes in it makes another.
const renew = () => (clientId = crypto.randomUUID());
const fields = new TemplateForm(hook("new-template"), renew);

const chosenInbox = () => state.writing.find((inbox) => String(inbox.id) === select.value);
const address = (rest = "") => `${state.urls.inbox}new/${select.value}/${rest}`;

/** Free text is taken where there is no window, or that of the person is open. */
const takesText = (inbox) => !inbox.has_window || Boolean(chosenPerson()?.is_open);

/** Opens the form. */
export function writeFirst() {
  if (!state.writing.length) return;
  if (!select.value) prefer(openRow()?.inbox_id ?? state.inbox);
  problem("");
  dialog.showModal();
  to.focus();
}

function prefer(inboxId) {
  select.value = String((state.writing.find((inbox) => inbox.id === inboxId) ?? state.writing[0]).id);
  begin();
}

/** Another inbox: other people, other templates. */
async function begin() {
  const inbox = chosenInbox();
  choosePeopleOf(inbox.id);
  fields.fill([]);
  if (!inbox.channel.has_templates) return;
  try {
    const { templates } = await get(address("templates/"));
    if (inbox === chosenInbox()) fields.fill(templates);
  } catch (error) {
    problem(error.message);
  }
  show();
}

function show() {
  renew();
  const inbox = chosenInbox();
  const isText = takesText(inbox);
  const isTemplate = !isText && inbox.channel.has_templates;
  hook("new-subject-field").hidden = !inbox.subjects;
  hook("new-subject").required = inbox.subjects;
  hook("new-text-field").hidden = !isText;
  hook("new-text").required = isText;
  hook("new-template").hidden = !isTemplate;
  fields.isUsed = isTemplate;
  const isKnown = inbox.opens || chosenPerson() || !to.value.trim();
  to.setCustomValidity(isKnown ? "" : t("new-known-only"));
  setText(hook("new-hint"), hintOf(inbox, isText || isTemplate));
  hook("new-send").disabled = !isText && !(isTemplate && fields.chosen);
}

function hintOf(inbox, canWrite) {
  if (!canWrite && chosenPerson()) return t("new-closed");
  if (inbox.subjects) return t("new-mail");
  return inbox.opens ? t("new-number") : t("new-known-only");
}

function problem(text) {
  setText(hook("new-problem"), text, { hide: true });
}

async function submit(event) {
  event.preventDefault();
  const send = hook("new-send");
  send.disabled = true;
  problem("");
  try {
    const inbox = chosenInbox();
    const said = takesText(inbox) ? { text: hook("new-text").value.trim() } : await fields.data(address("files/"));
    const answer = await post(address(), { ...recipient(), ...subject(inbox), ...said, client_id: clientId });
    done(answer);
  } catch (error) {
    problem(error.message);
  } finally {
    send.disabled = false;
  }
}

function recipient() {
  const person = chosenPerson();
  return person ? { person: person.id } : { to: to.value.trim() };
}

const subject = (inbox) => (inbox.subjects ? { subject: hook("new-subject").value.trim() } : {});

function done(answer) {
  dialog.close();
  hook("new-form").reset();
  select.value = "";
  if (answer.row) tell("row", answer.row);
  tell("open", { id: answer.conversation });
}

/** Listens to the button and the form. */
export function startNew() {
  select.append(...state.writing.map(optionOf));
  select.value = "";
  startPeople(show);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-new]")) writeFirst();
  });
  select.addEventListener("change", begin);
  for (const name of ["new-subject", "new-text"]) hook(name).addEventListener("input", renew);
  hook("new-form").addEventListener("submit", submit);
}

function optionOf(inbox) {
  const option = make("option", { text: `${inbox.name} · ${inbox.channel.label}` });
  option.value = inbox.id;
  return option;
}
