"""A live cloud that trusts a real OpenID Connect provider."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from cloud import LiveCloud
from cloud_runs import free_port
from federation.openid_provider import OpenIdProvider

DASHBOARD = "http://127.0.0.1:9/auth/websso/"
MAPPING = [
    {
        "local": [
            {"user": {"id": "{0}", "name": "{1}", "email": "{2}"}},
            {"groups": "{3}", "domain": {"id": "default"}},
        ],
        "remote": [
            {"type": "REMOTE_USER"},
            {"type": "OIDC-name"},
            {"type": "HTTP_OIDC_EMAIL"},
            {"type": "OIDC-groups"},
        ],
    },
    {"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "REMOTE_USER"}]},
    {"local": [{"user": {"name": "robot {0}"}}], "remote": [{"type": "OIDC-client_id", "whitelist": ["robot"]}]},
]


class Federation:
    def __init__(self, live: LiveCloud, op: OpenIdProvider) -> None:
        self.live, self.op = live, op
        self.base = f"http://127.0.0.1:{5000 + live.shift}"
        self.auth_url = f"{self.base}/v3"
        self.admin = live.client()
        self.staff = self._make("group", name="staff")
        self._connect()

    def _make(self, noun: str, **body: object) -> dict[str, str]:
        answer = self.admin.post(f"/identity/v3/{noun}s", json={noun: body})
        assert answer.status_code == 201, answer.text
        return answer.json()[noun]

    def put(self, path: str, body: object = None) -> httpx.Response:
        answer = self.admin.put(f"/identity/v3{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer

    def _connect(self) -> None:
        below = "/OS-FEDERATION"
        self.put(f"{below}/mappings/corp", {"mapping": {"rules": MAPPING}})
        wish = {"enabled": True, "remote_ids": [self.op.issuer]}
        self.put(f"{below}/identity_providers/corp", {"identity_provider": wish})
        protocol = {"protocol": {"mapping_id": "corp"}}
        self.put(f"{below}/identity_providers/corp/protocols/openid", protocol)
        projects = self.admin.get("/identity/v3/projects?name=demo").json()["projects"]
        roles = self.admin.get("/identity/v3/roles?name=member").json()["roles"]
        self.project_id = projects[0]["id"]
        self.put(f"/projects/{self.project_id}/groups/{self.staff['id']}/roles/{roles[0]['id']}")

    def subject(self, token: str) -> dict[str, object]:
        answer = self.admin.get("/identity/v3/auth/tokens", headers={"x-subject-token": token})
        assert answer.status_code == 200, answer.text
        return answer.json()["token"]


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    port = free_port()
    op = {"issuer": f"http://127.0.0.1:{port}", "client_id": "pileus", "clients": ["cli", "robot"]}
    op |= {"scopes": ["openid", "profile", "email", "groups"], "audiences": ["https://cloud.example"]}
    settings = {
        "PILEUS_FEDERATION_OIDC": json.dumps({"corp": op}),
        "PILEUS_FEDERATION_CLIENT_SECRETS": json.dumps({"corp": "p:leus & secret"}),
        "PILEUS_FEDERATION_TRUSTED_DASHBOARDS": DASHBOARD,
    }
    live = LiveCloud(tmp_path_factory.mktemp("federation"), settings=settings, simulate=1).start()
    callback = f"http://127.0.0.1:{5000 + live.shift}/v3/auth/OS-FEDERATION/oidc/callback"
    provider = OpenIdProvider(port, [callback])
    try:
        provider.start()
        yield Federation(live, provider)
    finally:
        provider.stop()
        live.stop()
