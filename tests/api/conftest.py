"""One cloud for each database, with a few users, for all stories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloud import PASSWORD, LiveCloud


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    """A running cloud; its tokens and ids stand in the environment for the stories' `$ENVIRON[…]`."""
    database = ""
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgresql")
        database = cluster.at(cluster.create())
    live = LiveCloud(tmp_path_factory.mktemp(f"cloud-{request.param}"), database).start()
    os.environ.update(people(live))
    yield live
    live.stop()


def people(live: LiveCloud) -> dict[str, str]:
    """Callers of all kinds: tokens as `<WHO>_TOKEN`, ids as `<WHO>_PROJECT` and `<WHO>_USER`.

    ADMIN (admin on project admin), SYSTEM (admin on the system), DEMO (member on demo), READER and MANAGER (on demo), OTHER
    (member on a project of its own), UNSCOPED (demo without scope).
    """
    admin = live.client("admin")
    identity = "/identity/v3"
    projects = {p["name"]: p["id"] for p in admin.get(f"{identity}/projects").json()["projects"]}
    roles = {r["name"]: r["id"] for r in admin.get(f"{identity}/roles").json()["roles"]}
    users = {u["name"]: u["id"] for u in admin.get(f"{identity}/users").json()["users"]}
    projects["other"] = _made(admin.post(f"{identity}/projects", json={"project": {"name": "other"}}))["project"]["id"]
    found = {}
    for name, project, role in (
        ("reader", "demo", "reader"),
        ("manager", "demo", "manager"),
        ("other", "other", "member"),
    ):
        body = {"user": {"name": name, "password": PASSWORD}}
        users[name] = _made(admin.post(f"{identity}/users", json=body))["user"]["id"]
        granted = admin.put(f"{identity}/projects/{projects[project]}/users/{users[name]}/roles/{roles[role]}")
        assert granted.status_code == 204, granted.text
    for name, project in (
        ("admin", "admin"),
        ("demo", "demo"),
        ("reader", "demo"),
        ("manager", "demo"),
        ("other", "other"),
    ):
        upper = name.upper()
        found[f"{upper}_TOKEN"] = live.token(name, {"project": {"id": projects[project]}})
        found[f"{upper}_PROJECT"], found[f"{upper}_USER"] = projects[project], users[name]
    found["SYSTEM_TOKEN"] = live.token("admin", {"system": {"all": True}})
    found["UNSCOPED_TOKEN"] = live.token("demo")
    found["CLOUD"] = live.url
    found |= {f"ROLE_{name.upper()}": role_id for name, role_id in roles.items()}
    return found


def _made(answer: httpx.Response) -> dict[str, dict[str, str]]:
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


STORIES = sorted(Path(__file__).parent.glob("*.yaml"))
