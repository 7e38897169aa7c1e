// Starts Swagger UI. It stands in a file of its own because the page allows no script in the document.

const place = document.getElementById("swagger-ui");

function csrfToken() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie ? decodeURIComponent(cookie.slice("csrftoken=".length)) : "";
}

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  // There are more operations than anybody reads at once.
  docExpansion: "none",
  // Would show a picture of an outside site.
  validatorUrl: null,
  requestInterceptor(request) {
    const own = new URL(request.url, location.href).origin === location.origin;
    if (own && !["GET", "HEAD"].includes(request.method ?? "GET")) {
      request.headers["X-CSRFToken"] = csrfToken();
    }
    return request;
  },
});
