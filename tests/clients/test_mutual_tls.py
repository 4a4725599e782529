"""OAuth 2.0 with mutual TLS through keystoneauth's own plugin, behind a proxy that ends TLS and at our own port with TLS."""

from __future__ import annotations

from pathlib import Path

import pytest
from keystoneauth1 import session as sessions
from keystoneauth1.exceptions import ClientException, Unauthorized
from keystoneauth1.identity import V3OAuth2mTlsClientCredential, V3Password
from keystoneclient.v3 import client as keystone

from cloud import PASSWORD, LiveCloud, free_shift
from tls_proxy import HEADER, Ca, proxy

RULES = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "SSL_CLIENT_SUBJECT_DN_CN"}]}]


def _plugin(url: str, user_id: str) -> V3OAuth2mTlsClientCredential:
    return V3OAuth2mTlsClientCredential(
        f"{url}/v3", oauth2_endpoint=f"{url}/v3/OS-OAUTH2/token", oauth2_client_id=user_id
    )


def _session(url: str, user_id: str, ca: Ca, file: Path | None) -> sessions.Session:
    return sessions.Session(auth=_plugin(url, user_id), verify=str(ca.file), cert=str(file) if file else None)


def test_behind_a_proxy(tmp_path: Path) -> None:
    ca = Ca(tmp_path)
    live = LiveCloud(tmp_path / "cloud", settings={"PILEUS_CLOUD_CERTIFICATE_HEADER": HEADER}).start()
    try:
        with proxy(ca, f"http://127.0.0.1:{5000 + live.shift}") as url:
            _walk(live, ca, url)
    finally:
        live.stop()


def test_at_our_own_port(tmp_path: Path) -> None:
    """Every service by path; the catalog says so."""
    ca = Ca(tmp_path)
    mine, port = str(ca.issue("localhost", "localhost")), free_shift() + 8999
    settings = {
        "PILEUS_CLOUD_TLS_CERTIFICATE": mine, "PILEUS_CLOUD_TLS_KEY": mine,
        "PILEUS_CLOUD_TLS_CLIENT_AUTHORITY": str(ca.file), "PILEUS_CLOUD_PUBLIC_URL": f"https://localhost:{port}",
    }  # fmt: skip
    live = LiveCloud(tmp_path / "cloud", settings=settings)
    live.environ["PILEUS_PORTS_TLS"] = str(port - live.shift)
    live.start()
    try:
        session = _walk(live, ca, f"https://localhost:{port}/identity")
        assert session.get("/servers", endpoint_filter={"service_type": "compute"}).json() == {"servers": []}
    finally:
        live.stop()


def _walk(live: LiveCloud, ca: Ca, url: str) -> sessions.Session:
    """With `url` for clients that show certificates; returns the session of one."""
    plain = f"http://127.0.0.1:{5000 + live.shift}"
    auth = V3Password(
        f"{plain}/v3", username="admin", password=PASSWORD, user_domain_id="default",
        project_name="admin", project_domain_id="default",
    )  # fmt: skip
    admin = keystone.Client(session=sessions.Session(auth=auth, verify=str(ca.file)))
    project = admin.projects.create("bots", "default")
    bot = admin.users.create("bot", default_project=project)
    admin.roles.grant(admin.roles.find(name="member"), user=bot, project=project)
    admin.federation.mappings.create(mapping_id="oauth2_mapping", rules=RULES)
    mine, stranger = ca.issue("bot"), ca.issue("stranger")
    session = _session(url, bot.id, ca, mine)
    access = session.auth.get_access(session)
    assert access.user_id == bot.id
    assert access.project_id == project.id
    assert access.oauth2_credential_thumbprint
    where = f"{url}/v3/auth/projects"
    assert [p["name"] for p in session.get(where).json()["projects"]] == ["bots"]
    headers = {"X-Auth-Token": access.auth_token}
    for file in (None, stranger):
        thief = sessions.Session(verify=str(ca.file), cert=str(file) if file else None)
        with pytest.raises(Unauthorized):
            thief.get(where, headers=headers)
    with pytest.raises(Unauthorized):
        sessions.Session().get(f"{plain}/v3/auth/projects", headers=headers)
    with pytest.raises(ClientException):
        _session(url, bot.id, ca, stranger).get_token()
    return session
