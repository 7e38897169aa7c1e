// Text that the agent is writing: shown as it comes, replaced by the stored message.

import { copyOf, hook, slot } from "./dom.js";
import { on, t } from "./state.js";

const ENDED = new Set(["run.finished", "run.cancelled", "run.superseded"]);

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

/** Takes a piece; what overlaps replaces, what is missing at the front is marked. Returns whether it was shown. */
export function takeDelta({ run, offset, text }) {
  if (ended.has(run)) return false;
  let stream = streams.get(run);
  if (!stream) {
    const node = copyOf("stream");
    slot(node, "author").textContent = agentName || t("ai-agent");
    stream = { node, body: slot(node, "body"), text: offset > 0 ? "…" : "", skipped: offset };
    streams.set(run, stream);
    place.append(node);
  }
  const at = Math.max(0, offset - stream.skipped) + (stream.skipped ? 1 : 0);
  stream.text = stream.text.slice(0, at) + text;
  stream.body.textContent = stream.text;
  return true;
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
