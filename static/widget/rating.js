// Did an answer of the agent help? Loaded only once the chat is open.
import { h, iconButton, textButton } from "./dom.js";
import { strings } from "./strings.js";

const WORDS = {
  asked: ["Was this helpful?", "Isso ajudou?", "¿Le ayudó esto?"],
  yes: ["Helpful", "Ajudou", "Me ayudó"],
  no: ["Not helpful", "Não ajudou", "No me ayudó"],
  why: ["What was missing? (optional)", "O que faltou? (opcional)", "¿Qué faltó? (opcional)"],
  send: ["Send", "Enviar", "Enviar"],
  thanks: ["Thank you.", "Obrigado.", "Gracias."],
};
const LONGEST_REASON = 500;
const THUMB = "M7 11l4-8a2 2 0 0 1 2 2v4h6l-2 10H7zM3 11h4v8H3z";

export class Ratings {
  #kept = new Map();

  constructor(panel) {
    const { chat, element, thread, words } = panel;
    Object.assign(this, { panel, chat, element, root: element.shadowRoot, list: thread.list, words: strings(words.locale, WORDS) });
    this.#dress(this.root).then(() => {
      new MutationObserver(() => this.#look()).observe(this.list, { childList: true });
      this.#look();
    }, () => {});
  }

  async #dress(root) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(await (await fetch(new URL("rating.css", import.meta.url))).text());
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  }

  // Only what a run of the agent has come to is an answer.
  #look() {
    for (const item of this.list.children) {
      const message = this.chat.messages.get(item.key);
      if (message?.author.kind !== "agent" || !message.run || message.deleted_at || item.querySelector(".rating")) continue;
      const asked = this.#kept.get(message.id) || this.#ask(message);
      // What is being written into it outlives a message that is put anew.
      const focused = asked.focused;
      item.insertBefore(asked.node, item.querySelector(".meta"));
      focused?.focus({ preventScroll: true });
      this.panel.thread.follow();
    }
  }

  #ask(message) {
    const { words } = this;
    const thumb = (style, label, helpful) => {
      const button = iconButton("sent", label, () => this.#rate(message, helpful));
      button.classList.replace("sent", style);
      button.querySelector("path").setAttribute("d", THUMB);
      return button;
    };
    const asked = {
      yes: thumb("up", words.yes, true),
      no: thumb("down", words.no, false),
      said: h("span", { role: "status" }),
      focused: null,
    };
    asked.reason = h("input", { maxlength: LONGEST_REASON, "aria-label": words.why, placeholder: words.why });
    asked.reason.onkeydown = ({ key, isComposing }) => key === "Enter" && !isComposing && this.#explain(message);
    asked.why = h("div.why", {}, asked.reason, textButton("choice", words.send, () => this.#explain(message)));
    asked.node = h("div.rating", { role: "group", "aria-label": words.asked }, asked.yes, asked.no, asked.said, asked.why);
    asked.node.addEventListener("focusin", ({ target }) => (asked.focused = target));
    // Put anew it has lost the focus for a moment, too: that is no leaving.
    asked.node.addEventListener("focusout", () => setTimeout(() => asked.node.contains(this.root.activeElement) || (asked.focused = null)));
    this.#kept.set(message.id, asked);
    this.#show(message, asked);
    return asked;
  }

  #show({ helpful, unhelpful_reason: reason }, asked, isNew) {
    asked.yes.ariaPressed = helpful === true;
    asked.no.ariaPressed = helpful === false;
    asked.why.hidden = helpful !== false || !!reason || (!isNew && !asked.reason.value);
    asked.said.textContent = isNew && asked.why.hidden ? this.words.thanks : "";
  }

  #explain(message) {
    const { reason, no } = this.#kept.get(message.id);
    if (!reason.value.trim()) return reason.focus();
    no.focus({ preventScroll: true });
    this.#rate(message, false, reason.value.trim());
  }

  // What is shown is what the server has noted down.
  async #rate({ id }, helpful, reason = "") {
    const { chat, element, panel } = this;
    const asked = this.#kept.get(id);
    const now = chat.messages.get(id);
    if (!now || (now.helpful === helpful && !reason)) return;
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${chat.state.token}` };
    const body = JSON.stringify({ type: "rate", message: id, helpful, reason });
    try {
      const answer = await (await fetch(`${element.url}messages`, { method: "POST", headers, body })).json();
      if (answer.type !== "rated") return panel.problem(answer.code, answer.retry_after);
      Object.assign(now, { helpful: answer.helpful, unhelpful_reason: answer.reason });
      panel.problem();
      this.#show(now, asked, true);
      if (!asked.why.hidden) asked.reason.focus({ preventScroll: true });
      panel.thread.follow();
    } catch {
      panel.problem("unavailable");
    }
  }
}
