// Choosing whom to write to: people who are known in an inbox, found while typing, or what was typed.

import { hook, make } from "./dom.js";
import { get } from "./http.js";
import { state } from "./state.js";

const WAIT = 150;

const field = hook("new-to");
const list = hook("new-people");
let inbox = 0;
let chosen = null;
let marked = -1;
let timer = 0;
let asked = 0;
let changed = () => {};

/** Returns who was chosen, or null where an address was typed. */
export const chosenPerson = () => chosen;

/** Begins anew, with the people of an inbox. */
export function choosePeopleOf(id) {
  inbox = id;
  field.value = "";
  choose(null);
  close();
}

function choose(person) {
  chosen = person;
  if (person) field.value = person.name === person.address ? person.address : `${person.name} · ${person.address}`;
  changed();
}

function close() {
  clearTimeout(timer);
  asked += 1;
  list.hidden = true;
  field.setAttribute("aria-expanded", "false");
  mark(-1);
}

async function look() {
  const mine = ++asked;
  const query = new URLSearchParams({ q: chosen ? "" : field.value.trim() });
  try {
    const { people } = await get(`${state.urls.inbox}new/${inbox}/people/?${query}`);
    if (mine !== asked) return;
    list.replaceChildren(...people.map(optionOf));
    list.hidden = people.length === 0;
    field.setAttribute("aria-expanded", String(people.length > 0));
    mark(-1);
  } catch {
    // An address can still be typed.
  }
}

function optionOf(person, index) {
  const option = make(
    "li",
    {},
    make("span", { className: "choice-name", text: person.name }),
    make("span", { className: "choice-address", text: person.name === person.address ? "" : person.address }),
  );
  option.id = `new-person-${index}`;
  option.setAttribute("role", "option");
  // The field keeps the focus.
  option.addEventListener("mousedown", (event) => event.preventDefault());
  option.addEventListener("click", () => {
    choose(person);
    close();
  });
  return option;
}

function mark(index) {
  const options = [...list.children];
  marked = options.length ? Math.max(-1, Math.min(options.length - 1, index)) : -1;
  options.forEach((option, place) => option.setAttribute("aria-selected", String(place === marked)));
  if (marked < 0) field.removeAttribute("aria-activedescendant");
  else field.setAttribute("aria-activedescendant", options[marked].id);
  options[marked]?.scrollIntoView({ block: "nearest" });
}

function press(event) {
  if (event.key === "ArrowDown" && list.hidden) look();
  else if (event.key === "ArrowDown") mark(marked + 1);
  else if (event.key === "ArrowUp" && !list.hidden) mark(marked - 1);
  else if (event.key === "Enter" && marked >= 0) list.children[marked].click();
  else if (event.key === "Escape" && !list.hidden) close();
  else return;
  // Neither sends the form nor closes the dialog.
  event.preventDefault();
}

/** Listens to the field; `call` is told of each change. */
export function startPeople(call) {
  changed = call;
  field.addEventListener("input", () => {
    choose(null);
    clearTimeout(timer);
    timer = setTimeout(look, WAIT);
  });
  field.addEventListener("click", () => list.hidden && look());
  field.addEventListener("keydown", press);
  field.addEventListener("blur", close);
}
