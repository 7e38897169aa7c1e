// The live connection. It only tells; whatever was missed is asked for again by number.

import { on, state, t, tell } from "./state.js";
import { hook } from "./dom.js";
import { get } from "./http.js";

const SIGNED_OUT = 4401;
const FIRST_DELAY = 400;
const MOST_DELAY = 15000;
const QUIET = 75000;

let socket = null;
let attempts = 0;
let timer = 0;
let lastHeard = 0;
let isSignedOut = false;

/** Sends a frame if the connection stands; signs of life need no more. */
export function send(frame) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

/** Opens the connection and keeps it open. */
export function connect() {
  clearTimeout(timer);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}/ws/desk/`);
  socket = mine;
  mine.addEventListener("message", (event) => {
    lastHeard = Date.now();
    const frame = JSON.parse(event.data);
    if (frame.type === "ready") isReady();
    tell(`socket:${frame.type}`, frame);
  });
  mine.addEventListener("close", (event) => {
    if (mine === socket) lost(event.code);
  });
}

function isReady() {
  const isAgain = attempts > 0;
  attempts = 0;
  banner("");
  tell("connected", { isAgain });
}

function lost(code) {
  tell("disconnected");
  if (code === SIGNED_OUT) return signedOut();
  attempts += 1;
  // A connection that comes back within a moment is nobody's business.
  if (attempts > 1) banner(t("offline"));
  if (attempts === 3) get(`${state.urls.inbox}rows/`).catch((problem) => problem.status === 401 && signedOut());
  const delay = Math.min(MOST_DELAY, FIRST_DELAY * 2 ** (attempts - 1));
  timer = setTimeout(connect, delay * (0.5 + Math.random()));
}

function signedOut() {
  isSignedOut = true;
  clearTimeout(timer);
  banner(t("signed-out"));
}

function banner(text) {
  hook("banner-text").textContent = text;
  hook("banner").hidden = text === "";
}

function again() {
  if (isSignedOut || socket?.readyState === WebSocket.OPEN) return;
  attempts = Math.min(attempts, 2);
  connect();
}

window.addEventListener("online", again);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) again();
});
setInterval(() => {
  // A dead link gives no sign; the server says something twice a minute.
  if (socket?.readyState === WebSocket.OPEN && Date.now() - lastHeard > QUIET) socket.close();
}, 10000);

on("socket:error", (frame) => console.warn("desk socket:", frame.code, frame.detail));
