// Passkeys: hands the server's question to the device and its answer back, in the form around the button.
//
// Forms have data-passkey="get" or "create"; the question is in #passkey-options, or under data-passkey-url.

const forms = document.querySelectorAll("[data-passkey]");

function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  if (!buffer) return null;
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

const withBytes = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

function question({ publicKey }) {
  const asked = { ...publicKey, challenge: bytes(publicKey.challenge) };
  if (asked.user) asked.user = { ...asked.user, id: bytes(asked.user.id) };
  if (asked.excludeCredentials) asked.excludeCredentials = withBytes(asked.excludeCredentials);
  if (asked.allowCredentials) asked.allowCredentials = withBytes(asked.allowCredentials);
  return { publicKey: asked };
}

function answer(key) {
  const { response } = key;
  const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const parts = names.filter((name) => name in response).map((name) => [name, text(response[name])]);
  return {
    id: key.id,
    rawId: text(key.rawId),
    type: key.type,
    authenticatorAttachment: key.authenticatorAttachment,
    clientExtensionResults: key.getClientExtensionResults(),
    response: { ...Object.fromEntries(parts), transports: response.getTransports?.() },
  };
}

async function options(form) {
  const { passkeyUrl } = form.dataset;
  if (!passkeyUrl) return JSON.parse(document.getElementById("passkey-options").textContent);
  const found = await fetch(passkeyUrl, { headers: { Accept: "application/json" } });
  return (await found.json()).request_options;
}

async function use(form) {
  const complaint = form.querySelector("[data-passkey-error]");
  complaint.hidden = true;
  try {
    const key = await navigator.credentials[form.dataset.passkey](question(await options(form)));
    form.elements.credential.value = JSON.stringify(answer(key));
    form.submit();
  } catch {
    // Given up by its owner, refused by the device, or the server was not reached: all said alike.
    complaint.hidden = false;
  }
}

if (window.PublicKeyCredential && navigator.credentials) {
  for (const missing of document.querySelectorAll("[data-passkey-missing]")) missing.hidden = true;
  for (const form of forms) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      use(form);
    });
  }
}
