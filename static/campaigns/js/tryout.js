// Whom a test goes to: somebody known in the inbox, found while typing.

import { hook, make, setText } from "../../desk/js/dom.js";
import { get } from "../../desk/js/http.js";
import { state, t } from "../../desk/js/state.js";
import { later } from "./form.js";

const search = hook("test-search");
const chosen = hook("test-person");
const found = hook("test-found");
let newest = 0;

async function look() {
  const mine = ++newest;
  const words = search.value.trim();
  if (!words) {
    found.hidden = true;
    return;
  }
  try {
    const { people } = await get(`${state.urls.people}?q=${encodeURIComponent(words)}`);
    if (mine === newest) show(people);
  } catch (problem) {
    if (mine === newest) show([], problem.message);
  }
}

function show(people, problem = t("nobody-known")) {
  const rows = people.map((person) => make("li", {}, buttonOf(person)));
  found.replaceChildren(...(rows.length ? rows : [make("li", { className: "help", text: problem })]));
  found.hidden = false;
}

function buttonOf({ id, name, address }) {
  const button = make("button", { className: "menu-item" }, make("span", { text: name }));
  button.type = "button";
  button.append(make("span", { className: "cell-more", text: address }));
  button.addEventListener("click", () => {
    chosen.value = id;
    search.value = name;
    found.hidden = true;
    search.focus();
  });
  return button;
}

/** Listens to the field. The key Enter chooses the first one instead of saving the page. */
export function startTest() {
  if (!search) return;
  const soon = later(look, 250);
  search.addEventListener("input", () => {
    chosen.value = "";
    soon();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") found.hidden = true;
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (!found.hidden) found.querySelector("button")?.click();
  });
  document.addEventListener("click", ({ target }) => {
    if (!hook("test").contains(target)) found.hidden = true;
  });
  setText(found, "");
}
