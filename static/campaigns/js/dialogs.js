// Dialogs that ask before something is done.

/** Opens and closes them by their buttons. */
export function startDialogs() {
  for (const button of document.querySelectorAll("[data-dialog-open]")) {
    const dialog = document.querySelector(`[data-dialog="${button.dataset.dialogOpen}"]`);
    button.addEventListener("click", () => dialog.showModal());
    dialog.querySelector("[data-dialog-close]").addEventListener("click", () => dialog.close());
  }
}
