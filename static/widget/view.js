// The panel and the messages in it.
import { Chat } from "./chat.js";
import { h, icon, iconButton, textButton } from "./dom.js";

const OFFLINE_AFTER = 2_000;
const TYPING_EVERY = 3_000;
const TYPING_FOR = 60_000;
const GROUP_WITHIN = 300_000;
const NEAR = 16;
const OUTSIDE = { target: "_blank", rel: "noopener" };

export class Panel {
  #typing = {};
  #typed = 0;

  constructor(element) {
    const { words, config, full } = element;
    Object.assign(this, { element, words, config, full });
    this.agent = { kind: "agent", name: config.agent_name };
    this.chat = new Chat(element, this);
    this.thread = new Thread(this);
    this.#draw();
    this.replace();
    element.shadowRoot.prepend(this.node);
    // Who wrote before hears of answers while the panel is closed.
    if (this.chat.state.token) this.chat.transport.start();
    setInterval(() => this.thread.refreshTimes(), 30_000);
    if (!full && config.invitations?.[0]) import("./invitations.js").then(({ Invitations }) => new Invitations(this), () => {});
    document.addEventListener("visibilitychange", () => this.#read());
  }

  #draw() {
    const { words, config, full } = this;
    this.who = h("div.who");
    this.person = textButton("person", words.person, () => {
      // Who asks for a person does not wait for the agent.
      if (!this.stop.hidden) this.stop.click();
      this.chat.send(words.person);
    });
    this.writing = h("span", { "aria-hidden": true });
    this.note = h("span", { role: "status" });
    this.stop = textButton("stop", words.stop, () => this.chat.transport.send({ type: "stop" }));
    this.stop.hidden = true;
    this.live = h("div.sr", { role: "log", "aria-live": "polite" });
    this.node = h(
      full ? "main.panel" : "dialog.panel",
      { "aria-label": config.title, lang: words.locale, tabindex: -1 },
      h(
        "div.head",
        {},
        h(full ? "h1" : "h2", {}, config.title),
        !full && iconButton("close", words.close, () => this.close()),
        this.who,
        this.person,
      ),
      this.thread.node,
      h("div.line", {}, this.writing, this.note, this.stop),
      this.#composer(),
      this.live,
    );
    this.node.onclose = () => this.element.refresh(0);
    this.node.onkeydown = ({ key }) => {
      if (key === "Escape") this.close();
    };
  }

  #composer() {
    const { words, config } = this;
    const label = { "aria-label": words.write, placeholder: words.write };
    const text = (this.text = h("textarea", { ...label, rows: 1, enterkeyhint: "send" }));
    const send = iconButton("send", words.send);
    const picker = h("input", { type: "file", accept: config.attachment_types, hidden: "", "aria-label": words.attach });
    const submit = (event) => {
      event.preventDefault();
      if (text.value.trim()) this.chat.send(text.value.trim());
      text.value = "";
      text.oninput();
    };
    send.type = "submit";
    picker.onchange = () => {
      this.#upload(picker.files);
      picker.value = "";
    };
    text.oninput = () => {
      send.disabled = !text.value.trim();
      text.style.height = 0;
      text.style.height = `${text.scrollHeight}px`;
      this.#type(text.value);
    };
    text.onblur = () => this.#type("");
    text.onpaste = ({ clipboardData }) => this.#upload(clipboardData.files);
    // An Enter that ends a Chinese character must not send.
    text.onkeydown = (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
    };
    return h("form", { onsubmit: submit }, iconButton("clip", words.attach, () => picker.click()), picker, text, send);
  }

  get isOpen() {
    return this.full || this.node.open;
  }

  open(text) {
    const { node, chat, thread } = this;
    const phone = matchMedia("(max-width: 480px)").matches;
    if (!this.isOpen) {
      // On a phone it covers the page and leaves the keyboard down.
      node[phone ? "showModal" : "show"]();
      (phone ? node : this.text).focus({ preventScroll: true });
    }
    if (text) this.text.value = text;
    this.text.oninput();
    chat.transport.start();
    thread.follow(true);
    this.#read();
    this.rating ||= import("./rating.js").then(({ Ratings }) => new Ratings(this), () => {});
  }

  close() {
    if (this.full) return;
    this.node.close();
    this.element.launcher.focus({ preventScroll: true });
  }

  #type(text) {
    const on = !!text;
    const { transport } = this.chat;
    if (on ? Date.now() - this.#typed > TYPING_EVERY : this.#typed) transport.send({ type: "typing", on });
    else return;
    this.#typed = on && Date.now();
  }

  #upload(files) {
    const { max_attachment_bytes: max, attachment_types: types } = this.config;
    for (const file of files) {
      if (file.size > max || !types.includes(file.type)) return this.problem("file", `${Math.round(max / 1048576)} MB`);
      this.note.textContent = `${this.words.pending} ${file.name}…`;
      this.chat.upload(file).then(() => this.problem(), () => this.problem("unavailable"));
    }
  }

  #read() {
    if (this.isOpen && !document.hidden) this.chat.read();
    this.element.refresh(this.isOpen ? 0 : this.chat.unread);
  }

  state(online) {
    if (!online) return (this.waiting ||= setTimeout(() => this.problem("offline"), OFFLINE_AFTER));
    this.waiting = clearTimeout(this.waiting);
    if (this.note.textContent === this.words.offline) this.problem();
  }

  replace() {
    const { messages, outbox } = this.chat;
    this.thread.replace([...messages.values(), ...outbox]);
    this.#read();
  }

  put(message, answer) {
    const { author, text, state = "sent" } = message;
    this.thread.put(message, answer);
    if (state === "sent" && author.kind === "contact") this.problem();
    if (answer) this.typing("agent", false);
    if (author.kind === "operator" && author.name !== this.config.title) this.people({ assignee: author });
    // Screen readers hear whole messages, not each piece.
    if (author.kind !== "contact") this.live.replaceChildren(author.name, ". ", text);
    this.#read();
  }

  write(text) {
    this.thread.write(text, this.agent);
    this.#tell();
  }

  typing(who, on) {
    clearTimeout(this.#typing[who]);
    // The frame that ends it can be lost.
    this.#typing[who] = on && setTimeout(() => this.typing(who, false), TYPING_FOR);
    if (on) this.typist = on;
    if (who === "agent" && !this.chat.draft) this.write(on ? "" : null);
    this.#tell();
  }

  #tell() {
    const writes = this.#typing.agent || this.chat.draft;
    const name = writes ? this.agent.name : this.#typing.operator && this.typist;
    this.writing.textContent = name ? `${name} ${this.words.writing}…` : "";
    this.stop.hidden = !writes;
  }

  people({ assignee, status }) {
    const human = !!assignee || status === "open";
    const name = human ? assignee?.name : this.agent.name;
    this.who.replaceChildren(name || "", !human && name ? h("abbr.ai", { title: this.words.assistant }, "AI") : "");
    this.person.hidden = human;
  }

  problem(code, value, quiet = !code) {
    const text = this.words[code] || (quiet ? "" : this.words.unavailable);
    this.note.textContent = text.replace("{n}", value);
  }
}

class Thread {
  #draft = null;
  #following = true;

  constructor({ words, config, agent, chat, element }) {
    Object.assign(this, { words, chat, base: element.base });
    const author = config.agent_name ? agent : { name: config.title };
    this.greeting = this.#item({ author, text: config.greeting || words.greeting, seq: 0 });
    this.list = h("ol.messages");
    this.log = h("div.log", { role: "region", tabindex: 0, "aria-label": config.title }, this.list);
    this.log.onscroll = () => (this.#following = this.more.hidden = this.#atEnd);
    this.more = iconButton("down", words.latest, () => this.follow(true));
    this.node = h("div.thread", {}, this.log, this.more);
  }

  replace(messages) {
    this.#draft = null;
    this.list.replaceChildren(this.greeting, ...messages.map((message) => this.#item(message)));
    this.#arrange(true);
  }

  // An `answer` takes the place of the draft.
  put(message, answer) {
    const item = this.#item(message);
    const nodes = [...this.list.children];
    const old = nodes.find(({ key }) => key === item.key) || (answer && this.#draft);
    if (old === this.#draft) this.#draft = null;
    if (old) old.replaceWith(item);
    else nodes.findLast(({ seq }) => seq <= item.seq).after(item);
    this.#arrange(message.state === "pending");
  }

  // `null`: nobody writes; an empty text: somebody is about to.
  write(text, author) {
    if (text === null) {
      this.#draft?.remove();
      this.#draft = null;
    } else if (!this.#draft) {
      // Last: its final message will have the highest seq.
      this.#draft = Object.assign(this.#item({ author, seq: Infinity }), { at: Date.now(), ariaHidden: "true" });
      this.#draft.append(h("div.bubble", {}, h("i"), h("i"), h("i")));
      this.list.append(this.#draft);
      this.#arrange();
    }
    if (text) this.#draft.lastChild.replaceChildren(...draw(text));
    this.follow();
  }

  // Follows the newest text; the beginning of a long answer stays in sight.
  follow(force) {
    const { log, list } = this;
    const end = log.scrollHeight - log.clientHeight;
    if (force) log.scrollTop = end;
    else if (this.#following) log.scrollTop = Math.min(end, list.lastChild.offsetTop);
    if (force) this.#following = true;
    this.more.hidden = this.#atEnd;
  }

  refreshTimes() {
    for (const time of this.list.querySelectorAll("time")) time.textContent = this.#ago(time.dateTime);
  }

  get #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  #item(message) {
    const { id, client_id, author, html, text, seq = Number.MAX_VALUE, created_at } = message;
    const { attachments = [], citations = [], choices = [] } = message;
    const { you, assistant } = this.words;
    const mine = author.kind === "contact";
    const ai = author.kind === "agent" && h("abbr.ai", { title: assistant }, "AI");
    const item = h(
      `li.message.${author.kind}`,
      {},
      h("div.by", {}, h("b", {}, mine ? you : author.name), ai),
      text && this.#bubble(text, !mine && html),
      ...attachments.map((file) => this.#file(file)),
      citations[0] && h("ol.sources", {}, ...citations.map((source, index) => this.#source(source, index))),
      choices[0] && h("div.choices", {}, ...choices.map(({ label, value }) => textButton("choice", label, () => this.chat.send(value)))),
      created_at && this.#meta(message, mine),
    );
    return Object.assign(item, { key: client_id || id, seq, author, at: Date.parse(created_at) });
  }

  // The server has cleaned the HTML; a visitor's text stays text.
  #bubble(text, html) {
    const bubble = h("div.bubble");
    if (html) bubble.innerHTML = html;
    else bubble.textContent = text;
    for (const link of bubble.querySelectorAll("a")) Object.assign(link, OUTSIDE);
    return bubble;
  }

  #source({ title, url }, index) {
    const link = h("a", { href: new URL(url, this.base), ...OUTSIDE }, h("span", {}, index + 1), title);
    if (!url || !/^http/.test(link.protocol)) link.removeAttribute("href");
    return h("li", {}, link);
  }

  #file({ name, content_type, url }) {
    const link = h("a.file", { href: new URL(url, this.base), ...OUTSIDE });
    // The page's policy may forbid our images.
    const onerror = () => link.replaceChildren(name);
    if (content_type.startsWith("image")) link.append(h("img", { src: link.href, alt: name, onerror }));
    else onerror();
    return link;
  }

  #meta(message, mine) {
    const { created_at, state = "sent" } = message;
    const { words } = this;
    if (state === "failed") return h("div.meta.failed", {}, words.failed, textButton("retry", words.retry, () => this.chat.transmit(message)));
    const time = h("time", { datetime: created_at, title: new Date(created_at).toLocaleString(words.locale) }, this.#ago(created_at));
    return h("div.meta", {}, time, mine && h("span", { role: "img", title: words[state] }, icon(state)));
  }

  #ago(when) {
    const minutes = Math.max(0, (Date.now() - new Date(when)) / 60_000);
    const [size, unit] = [[1440, "day"], [60, "hour"], [1, "minute"]].find(([size]) => minutes >= size) || [1, "second"];
    const relative = new Intl.RelativeTimeFormat(this.words.locale, { numeric: "auto", style: "short" });
    return relative.format(-Math.floor(minutes / size), unit);
  }

  // Groups messages of one author and closes answered choices.
  #arrange(force) {
    let answered = false;
    let next;
    for (const item of [...this.list.children].reverse()) {
      const near = next?.author.kind === item.author.kind && next.author.name === item.author.name && next.at - item.at < GROUP_WITHIN;
      next?.classList.toggle("first", !near);
      item.classList.toggle("last", !near);
      for (const choice of item.querySelectorAll(".choice")) choice.disabled = answered;
      answered ||= item.author.kind === "contact";
      next = item;
    }
    next.classList.add("first");
    this.follow(force);
  }
}

// Unfinished Markdown in its final shape.
function draw(text) {
  const blocks = [];
  let open;
  for (const line of text.split("\n")) {
    const [, sign, content] = /^\s*([-*]|\d+[.)]|#+)\s+(.*)/.exec(line) || [, "", line];
    const tag = !sign ? "p" : sign[0] === "#" ? "h3" : /\d/.test(sign) ? "ol" : "ul";
    if (!line.trim()) {
      if (open?.localName === "p") open = null;
      continue;
    }
    if (open?.localName !== tag) blocks.push((open = h(tag)));
    else if (!sign) open.append(h("br"));
    open.append(...(tag[1] === "l" ? [h("li", {}, ...inline(content))] : inline(content)));
  }
  return blocks;
}

function inline(text) {
  const match = /(\*\*|`|\*|\[)(\S.*?)(?:\1|\]\([^)\s]+\))/.exec(text);
  if (!match) return [text];
  const tag = { "**": "strong", "`": "code", "*": "em", "[": "u" }[match[1]];
  return [text.slice(0, match.index), h(tag, {}, match[2]), ...inline(text.slice(match.index + match[0].length))];
}
