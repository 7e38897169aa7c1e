// Saying that what an agent answered is right.

import { act } from "./actions.js";
import { hook } from "./dom.js";
import { t } from "./state.js";
import { toast } from "./toast.js";

/** Listens to the buttons. */
export function startConfirming() {
  hook("items").addEventListener("click", async (event) => {
    const message = event.target.closest("[data-confirm]")?.closest("[data-id]");
    if (message && (await act("confirm", { message: message.dataset.id }))) toast(t("confirmed"));
  });
}
