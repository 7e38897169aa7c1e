// The page of a source: the panel follows the reading until it is over; a new source shows what its kind needs.

const EVERY = 2000;
const FIELDS = { website: ["address"], files: ["uploads"], text: ["text"], questions: ["text"] };

async function follow() {
  const panel = document.querySelector("[data-panel]");
  if (!panel?.dataset.panel) return;
  if (!document.hidden) {
    try {
      const response = await fetch(panel.dataset.panel, { credentials: "same-origin" });
      if (response.ok) show(panel, await response.text());
    } catch {
      // The next look may reach the server; what is shown stays true for the moment it was shown.
    }
  }
  setTimeout(follow, EVERY);
}

function show(panel, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  panel.replaceWith(fresh.content);
}

function showFieldsOf(kind) {
  for (const name of new Set(Object.values(FIELDS).flat())) {
    const row = document.querySelector(`.field-${name}`);
    if (row) row.hidden = Boolean(kind) && !FIELDS[kind].includes(name);
  }
}

const kind = document.querySelector("select#id_kind");
if (kind) {
  kind.addEventListener("change", () => showFieldsOf(kind.value));
  showFieldsOf(kind.value);
}
setTimeout(follow, EVERY);
