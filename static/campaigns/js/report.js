// The page of a campaign that has begun: what is shown follows what happens, until it is over.

import { hook } from "../../desk/js/dom.js";
import { get } from "../../desk/js/http.js";
import { state } from "../../desk/js/state.js";
import { Course } from "./course.js";
import { startDialogs } from "./dialogs.js";
import { replaceParts } from "./parts.js";

const EVERY = 2500;
// Receipts and replies still come when the campaign is over.
const EVERY_WHEN_OVER = 15000;
const course = new Course(hook("course"), state.course);

async function look() {
  if (!document.hidden) {
    try {
      show(await get(state.urls.live));
    } catch {
      // The next look may reach the server; what is shown stays true for the moment it was shown.
    }
  }
  setTimeout(look, state.is_over ? EVERY_WHEN_OVER : EVERY);
}

function show(found) {
  // Other buttons belong to another state.
  if (found.status !== state.status) {
    location.reload();
    return;
  }
  for (const [name, html] of Object.entries(found.parts)) {
    replaceParts(document.querySelector(`[data-part="${name}"]`), html);
  }
  course.show(found.course);
}

startDialogs();
setTimeout(look, state.is_over ? EVERY_WHEN_OVER : EVERY);
