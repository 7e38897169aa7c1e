// What the people of the audience would read, one after another.

import { hook, make, setText } from "../../desk/js/dom.js";
import { post } from "../../desk/js/http.js";
import { on, state, t } from "../../desk/js/state.js";
import { asked, later } from "./form.js";
import { usedVariants, wordsOf } from "./variants.js";

const LABELS = "ABCDE";
const number = new Intl.NumberFormat(document.documentElement.lang || "en");
const select = hook("preview-variant");
let place = 0;
let count = 0;
let newest = 0;

async function look() {
  const mine = ++newest;
  const variant = usedVariants()[Number(select.value) || 0];
  try {
    const found = await post(state.urls.preview, { ...asked(), place, variant: wordsOf(variant) });
    if (mine === newest) show(found);
  } catch (problem) {
    if (mine === newest) setText(hook("preview-problem"), problem.message, { hide: true });
  }
}

function show({ person, subject = "", text = "", missing = [] }) {
  const where = count ? ` · ${t("preview-of", { n: number.format(place + 1), count: number.format(count) })}` : "";
  setText(hook("preview-person"), person ? `${person.name}${where}` : "");
  setText(hook("preview-subject"), subject, { hide: true });
  setText(hook("preview-text"), text);
  hook("preview-text").hidden = !text;
  const lacking = missing.map((name) => `{{${name}}}`).join(", ");
  const problem = person ? (lacking ? t("missing", { places: lacking }) : "") : t("preview-nobody");
  setText(hook("preview-problem"), problem, { hide: true });
  hook("preview-previous").disabled = place === 0;
  hook("preview-next").disabled = place + 1 >= count;
}

function step(by) {
  place = Math.max(0, Math.min(count - 1, place + by));
  look();
}

/** The same choice in front of the preview and of the test. */
function offerVariants(used) {
  for (const [label, choice, byLabel] of [
    [hook("preview-variants"), select, false],
    [hook("test-variants"), hook("test-variant"), true],
  ]) {
    const chosen = choice.selectedIndex;
    choice.replaceChildren(
      ...[...LABELS.slice(0, used)].map((letter, place) => {
        const option = make("option", { text: t("variant", { label: letter }) });
        option.value = byLabel ? letter : place;
        return option;
      }),
    );
    choice.selectedIndex = Math.min(Math.max(chosen, 0), used - 1);
    label.hidden = used < 2;
  }
}

/** Looks now, and whenever the words or the people have changed. */
export function startPreview() {
  if (!hook("preview")) return;
  const soon = later(look, 300);
  offerVariants(usedVariants().length);
  on("variants", (used) => {
    offerVariants(used);
    soon();
  });
  on("wording", soon);
  on("audience:known", (known) => {
    count = known;
    place = Math.min(place, Math.max(0, count - 1));
    soon();
  });
  select.addEventListener("change", look);
  hook("preview-previous").addEventListener("click", () => step(-1));
  hook("preview-next").addEventListener("click", () => step(1));
}
