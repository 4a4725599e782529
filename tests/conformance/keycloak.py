"""The few calls of Keycloak that Tempest's OpenID Connect scenario makes: people are made and deleted, and buy signed tokens.

A stand-in for that suite alone; that Pileus gets along with real providers is proved by `tests/federation`.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.jwk import RSAKey

ADMIN, CLIENT = "admin", "tempest"


class Keycloak:
    """Listens on a port of its own until `close`. `url` is its root, `issuer` the realm that its tokens are of."""

    def __init__(self) -> None:
        self.password, self.client_secret = secrets.token_hex(16), secrets.token_hex(16)
        self.people = {ADMIN: self.password}
        self._key = RSAKey.generate_key(2048, auto_kid=True)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.issuer = f"{self.url}/realms/master"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def document(self) -> dict[str, Any]:
        base = f"{self.issuer}/protocol/openid-connect"
        return {"issuer": self.issuer, "token_endpoint": f"{base}/token", "jwks_uri": f"{base}/certs"}

    def keys(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        """An access token for a name and password that fit."""
        name = form.get("username", "")
        if form.get("grant_type") != "password" or self.people.get(name) != form.get("password"):
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": name, "azp": CLIENT, "iat": now, "exp": now + 300, "email": name}
        signed = jwt.encode({"alg": "RS256", "typ": "JWT", "kid": self._key.kid}, claims, self._key)
        return {"access_token": signed, "token_type": "Bearer", "expires_in": 300}


def _answering(keycloak: Keycloak) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/.well-known/openid-configuration"):
                self._say(200, keycloak.document())
            elif self.path.endswith("/certs"):
                self._say(200, keycloak.keys())
            else:
                self._say(404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path.endswith("/token"):
                bought = keycloak.token(dict(parse_qsl(body)))
                self._say(200 if bought else 401, bought)
            else:
                wanted = json.loads(body)
                keycloak.people[wanted["username"]] = wanted["credentials"][0]["value"]
                self._say(201)

        def do_DELETE(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            keycloak.people.pop(json.loads(body)["id"], None)
            self._say(204)

        def _say(self, status: int, document: object = None) -> None:
            raw = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: tokens stand in none of the paths, but nobody reads it either."""

    return Answering
