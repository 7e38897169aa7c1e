// The shop's two gestures: counting a basket, and opening the chat from a link of its own.

const count = document.querySelector("[data-basket]");

for (const button of document.querySelectorAll("[data-add]")) {
  button.addEventListener("click", () => {
    count.textContent = Number(count.textContent) + 1;
  });
}

for (const button of document.querySelectorAll("[data-ask]")) {
  button.addEventListener("click", () => document.querySelector("helpdesk-chat")?.open(button.dataset.ask));
}
