// What the server put into the page, and what the modules say to each other.

/** The page's state as the server saw it. */
export const state = JSON.parse(document.getElementById("desk-state").textContent);

const bus = new EventTarget();

/** Tells whoever listens. */
export function tell(name, detail) {
  bus.dispatchEvent(new CustomEvent(name, { detail }));
}

/** Listens. */
export function on(name, call) {
  bus.addEventListener(name, (event) => call(event.detail));
}

/** Returns a string in the user's language, with {names} filled in. */
export function t(key, values = {}) {
  const text = state.strings[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
