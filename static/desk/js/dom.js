// Markup comes from <template> elements of the page, so that its words are translated by the server.

/** Returns a copy of the first element of a template. */
export function copyOf(name) {
  const template = document.querySelector(`template[data-template="${name}"]`);
  return template.content.firstElementChild.cloneNode(true);
}

/** Returns the element with that slot. */
export function slot(node, name) {
  return node.querySelector(`[data-slot="${name}"]`);
}

/** Sets the text of a slot, touching the page only when it changes; an empty text hides it when asked. */
export function setText(element, text, { hide = false } = {}) {
  if (element.textContent !== text) element.textContent = text;
  if (hide) element.hidden = text === "";
}

/** Returns the element of the page with a data attribute. */
export function hook(name, root = document) {
  return root.querySelector(`[data-${name}]`);
}

/** Makes an element with classes, text and children. */
export function make(tag, { className = "", text, href, title } = {}, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  if (href !== undefined) element.setAttribute("href", href);
  if (title !== undefined) element.title = title;
  element.append(...children);
  return element;
}
