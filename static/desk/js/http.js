// Asking the server. Every failure ends as a Problem with a sentence for people.

import { t } from "./state.js";

const TIMEOUT = 20000;

/** What went wrong, in words. `status` is 0 when the server was not reached. */
export class Problem extends Error {
  constructor(detail, status = 0, code = "") {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

function csrfToken() {
  const found = document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/);
  return found ? decodeURIComponent(found[1]) : "";
}

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, {
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT),
      ...options,
      headers: { Accept: "application/json", "X-CSRFToken": csrfToken(), ...options.headers },
    });
  } catch {
    throw new Problem(t("unreachable"));
  }
  const data = await response.json().catch(() => ({}));
  if (response.ok) return data;
  if (response.status === 401) throw new Problem(t("signed-out"), 401, "unauthenticated");
  throw new Problem(data.detail || t("failed"), response.status, data.code);
}

/** Reads. */
export const get = (url) => ask(url, { method: "GET" });

/** Writes. */
export const post = (url, data = {}) =>
  ask(url, { method: "POST", body: JSON.stringify(data), headers: { "Content-Type": "application/json" } });

/** Sends a file. */
export function upload(url, file) {
  const form = new FormData();
  form.append("file", file);
  return ask(url, { method: "POST", body: form });
}
