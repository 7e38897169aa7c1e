// Text that the agent is writing: shown as it comes, replaced by the stored message.

import { copyOf, hook, slot } from "./dom.js";
import { on, t } from "./state.js";

const ENDED = new Set(["run.cancelled", "run.superseded"]);

const place = hook("streams");
const streams = new Map();
const ended = new Set();
let agentName = "";

/** Forgets everything, for another thread. */
export function clearStreams(name) {
  streams.clear();
  ended.clear();
  place.replaceChildren();
  agentName = name;
}

/** Takes a piece of a run's text; `offset` counts characters as the server does. Returns whether it is shown. */
export function takeDelta({ run, offset, text }) {
  if (ended.has(run)) return false;
  const stream = streams.get(run) ?? begin(run, offset);
  const piece = [...text];
  const at = offset - stream.start;
  if (at < 0 || at > stream.text.length) {
    // What lies between is missing, here or before: the piece is all there is to show.
    stream.start = offset;
    stream.text = piece;
  } else if (at > 0 || stream.text.slice(0, piece.length).join("") !== text) {
    stream.text = stream.text.slice(0, at).concat(piece);
  }
  stream.body.textContent = (stream.start ? "…" : "") + stream.text.join("");
  return true;
}

function begin(run, offset) {
  const node = copyOf("stream");
  slot(node, "author").textContent = agentName || t("ai-agent");
  const stream = { node, body: slot(node, "body"), start: offset, text: [] };
  streams.set(run, stream);
  place.append(node);
  return stream;
}

/** Ends a run's text when its message, or its end, is stored. */
export function endStream(event) {
  const run = event.message?.run ?? (ENDED.has(event.event) ? event.run : null);
  if (run) drop(run);
  else if (event.status && event.status !== "bot") for (const key of streams.keys()) drop(key);
}

function drop(run) {
  ended.add(run);
  streams.get(run)?.node.remove();
  streams.delete(run);
}

on("disconnected", () => {
  // What was written meanwhile would be missing in the middle; the stored message comes whole.
  for (const run of streams.keys()) {
    streams.get(run).node.remove();
    streams.delete(run);
  }
});
