// The launcher at once, the panel when somebody may want it.
// Attributes: inbox, locale, position, full (fills the page), external-id, email, name, hash.
import { h, icon, textButton } from "./dom.js";
import { strings } from "./strings.js";

class HelpdeskChat extends HTMLElement {
  base = new URL("../..", import.meta.url).href;

  connectedCallback() {
    if (!this.shadowRoot) this.ready = this.set();
  }

  async set() {
    const root = this.attachShadow({ mode: "open" });
    this.full = this.hasAttribute("full");
    this.inbox = this.getAttribute("inbox");
    this.url = `${this.base}api/v1/widget/${this.inbox}/`;
    this.words = strings(this.getAttribute("locale") || document.documentElement.lang || navigator.language);
    const css = fetch(new URL("widget.css", import.meta.url)).then((answer) => answer.text());
    const config = await this.configure();
    if (config.code) return console.warn(`helpdesk: ${config.detail}`);
    this.config = { title: "Chat", color: "#4f46e5", attachment_types: [], ...config };
    // Adopted: the page's `style-src` may forbid <style> and <link>.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(await css);
    root.adoptedStyleSheets = [sheet];
    this.paint(this.config.color);
    this.toggleAttribute("left", (this.getAttribute("position") || config.position) === "left");
    (window.requestIdleCallback || setTimeout)(() => (this.full ? this.open() : this.load()));
    if (this.full) return;
    this.badge = h("span.badge");
    this.launcher = textButton("launcher", icon("chat"), () => (this.panel?.isOpen ? this.panel.close() : this.open()));
    this.launcher.append(this.badge);
    this.refresh(0);
    root.append(this.launcher);
  }

  // A server that is away leaves a plain launcher.
  configure() {
    const read = (answer) => (answer.status < 500 ? answer.json() : {});
    return fetch(`${this.url}config`).then(read).catch(() => ({}));
  }

  // Black or white: one always has 4.5 : 1.
  paint(color) {
    const [r, g, b] = color.match(/\w\w/g).map((part) => (parseInt(part, 16) / 255) ** 2.2);
    this.style.setProperty("--accent", color);
    this.style.setProperty("--on-accent", 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff");
  }

  get identity() {
    const read = (key) => [key, this.getAttribute(key.replace("_", "-"))];
    const said = Object.fromEntries(["external_id", "email", "name", "hash"].map(read));
    const identity = window.helpdeskIdentity || said;
    return identity.external_id ? identity : undefined;
  }

  load() {
    this.loading ||= Promise.all([import("./view.js"), this.ready]).then(
      ([{ Panel }]) => this.config && (this.panel = new Panel(this)),
    );
    this.loading.catch(() => (this.loading = null));
    return this.loading;
  }

  // Also for pages: a text waits in the composer.
  async open(text) {
    // No await when it is there: it opens at once.
    if (!this.panel) await this.load();
    this.panel?.open(text);
  }

  refresh(unread) {
    const { launcher, badge, words, panel } = this;
    if (!launcher) return;
    const isOpen = !!panel?.isOpen;
    const label = isOpen ? words.close : words.open;
    badge.textContent = unread > 9 ? "9+" : unread || "";
    launcher.ariaExpanded = isOpen;
    launcher.ariaLabel = unread ? `${label} (${unread} ${words.unread})` : label;
    launcher.firstChild.replaceWith(icon(isOpen ? "down" : "chat"));
  }
}

customElements.define("helpdesk-chat", HelpdeskChat);

export function mount({ attributes }) {
  if (document.querySelector("helpdesk-chat")) return;
  const chat = h("helpdesk-chat");
  for (const { name, value } of attributes) {
    if (name.startsWith("data-")) chat.setAttribute(name.slice(5), value);
  }
  (document.body || document.documentElement).append(chat);
}
