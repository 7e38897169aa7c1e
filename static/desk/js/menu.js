// Menus that open under their button: one at a time, closed by Escape, a choice, or a click elsewhere.

let opened = null;

function close({ focus = false } = {}) {
  if (!opened) return;
  opened.menu.hidden = true;
  opened.button.setAttribute("aria-expanded", "false");
  if (focus) opened.button.focus();
  opened = null;
}

function open(button) {
  close();
  const menu = document.getElementById(button.dataset.menu);
  menu.hidden = false;
  button.setAttribute("aria-expanded", "true");
  opened = { button, menu };
  menu.querySelector("button:not([hidden]), input")?.focus();
}

function move(step) {
  const choices = [...opened.menu.querySelectorAll("button:not([hidden])")];
  const from = choices.indexOf(document.activeElement);
  choices[(from + step + choices.length) % choices.length]?.focus();
}

/** Makes every [data-menu] button open its menu. */
export function startMenus() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-menu]");
    if (button) {
      if (opened?.button === button) close();
      else open(button);
    } else if (opened && (!opened.menu.contains(event.target) || event.target.closest(".menu-item"))) {
      close();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (!opened) return;
    if (event.key === "Escape") close({ focus: true });
    else if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
}
