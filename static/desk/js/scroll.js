// Keeps the reader where they are: at the end while they read the end, elsewhere when they look back.

import { hook, setText } from "./dom.js";
import { t } from "./state.js";

const NEAR = 48;
const scroller = hook("thread-scroll");
let unseen = 0;
let isAtEnd = true;

function measure() {
  isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
  if (isAtEnd) showJump(0);
}

function showJump(count) {
  unseen = count;
  hook("jump").hidden = isAtEnd;
  setText(hook("jump-text"), count ? t(count === 1 ? "new-message" : "new-messages", { n: count }) : t("to-end"));
}

/** Says whether the end of the thread is in sight. */
export const atEnd = () => isAtEnd;

/** Goes to the end. */
export function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  isAtEnd = true;
  showJump(0);
}

/** Makes a change at the end; the reader follows it only if they were there. */
export function atTheEnd(change, { counts = false } = {}) {
  const follows = isAtEnd;
  const shown = change();
  if (follows) toEnd();
  else if (shown && counts) showJump(unseen + 1);
}

/** Makes a change at the top without moving what is read. */
export function atTheTop(change) {
  const fromEnd = scroller.scrollHeight - scroller.scrollTop;
  change();
  scroller.scrollTop = scroller.scrollHeight - fromEnd;
}

/** Watches the thread. */
export function startScroll() {
  scroller.addEventListener(
    "scroll",
    () => {
      measure();
      if (!isAtEnd) showJump(unseen);
    },
    { passive: true },
  );
  hook("jump").addEventListener("click", toEnd);
  new ResizeObserver(() => isAtEnd && toEnd()).observe(scroller);
}
