// One line to the server: a websocket, or SSE + POST where none gets through.

const WELCOME_WITHIN = 4_000;
const SILENCE = 60_000;

export class Transport {
  #line = null;
  #turn = 0;
  #failures = 0;
  #patience = 2;
  #stopped = true;

  constructor(options) {
    Object.assign(this, options);
    addEventListener("online", () => this.restart());
    addEventListener("offline", () => this.#failed(this.#line));
    document.addEventListener("visibilitychange", () => document.hidden || this.#line || this.restart());
  }

  start() {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.restart();
  }

  stop() {
    this.#stopped = true;
    this.#hangUp();
  }

  // Messages wait for the next welcome.
  send(frame) {
    if (this.#line?.welcomed) this.#line.send(frame);
  }

  restart() {
    this.#hangUp();
    if (this.#stopped) return;
    this.onstate(false);
    const streaming = this.#turn % (this.#patience + 1) === this.#patience;
    const line = (this.#line = {});
    this.#expect(line, WELCOME_WITHIN);
    const open = streaming ? openStream : openSocket;
    const receive = (frame) => line === this.#line && this.#receive(line, frame, streaming);
    Object.assign(line, open(this, receive, () => this.#failed(line)));
  }

  #receive(line, frame, streaming) {
    if (frame.type === "welcome") {
      line.welcomed = true;
      this.#failures = 0;
      // A socket that worked once is not blocked.
      if (!streaming) this.#patience = 6;
      this.onstate(true);
    }
    if (line.welcomed) this.#expect(line, SILENCE);
    if (frame.type === "ping") line.send({ type: "pong" });
    else this.onframe(frame);
  }

  #expect(line, within) {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => {
      if (!line.welcomed) this.#turn = Math.max(this.#turn, this.#patience - 1);
      this.#failed(line);
    }, within);
  }

  #failed(line) {
    if (!line || this.#line !== line) return;
    this.#hangUp();
    if (!line.welcomed) this.#turn++;
    this.onstate(false);
    // Full jitter: not all widgets come back at once.
    const pause = Math.random() * Math.min(30_000, 500 * 2 ** this.#failures++);
    this.timer = setTimeout(() => this.restart(), pause);
  }

  #hangUp() {
    clearTimeout(this.timer);
    clearTimeout(this.watch);
    const line = this.#line;
    this.#line = null;
    line?.close?.();
  }
}

function openSocket({ base, hello }, receive, closed) {
  const socket = new WebSocket(base.replace("http", "ws") + "ws/chat/");
  const send = (frame) => socket.readyState > 1 || socket.send(JSON.stringify(frame));
  socket.onopen = () => send(hello());
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = closed;
  return { send, close: () => socket.close() };
}

// EventSource would put the token into the address.
function openStream({ url, hello, token }, receive, closed) {
  const abort = new AbortController();
  const request = (path, frame) =>
    fetch(url + path, {
      method: frame ? "POST" : "GET",
      headers: { "Content-Type": "application/json", ...(token() && { Authorization: `Bearer ${token()}` }) },
      body: frame && JSON.stringify(frame),
      signal: abort.signal,
    });
  let isNew;
  const post = async (path, frame) => (await request(path, frame)).json();
  const listen = async () => {
    const { since, ...first } = hello();
    const { type, ...answer } = await post("hello", first);
    // The line is up with the stream's own welcome.
    receive({ ...answer, type: type === "welcome" ? "token" : type });
    const { body } = await request(since ? `events?since=${since}` : "events");
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part; !(part = await reader.read()).done; ) {
      const blocks = (text + part.value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const frame = JSON.parse(/^data: (.*)$/m.exec(block)[1]);
        if (frame.type === "welcome") isNew = !frame.conversation;
        receive(frame);
      }
    }
  };
  listen().then(closed, closed);
  let queue = Promise.resolve();
  return {
    send: (frame) => {
      if (frame.type === "pong") return;
      // One after the other. A stream knows only the conversation it began with.
      queue = queue
        .then(() => post("messages", frame))
        .then((reply) => receive(reply) || (isNew && reply.type === "ack" && closed()))
        .catch(closed);
    },
    close: () => abort.abort(),
  };
}
