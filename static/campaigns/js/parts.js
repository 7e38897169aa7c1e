// Parts of the page that the server draws anew: only what is another is touched, and nothing jumps.

const keyed = (root) => [...root.querySelectorAll("[data-key]")];
const names = (root) => keyed(root).map((element) => element.dataset.key).join(" ");

/** Shows new markup of the server's in an element; parts of the same key stay where they are, open or focused. */
export function replaceParts(element, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  if (!keyed(element).length || names(element) !== names(fresh.content)) {
    if (element.innerHTML.trim() !== html.trim()) element.replaceChildren(fresh.content);
    return;
  }
  for (const part of keyed(fresh.content)) {
    const shown = element.querySelector(`[data-key="${part.dataset.key}"]`);
    if (shown.innerHTML !== part.innerHTML) replaceWithin(shown, part);
    if (part.dataset.tone !== shown.dataset.tone) {
      if (part.dataset.tone) shown.dataset.tone = part.dataset.tone;
      else delete shown.dataset.tone;
    }
  }
}

function replaceWithin(shown, part) {
  const focused = shown.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  shown.replaceChildren(...part.childNodes);
  if (focused) shown.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}
