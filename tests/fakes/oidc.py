"""An OpenID Connect provider on loopback: discovery, keys, authorize, token; RS256, PKCE, single-use codes.

Beside that it lies as a test asks: `lies` replaces claims, and the attributes below what it signs with.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

Json = dict[str, Any]
CLIENT_ID, CLIENT_SECRET = "helpdesk", "hush"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OidcProvider(ThreadingHTTPServer):
    """Signs in whoever `person` is, without asking."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key, self.kid, self.algorithm = new_key(), "first", "RS256"
        # What tokens are signed with, where that is not the published key.
        self.signs_with: Any = self.key
        self.person: Json = {
            "sub": "u-1", "email": "bruno@example.com", "email_verified": True, "name": "Bruno Braga",
        }  # fmt: skip
        self.lies: Json = {}
        self.leaves_out: set[str] = set()
        self.described: Json = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[dict[str, str]] = []
        self.refusals: list[str] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def description(self) -> Json:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            **self.described,
        }

    def keys(self) -> Json:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**key, "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Returns the address that the browser is sent back to."""
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> tuple[int, Json]:
        asked = self.codes.pop(form.get("code", ""), None)
        refusal = self._wrong(form, asked)
        if refusal or asked is None:
            self.refusals.append(refusal)
            return 400, {"error": "invalid_grant", "error_description": refusal}
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self.id_token(asked)}

    def _wrong(self, form: dict[str, str], asked: dict[str, str] | None) -> str:
        if asked is None:
            return "unknown or used code"
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked.get("code_challenge_method") != "S256" or challenge != asked.get("code_challenge"):
            return "wrong code_verifier"
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return "wrong client"
        return "" if form.get("redirect_uri") == asked["redirect_uri"] else "wrong redirect_uri"

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked.get("nonce"),
            **self.person, **self.lies,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if name not in self.leaves_out}
        return jwt.encode(claims, self.signs_with, algorithm=self.algorithm, headers={"kid": self.kid})


class _Handler(BaseHTTPRequestHandler):
    server: OidcProvider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        if path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            self.send_response(302)
            self.send_header("location", self.server.authorize(asked))
            self.send_header("content-length", "0")
            self.end_headers()
        elif path == "/keys":
            self._say(200, self.server.keys())
        else:
            self._say(200, self.server.description())

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["content-length"])).decode()
        self._say(*self.server.token({name: values[0] for name, values in parse_qs(sent).items()}))

    def _say(self, status: int, data: Json) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Says nothing."""
