// A case made of the open conversation, by which agents are measured.

import { act } from "./actions.js";
import { t } from "./state.js";
import { toast } from "./toast.js";

/** Listens to the button. */
export function startCases() {
  document.addEventListener("click", async (event) => {
    if (!event.target.closest?.("[data-make-case]")) return;
    const made = await act("case");
    if (made) toast(t("case-made"), { action: t("case-open"), call: () => location.assign(made.url) });
  });
}
