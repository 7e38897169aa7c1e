// The conversation as this visitor knows it.
import { Transport } from "./transport.js";

const ACK_WITHIN = 15_000;

// crypto.randomUUID() needs https.
const uuid = () => URL.createObjectURL(new Blob()).slice(-36);

export class Chat {
  draft = null;
  messages = new Map();
  #next = {};
  #over = new Set();
  #flying;
  #memory = {};

  constructor({ base, inbox, url, words, identity }, view) {
    Object.assign(this, { url, view, name: `helpdesk:${base}:${inbox}` });
    // A guest who logs in goes on; another person starts with nothing.
    const who = identity?.external_id;
    if (this.state.who && this.state.who !== who) this.#write({});
    if (who) this.save({ who });
    const { locale } = words;
    this.transport = new Transport({
      base,
      url,
      hello: () => ({ type: "hello", v: 1, inbox, locale, identity, token: this.state.token, since: this.seq }),
      token: () => this.state.token,
      onframe: (frame) => this[`on${frame.type}`]?.(frame),
      onstate: (online) => view.state(online),
    });
  }

  // Outlives a reload: token, seq (read so far), outbox. Shared by tabs.
  get state() {
    try {
      return JSON.parse(localStorage[this.name]);
    } catch {
      return this.#memory;
    }
  }

  save(changes) {
    this.#write({ ...this.state, ...changes });
  }

  #write(state) {
    this.#memory = state;
    try {
      localStorage[this.name] = JSON.stringify(state);
    } catch {
      // Forbidden: it forgets with the page.
    }
  }

  get outbox() {
    return this.state.outbox || [];
  }

  get #pending() {
    return this.outbox.filter(({ state }) => state === "pending");
  }

  #waiting(client_id) {
    return this.#pending.find((message) => message.client_id === client_id);
  }

  #keep(client_id, message) {
    const others = this.outbox.filter((other) => other.client_id !== client_id);
    this.save({ outbox: message ? [...others, message] : others });
    this.#advance();
  }

  // One at a time, in order.
  #advance(last = this.#flying) {
    const [message] = this.#pending;
    this.#flying = message?.client_id;
    if (message && this.#flying !== last) this.#deliver(message);
  }

  #mark(message, state) {
    const marked = { ...message, state };
    this.#keep(message.client_id, state !== "sent" && marked);
    this.view.put(marked);
  }

  send(text, attachments = []) {
    this.transmit({ client_id: uuid(), text, attachments, author: { kind: "contact" }, created_at: new Date().toJSON() });
  }

  // Again too: one client_id, one message.
  transmit(message) {
    this.#mark(message, "pending");
  }

  #deliver({ type = "send", client_id, text, attachments }) {
    this.transport.send({ type, client_id, text, attachments: attachments.map(({ id }) => id) });
    this.#later(client_id, ACK_WITHIN, () => this.transport.restart());
  }

  // One thing at a time, if it still waits.
  #later(client_id, wait, act) {
    clearTimeout(this.#next[client_id]);
    this.#next[client_id] = setTimeout(() => this.#waiting(client_id) && act(), wait);
  }

  async upload(file) {
    const body = new FormData();
    body.append("file", file);
    const headers = { Authorization: `Bearer ${this.state.token}` };
    const answer = await fetch(`${this.url}attachments`, { method: "POST", headers, body });
    if (!answer.ok) throw answer;
    this.send("", [await answer.json()]);
  }

  get unread() {
    const { seq: seen = 0 } = this.state;
    return [...this.messages.values()].filter(({ seq, author }) => seq > seen && /^[ao]/.test(author.kind)).length;
  }

  read() {
    const { seq } = this;
    if (!(seq > (this.state.seq || 0))) return;
    this.save({ seq });
    this.transport.send({ type: "read", seq });
  }

  ontoken({ token }) {
    this.save({ token });
  }

  onwelcome(frame) {
    const { token, conversation } = frame;
    this.save({ token });
    this.view.people(frame);
    this.#discard();
    if (!conversation) this.seq = undefined;
    this.#advance(0);
  }

  onsnapshot({ seq, messages }) {
    this.seq = seq;
    this.messages.clear();
    for (const message of messages) this.#know(message);
    this.view.replace();
  }

  onevent(frame) {
    const { seq, event, message, run } = frame;
    if (seq <= this.seq) return;
    this.seq = seq;
    if (message) this.#message(message);
    if (event.startsWith("run.")) this.#end(run);
    if (event === "conversation.updated") this.view.people(frame);
  }

  ondelta({ run, offset, text }) {
    if (this.#over.has(run)) return;
    if (!offset) this.draft = { run, text: "", length: 0 };
    const { draft } = this;
    if (draft?.run !== run || offset > draft.length) return;
    // Offsets count code points, strings UTF-16 units.
    const points = [...text].slice(draft.length - offset);
    draft.text += points.join("");
    draft.length += points.length;
    this.view.write(draft.text);
  }

  ontyping({ who, on, name }) {
    this.view.typing(who, on && (name || who));
  }

  onack({ client_id }) {
    const message = this.#waiting(client_id);
    if (message) this.#mark(message, "sent");
  }

  onerror({ code, client_id, retry_after = 5 }) {
    const message = this.#waiting(client_id);
    const closed = /^(unknown_inbox|origin_not_allowed)$/.test(code);
    if (closed) this.transport.stop();
    else if (code === "token_invalid") {
      this.save({ token: undefined });
      this.onsnapshot({ messages: [] });
      return this.transport.restart();
    } else if (message && /^(too_many|unavailable)$/.test(code)) this.#later(client_id, retry_after * 1000, () => this.#deliver(message));
    else if (message?.type) {
      // Called off meanwhile.
      this.#keep(client_id);
      return this.view.replace();
    } else if (message) this.#mark(message, "failed");
    this.view.problem(closed ? "closed" : code, retry_after, message);
  }

  #message(message) {
    const { draft } = this;
    this.#know(message);
    // It replaces the streamed text, so nothing jumps.
    const answer = message.author.kind === "agent" && (!draft || !message.run || message.run === draft.run);
    if (answer) {
      this.#over.add(message.run || draft?.run);
      this.draft = null;
    }
    this.view.put(message, answer);
  }

  #know(message) {
    this.messages.set(message.id, message);
    if (message.client_id) this.#keep(message.client_id);
  }

  #end(run) {
    this.#over.add(run);
    if (this.draft?.run === run) this.#discard();
    this.view.typing("agent", false);
  }

  #discard() {
    this.draft = null;
    this.view.write(null);
  }
}
