"""Logging in with a real OpenID Connect provider: by browser, by bearer token, by device, with the stock clients."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from keystoneauth1 import session
from keystoneauth1.exceptions import ClientException
from keystoneauth1.identity.v3 import oidc

from federation.conftest import DASHBOARD, Federation
from federation.openid_provider import Browser

ROBOT = ("robot", "robot-secret")


def websso(federation: Federation) -> str:
    return f"{federation.auth_url}/auth/OS-FEDERATION/websso/openid?origin={DASHBOARD}"


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found is not None, page
    return unescape(found[1])


def browser_login(federation: Federation, person: str) -> dict[str, Any]:
    back = f"{federation.auth_url}/auth/OS-FEDERATION/oidc/callback"
    page = Browser(person).open(websso(federation), back)
    assert page.status_code == 200, page.text
    assert f'action="{DASHBOARD}"' in page.text
    return federation.subject(token_in(page.text))


def test_a_browser_logs_in(federation: Federation) -> None:
    token = browser_login(federation, "alice")
    assert token["methods"] == ["openid"]
    assert token["user"]["name"] == "Alice"
    assert token["user"]["OS-FEDERATION"]["groups"] == [{"id": federation.staff["id"]}]
    user = federation.admin.get(f"/identity/v3/users/{token['user']['id']}").json()["user"]
    assert user["email"] == "alice@example.org"
    assert user["federated"][0]["protocols"] == [{"protocol_id": "openid", "unique_id": "alice"}]
    assert browser_login(federation, "bob")["user"]["OS-FEDERATION"]["groups"] == []
    assert browser_login(federation, "alice")["user"]["id"] == token["user"]["id"]


def test_an_answer_counts_once_and_in_its_own_browser(federation: Federation) -> None:
    back = f"{federation.auth_url}/auth/OS-FEDERATION/oidc/callback"
    browser = Browser("alice")
    browser.open(websso(federation), back)
    url = browser.trail[-1]
    assert httpx.get(url).status_code == 401
    assert browser.http.get(url).status_code == 401


def test_new_keys_of_the_provider(federation: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarted provider signs with a key that the cloud has not seen."""
    monkeypatch.setattr("pileus.drivers.federation.oidc.provider.KEYS_AGE", 0.0)
    browser_login(federation, "alice")
    federation.op.stop()
    answer = httpx.get(websso(federation))
    assert answer.status_code == 302
    federation.op.start()
    assert browser_login(federation, "alice")["user"]["name"] == "Alice"


def bearer(federation: Federation, token: str) -> httpx.Response:
    url = f"{federation.auth_url}/OS-FEDERATION/identity_providers/corp/protocols/openid/auth"
    return httpx.get(url, headers={"authorization": f"Bearer {token}"})


def test_bearer_tokens_by_introspection(federation: Federation) -> None:
    form = {"grant_type": "password", "username": "alice", "password": "x", "scope": "openid profile email groups"}
    token = federation.op.token(ROBOT, **form)["access_token"]
    assert "." not in token
    answer = bearer(federation, token)
    assert answer.status_code == 201, answer.text
    assert answer.json()["token"]["user"]["name"] == "Alice"


def test_bearer_tokens_that_are_jwts(federation: Federation) -> None:
    form = {"grant_type": "client_credentials", "scope": "openid"}
    token = federation.op.token(ROBOT, resource="https://cloud.example", **form)["access_token"]
    assert token.count(".") == 2
    answer = bearer(federation, token)
    assert answer.status_code == 201, answer.text
    assert answer.json()["token"]["user"]["name"] == "robot"
    forged = token[:-10] + ("A" * 10 if not token.endswith("A" * 10) else "B" * 10)
    assert bearer(federation, forged).status_code == 401


def test_tokens_of_other_applications_open_nothing(federation: Federation) -> None:
    stranger = ("stranger", "stranger-secret")
    form = {"grant_type": "password", "username": "alice", "password": "x", "scope": "openid"}
    token = federation.op.token(stranger, **form)["access_token"]
    assert bearer(federation, token).status_code == 401
    form = {"grant_type": "client_credentials", "scope": "openid"}
    jwt = federation.op.token(stranger, resource="https://other.example", **form)["access_token"]
    assert jwt.count(".") == 2
    assert bearer(federation, jwt).status_code == 401
    assert bearer(federation, "nonsense").status_code == 401


# --- stock clients ----------------------------------------------------------------------------------------------------


def plugin(federation: Federation, kind: Any, **more: Any) -> Any:
    return kind(
        auth_url=federation.auth_url,
        identity_provider="corp",
        protocol="openid",
        discovery_endpoint=f"{federation.op.issuer}/.well-known/openid-configuration",
        **more,
    )


def test_keystoneauth_by_password_and_client_credentials(federation: Federation) -> None:
    scope = {"scope": "openid profile email groups", "project_id": federation.project_id}
    by_password = plugin(
        federation,
        oidc.OidcPassword,
        client_id="robot",
        client_secret="robot-secret",
        username="alice",
        password="x",
        **scope,
    )
    access = by_password.get_access(session.Session())
    assert (access.project_id, access.username) == (federation.project_id, "Alice")
    assert {"member", "reader"} == set(access.role_names)
    by_secret = plugin(
        federation, oidc.OidcClientCredentials, client_id="robot", client_secret="robot-secret", scope="openid"
    )
    assert by_secret.get_access(session.Session()).username.startswith("robot")


def test_keystoneauth_with_an_access_token(federation: Federation) -> None:
    form = {"grant_type": "password", "username": "bob", "password": "x", "scope": "openid profile email groups"}
    token = federation.op.token(ROBOT, **form)["access_token"]
    kind = oidc.OidcAccessToken
    by_token = kind(auth_url=federation.auth_url, identity_provider="corp", protocol="openid", access_token=token)
    assert by_token.get_access(session.Session()).username == "Bob"
    wrong = kind(auth_url=federation.auth_url, identity_provider="corp", protocol="openid", access_token="no")
    with pytest.raises(ClientException):
        wrong.get_access(session.Session())


@pytest.mark.timeout(600)
def test_the_openstack_command_by_device(federation: Federation) -> None:
    """`openstack --os-auth-type v3oidcdeviceauthz`: the command shows a URL and a code, a browser enters it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PILEUS_", "OS_"))}
    environ = {
        **kept, "OS_AUTH_TYPE": "v3oidcdeviceauthz", "OS_AUTH_URL": federation.auth_url, "OS_IDENTITY_PROVIDER": "corp",
        "OS_PROTOCOL": "openid", "OS_CLIENT_ID": "cli", "OS_OPENID_SCOPE": "openid profile email groups",
        "OS_DISCOVERY_ENDPOINT": f"{federation.op.issuer}/.well-known/openid-configuration", "OS_CODE_CHALLENGE_METHOD": "S256",
        "OS_PROJECT_ID": federation.project_id, "OS_IDENTITY_API_VERSION": "3", "NO_PROXY": "*", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    command = [str(Path(sys.executable).with_name("openstack")), "token", "issue", "-f", "json"]
    asking = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = ""
    try:
        assert asking.stdout is not None
        while not (found := re.search(r"(http://\S+/device\S*)", said)):
            line = asking.stdout.readline()
            assert line, said
            said += line
        browser = Browser("alice")
        page = browser.http.get(found[1].rstrip(".,"))
        for _ in range(12):
            if page.is_redirect:
                page = browser.http.get(str(page.url.join(page.headers["location"])))
            elif "<form" in page.text:
                page, _url = browser._send_form(page, {"login": "alice", "password": "x"})
            else:
                break
        rest, _ = asking.communicate(timeout=300)
    finally:
        asking.kill()
    assert asking.returncode == 0, said + rest
    assert '"project_id": "' + federation.project_id in rest, said + rest
