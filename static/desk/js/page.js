// What every page of the admin site has: initials in avatars, menus that close, copy buttons.

import { initialsOf, tint } from "./names.js";

for (const avatar of document.querySelectorAll("[data-initials]:not(template *)")) {
  if (avatar.dataset.initials) {
    avatar.textContent = initialsOf(avatar.dataset.initials);
    avatar.dataset.tint = tint(avatar.dataset.initials);
  }
}

if (/Mac|iPhone|iPad/.test(navigator.platform)) {
  for (const key of document.querySelectorAll("kbd")) if (key.textContent === "Ctrl") key.textContent = "⌘";
}

document.addEventListener("click", (event) => {
  for (const details of document.querySelectorAll("details[data-menu-details][open]")) {
    if (!details.contains(event.target)) details.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const details of document.querySelectorAll("details[data-menu-details][open]")) {
    details.open = false;
    details.querySelector("summary").focus();
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy-button]");
  if (!button) return;
  const box = button.closest("[data-copy]");
  await navigator.clipboard.writeText(box.querySelector("code").textContent);
  box.dataset.copied = "";
  setTimeout(() => delete box.dataset.copied, 1500);
});
