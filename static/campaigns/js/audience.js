// How many the campaign is for as the page stands, and a few of them by name.

import { hook, make, setText } from "../../desk/js/dom.js";
import { post } from "../../desk/js/http.js";
import { on, state, t, tell } from "../../desk/js/state.js";
import { asked, later } from "./form.js";

let newest = 0;

async function look() {
  const mine = ++newest;
  try {
    const found = await post(state.urls.audience, asked());
    if (mine === newest) (found.problem ? showProblem(found.problem) : show(found));
  } catch (problem) {
    if (mine === newest) showProblem(problem.message);
  }
}

function showProblem(words) {
  setText(hook("audience-problem"), words, { hide: true });
  setText(hook("audience-count"), "–");
  setText(hook("audience-more"), "");
  hook("audience-sample").replaceChildren();
}

function show(found) {
  const count = found.count === 0 ? t("nobody") : found.count === 1 ? t("one") : t("many", { n: found.told });
  setText(hook("audience-count"), count);
  const more = [
    found.unwanted && t("unwanted", { n: found.unwanted }),
    found.silent && t("silent", { n: found.silent }),
    found.unreachable && t("unreachable-people", { n: found.unreachable }),
  ];
  setText(hook("audience-more"), more.filter(Boolean).join(" "));
  setText(hook("audience-problem"), "", { hide: true });
  hook("audience-sample").replaceChildren(...found.sample.map(personOf));
  setText(hook("estimate-count"), found.reached);
  setText(hook("estimate-duration"), found.duration);
  hook("estimate-costs").hidden = !found.cost;
  setText(hook("estimate-cost"), found.cost);
  tell("audience:known", found.count);
}

function personOf({ name, address }) {
  return make("li", {}, make("span", { text: name }), make("span", { className: "cell-more", text: address }));
}

/** Looks now, and whenever something that decides it has changed. */
export function startAudience() {
  if (!hook("audience")) return;
  on("audience", later(look));
  look();
}
