// Starts Redoc. It stands in a file of its own because the page allows no script in the document.

const place = document.getElementById("redoc");

window.Redoc.init(place.dataset.schema, { hideDownloadButton: true }, place);
