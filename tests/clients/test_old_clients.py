"""Clients of old, in environments of their own that `setup/clients-of-old` makes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud import PASSWORD, LiveCloud

HERE = Path(__file__).parent
ENVIRONMENTS = Path(os.environ.get("PILEUS_TEST_OLD_CLIENTS") or HERE.parents[1] / "build/clients-of-old")
ADMIN_PORT = 5357
"""Plus the shift; the true one would stand among the ports of outgoing connections."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    """With the admin's port, to which clients of v2.0 are sent by the catalog."""
    found = LiveCloud(tmp_path_factory.mktemp("old"), settings={"PILEUS_PORTS_IDENTITY_ADMIN": str(ADMIN_PORT)}).start()
    yield found
    found.stop()


def python_of(name: str) -> Path:
    """An environment's Python. In CI it has to be there."""
    found = ENVIRONMENTS / name / "bin" / "python"
    if not found.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {found}: run setup/clients-of-old")
    return found


def run(python: Path, *words: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PILEUS_", "OS_", "PYTHON"))}
    done = subprocess.run(
        [str(python), "-W", "ignore", *words],
        capture_output=True, text=True, timeout=300, check=False, env={**kept, "NO_PROXY": "*"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def auth_url(live: LiveCloud, version: str, port: int = 5000) -> str:
    return f"http://127.0.0.1:{port + live.shift}/{version}"


@pytest.mark.parametrize("version", ["v3", "v2.0"])
def test_clients_of_old(live: LiveCloud, version: str) -> None:
    run(python_of("services"), str(HERE / "old_clients.py"), auth_url(live, version), PASSWORD)


@pytest.mark.parametrize("port", [5000, ADMIN_PORT])
def test_every_subcommand_of_keystone(live: LiveCloud, port: int) -> None:
    run(python_of("keystone"), str(HERE / "old_keystone.py"), auth_url(live, "v2.0", port), PASSWORD)


def test_the_oldest_nova(live: LiveCloud) -> None:
    python = python_of("nova")
    nova = [str(python.with_name("nova")), "--os-username", "admin", "--os-password", PASSWORD]
    nova += ["--os-tenant-name", "admin", "--os-auth-url", auth_url(live, "v2.0/"), "--os-region-name", "RegionOne"]
    assert "m1.tiny" in run(python, *nova, "flavor-list")
    assert "publicURL" in run(python, *nova, "endpoints")
    assert "roles" in run(python, *nova, "credentials")


def test_todays_keystoneclient_speaks_it_too(live: LiveCloud) -> None:
    """`keystoneclient.v2_0` of today: reading and writing through the admin's port."""
    from keystoneclient.v2_0 import client

    conn = client.Client(
        auth_url=auth_url(live, "v2.0", ADMIN_PORT), username="admin", password=PASSWORD, tenant_name="admin"
    )
    tenant = conn.tenants.create("today", description="x")
    user = conn.users.create("today", password="secret", tenant_id=tenant.id)
    assert [role.name for role in conn.roles.roles_for_user(user, tenant)] == ["member", "reader"]
    with_user = client.Client(auth_url=auth_url(live, "v2.0"), username="today", password="secret", tenant_name="today")
    assert with_user.tokens.authenticate(token=with_user.auth_token, tenant_id=tenant.id).tenant["name"] == "today"
    assert [user.name for user in tenant.list_users()] == ["today"]
    other = conn.tenants.create("tomorrow")
    conn.users.update_tenant(user, other)
    assert conn.users.get(user).tenantId == other.id
    assert [role.name for role in conn.roles.roles_for_user(user, other)] == ["member", "reader"]
    conn.users.update_enabled(user, False)
    assert not conn.users.get(user).enabled
    other.delete()
    user.delete()
    tenant.delete()


def test_todays_clients_choose_the_version_that_fits(live: LiveCloud) -> None:
    """Without a version in the URL they take v3, with domains or without; where the URL says v2.0, they speak it."""
    from keystoneauth1 import session
    from keystoneauth1.identity import generic

    def version(url: str, **scope: str) -> str:
        known = generic.Password(auth_url=url, username="admin", password=PASSWORD, **scope)
        return str(known.get_access(session.Session()).version)

    root, domains = (
        f"http://127.0.0.1:{5000 + live.shift}",
        {"user_domain_id": "default", "project_domain_id": "default"},
    )
    assert version(root, project_name="admin", **domains) == "v3"
    assert version(root, project_name="admin", default_domain_id="default") == "v3"
    assert version(f"{root}/v2.0", tenant_name="admin") == "v2.0"
    assert version(f"{root}/v3", project_name="admin", **domains) == "v3"
