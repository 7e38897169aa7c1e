// Starts Redoc. It stands in a file of its own because the page allows no script in the document.

const place = document.getElementById("redoc");
const image = HTMLImageElement.prototype;
const source = Object.getOwnPropertyDescriptor(image, "src");

function isOurs(address) {
  return new URL(address, location.href).origin === location.origin;
}

// Redoc shows its maker's logo from their site, and nothing when that fails. Nothing on this page is fetched
// from elsewhere, so it is told at once that it failed.
function refuse(element) {
  queueMicrotask(() => element.dispatchEvent(new Event("error")));
}

Object.defineProperty(image, "src", {
  ...source,
  set(address) {
    if (isOurs(address)) source.set.call(this, address);
    else refuse(this);
  },
});

image.setAttribute = function setAttribute(name, value) {
  if (name !== "src" || isOurs(value)) Element.prototype.setAttribute.call(this, name, value);
  else refuse(this);
};

window.Redoc.init(
  place.dataset.schema,
  // Its search runs in a worker made from text, which the page does not allow; the browser's own finds all.
  { disableSearch: true, hideDownloadButton: true, nativeScrollbars: true },
  place,
);
