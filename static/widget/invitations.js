// A word of the company's to who looks at a page. Loaded only where there is one.
import { h, iconButton, textButton } from "./dom.js";
import { strings } from "./strings.js";

const WORDS = {
  dismiss: ["Dismiss", "Dispensar", "Descartar"],
};

// Who was away for longer comes again.
const VISIT = 1_800_000;
// A screen reader tells what changes in a place it knows already.
const HEARD_AFTER = 200;

export class Invitations {
  #seconds = 0;
  #isAsking = false;

  constructor(panel) {
    const { chat, element } = panel;
    Object.assign(this, { panel, chat, element, root: element.shadowRoot });
    try {
      localStorage.length;
    } catch {
      // Without a memory it would show them on every page.
      return;
    }
    const { token, visits = token ? 1 : 0, seen = 0 } = chat.state;
    this.visits = Date.now() - seen < VISIT ? visits : visits + 1;
    this.#remember({});
    new MutationObserver(() => panel.isOpen && this.#leave()).observe(panel.node, { attributeFilter: ["open"] });
    this.#look();
    // Pages that change their address without a reload tell nobody.
    setInterval(() => this.#look(), 1000);
  }

  #remember(changes) {
    this.chat.save({ ...changes, visits: this.visits, seen: Date.now() });
  }

  #look() {
    const page = location.href.split("#")[0];
    if (page !== this.page) this.#enter(page);
    if (this.panel.isOpen) this.#leave();
    if (document.hidden) return;
    if (!this.bubble && !this.#isAsking) {
      const due = this.due.findIndex(({ seconds }) => seconds <= this.#seconds);
      if (due >= 0) this.#ask(this.due.splice(due, 1)[0]);
    }
    this.#seconds++;
  }

  // Time begins anew with each address.
  #enter(page) {
    const { shown = [] } = this.chat.state;
    const fits = (offer) => matches(offer.page, page);
    this.page = page;
    this.#seconds = 0;
    this.due = this.panel.config.invitations
      .filter((offer) => fits(offer) && !shown.includes(offer.id) && this.#isFor(offer))
      .sort((one, other) => one.seconds - other.seconds);
    if (this.bubble && fits(this.offer)) this.due = [];
    else this.#hide();
  }

  #isFor({ visitors }) {
    return visitors === "any" || (visitors === "new") === (this.visits < 2);
  }

  // Nothing is shown that the server has not noted down.
  async #ask(offer) {
    const { chat, page } = this;
    this.#isAsking = true;
    const welcome = await this.#post("hello", { ...chat.transport.hello(), since: undefined });
    if (welcome.token) chat.save({ token: welcome.token });
    const isFree = welcome.token && (!welcome.status || welcome.status === "resolved");
    const answer = isFree ? await this.#post("messages", { type: "show", invitation: offer.id }) : {};
    const isShown = answer.type === "invitation";
    // Another one may be for who has seen this one, or while it is held back; but one on a page.
    if (isShown || answer.code === "conflict") this.#remember({ shown: [...(chat.state.shown || []).slice(-99), offer.id] });
    if (isShown && !this.panel.isOpen) this.#show(answer, offer);
    if (page === this.page && !answer.code) this.due = [];
    this.#isAsking = false;
  }

  #post(path, frame) {
    const { token } = this.chat.state;
    const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
    const request = { method: "POST", headers, body: JSON.stringify(frame) };
    return fetch(this.element.url + path, request).then((answer) => answer.json()).catch(() => ({}));
  }

  async #show({ id, text, html }, offer) {
    const { config, words: { locale } } = this.panel;
    const words = strings(locale, WORDS);
    const inert = document.createElement("template");
    inert.innerHTML = html;
    const plain = inert.content.textContent.trim();
    const close = () => {
      this.#hide();
      this.element.launcher.focus({ preventScroll: true });
    };
    const heard = h("div.sr", { role: "status" });
    const said = textButton("said", h("b", {}, config.title), () => this.#accept({ id, text, html }));
    said.append(h("span", {}, plain));
    const bubble = h("section.invitation", { "aria-label": config.title, lang: locale }, said, iconButton("close", words.dismiss, close), heard);
    bubble.onkeydown = ({ key }) => key === "Escape" && close();
    Object.assign(this, { bubble, offer });
    await this.#dress();
    if (this.bubble !== bubble) return;
    this.root.insertBefore(bubble, this.element.launcher);
    setTimeout(() => (heard.textContent = `${config.title}. ${plain}`), HEARD_AFTER);
  }

  #dress() {
    this.dressed ||= fetch(new URL("invitations.css", import.meta.url))
      .then((answer) => answer.text())
      .then((css) => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(css);
        this.root.adoptedStyleSheets = [...this.root.adoptedStyleSheets, sheet];
      });
    return this.dressed;
  }

  #hide() {
    this.bubble?.remove();
    this.bubble = null;
  }

  // Who has had the chat open has no need of one on this page.
  #leave() {
    this.due = [];
    this.#hide();
  }

  // The company's word stands first; whatever is written waits until it is stored.
  #accept({ id, text, html }) {
    const author = { kind: "operator", name: this.panel.config.title };
    this.element.open();
    this.chat.transmit({ type: "accept", client_id: id, text, html, author, attachments: [], created_at: new Date().toJSON() });
  }
}

// `*` stands for anything. What follows a `?` counts where the pattern has one, what follows a `#` never does;
// the last slash of an address may be missing in the pattern.
export function matches(pattern, address) {
  const [page] = address.split(pattern.includes("?") ? "#" : /[?#]/);
  return !pattern || fits(pattern, page) || (page.endsWith("/") && fits(pattern, page.slice(0, -1)));
}

// No regular expression: some patterns would keep the page busy for minutes.
function fits(pattern, text) {
  const [first, ...parts] = pattern.split("*");
  if (!parts.length) return pattern === text;
  if (!text.startsWith(first)) return false;
  const last = parts.pop();
  let at = first.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
