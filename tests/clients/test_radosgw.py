"""The calls of a Ceph RADOS gateway, byte for byte as radosgw 16.2.15 sent them to us (docs/howto/credentials.md tells how).

The gateway's user is known by the *name* of its domain. It keeps its token and uses it for everything: to check those of
Swift's clients, to have the signatures of S3's clients judged, and to fetch a secret that it may keep for a while.
"""

from __future__ import annotations

import base64
import hmac
import http.client
import io
import json
import socket
from typing import Any

import pytest

from cloud import PASSWORD, LiveCloud


class Gateway:
    """`say` sends bytes as they are, and reads one answer."""

    def __init__(self, live: LiveCloud, role: str) -> None:
        self.port = 5000 + live.shift
        admin = live.client("admin")
        name = f"rgw-{role}"
        user = admin.post("/identity/v3/users", json={"user": {"name": name, "password": PASSWORD}}).json()["user"]
        project = admin.post("/identity/v3/projects", json={"project": {"name": name}}).json()["project"]
        roles = {one["name"]: one["id"] for one in admin.get("/identity/v3/roles").json()["roles"]}
        granted = admin.put(f"/identity/v3/projects/{project['id']}/users/{user['id']}/roles/{roles[role]}")
        assert granted.status_code == 204
        demo = live.client("demo")
        mine = demo.get("/identity/v3/auth/tokens", headers={"X-Subject-Token": demo.headers["X-Auth-Token"]}).json()
        self.user_id, self.project_id = mine["token"]["user"]["id"], mine["token"]["project"]["id"]
        made = demo.post(f"/identity/v3/users/{self.user_id}/credentials/OS-EC2", json={"tenant_id": self.project_id})
        self.access, self.secret = made.json()["credential"]["access"], made.json()["credential"]["secret"]
        self.demo_token = demo.headers["X-Auth-Token"]
        self.token = self._login(name)

    def say(self, start: str, headers: dict[str, str], body: str = "") -> tuple[int, http.client.HTTPMessage, Any]:
        lines = [start, f"Host: 127.0.0.1:{self.port}", "Accept: */*", *(f"{k}: {v}" for k, v in headers.items())]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        with socket.create_connection(("127.0.0.1", self.port), 30) as wire:
            wire.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            said = answer.read()
        return answer.status, answer.headers, json.load(io.BytesIO(said)) if said else None

    def _login(self, name: str) -> str:
        body = (
            '{"auth":{"identity":{"methods":["password"],"password":{"user":{"domain":{"name":"Default"},"name":"'
            + name + '","password":"' + PASSWORD
            + '"}}},"scope":{"project":{"name":"' + name + '","domain":{"name":"Default"}}}}}'
        )  # fmt: skip
        status, headers, said = self.say("POST /v3/auth/tokens HTTP/1.1", {}, body)
        assert status == 201, said
        return str(headers["X-Subject-Token"])

    def signed(self, text: bytes, signature: str) -> tuple[int, http.client.HTTPMessage, Any]:
        token = base64.b64encode(text).decode()
        body = f'{{"credentials":{{"access":"{self.access}","token":"{token}","signature":"{signature}"}}}}'
        return self.say("POST /v3/s3tokens HTTP/1.1", {"X-Auth-Token": self.token}, body)


@pytest.fixture(scope="module", params=["admin", "service"])
def gateway(request: pytest.FixtureRequest, live: LiveCloud) -> Gateway:
    return Gateway(live, request.param)


def test_a_token_of_swifts_client(gateway: Gateway) -> None:
    """What radosgw reads of it: the project (its tenant), the user, the roles, the end."""
    shown = {"X-Subject-Token": gateway.demo_token, "X-Auth-Token": gateway.token}
    status, _, said = gateway.say("GET /v3/auth/tokens HTTP/1.1", shown)
    assert status == 200
    token = said["token"]
    assert (token["project"]["id"], token["project"]["name"], token["project"]["domain"]["name"]) == (
        gateway.project_id,
        "demo",
        "Default",
    )
    assert (token["user"]["id"], token["user"]["name"]) == (gateway.user_id, "demo")
    assert "member" in {role["name"] for role in token["roles"]}
    assert token["expires_at"].endswith("Z")


def test_a_token_that_is_none(gateway: Gateway) -> None:
    shown = {"X-Subject-Token": "x" * 200, "X-Auth-Token": gateway.token}
    assert gateway.say("GET /v3/auth/tokens HTTP/1.1", shown)[0] == 404


def test_a_signature_of_version_4(gateway: Gateway) -> None:
    text = (
        b"AWS4-HMAC-SHA256\n20261123T135532Z\n20261123/default/s3/aws4_request\n"
        b"cee80998514e57c8b3c22b0a0d781ff08b765e41272760af71c3aef822d007a9"
    )
    key = f"AWS4{gateway.secret}".encode()
    for part in ("20261123", "default", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    status, _, said = gateway.signed(text, hmac.digest(key, text, "sha256").hex())
    assert status == 200, said
    assert said["token"]["project"]["id"] == gateway.project_id
    assert gateway.signed(text, "0" * 64)[0] == 401


def test_a_signature_of_version_2(gateway: Gateway) -> None:
    text = b"GET\n\n\nMon, 23 Nov 2026 13:55:37 GMT\n/bucket/a%20b"
    signature = base64.b64encode(hmac.digest(gateway.secret.encode(), text, "sha1")).decode()
    status, _, said = gateway.signed(text, signature)
    assert status == 200, said
    assert {"user", "project", "roles", "expires_at"} <= set(said["token"])
    assert gateway.signed(text + b"c", signature)[0] == 401


def test_a_secret_to_keep_is_for_admins(gateway: Gateway, request: pytest.FixtureRequest) -> None:
    """Without it the gateway asks again for each request: it works with the role `service` too."""
    path = f"/v3/users/{gateway.user_id}/credentials/OS-EC2/{gateway.access}"
    status, _, said = gateway.say(f"GET {path} HTTP/1.1", {"X-Auth-Token": gateway.token})
    if request.node.callspec.params["gateway"] == "admin":
        assert (status, said["credential"]["secret"]) == (200, gateway.secret)
    else:
        assert status == 403
