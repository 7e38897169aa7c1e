// Builders of elements. Text stays text.

const ICONS = {
  chat: "M4 5h16v11h-9l-5 4v-4H4z",
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 9l6 6 6-6",
  send: "M12 19V5M5 12l7-7 7 7",
  clip: "M20 11l-8 8a5 5 0 0 1-7-7l8-8a3 3 0 0 1 5 5l-8 8a1 1 0 0 1-2-2l7-7",
  sent: "M5 13l4 4L19 7",
  pending: "M7 4h10L7 20h10z",
};

export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name);
  node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (key.startsWith("on")) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

export function icon(name) {
  const around = h("b");
  around.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
  return around.firstChild;
}

export const textButton = (style, content, onclick) => h(`button.${style}`, { type: "button", onclick }, content);

export const iconButton = (name, label, onclick) =>
  Object.assign(textButton(`icon.${name}`, icon(name), onclick), { title: label, ariaLabel: label });
