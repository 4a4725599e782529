"""A denied request says what would grant it, and that is true: the command is run as it stands, and the request passes."""

from __future__ import annotations

import json
import logging
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud import PASSWORD, LiveCloud
from pileus.cli.journal import Journal

SOURCE = str(Path(__file__).parents[2] / "src")
CASES: dict[str, tuple[str, str, dict[str, Any] | None, tuple[str, str]]] = {
    "all users": ("GET", "/identity/v3/users", None, ("reader", "system all")),
    "a user": (
        "POST",
        "/identity/v3/users",
        {"user": {"name": "made", "domain_id": "default"}},
        ("manager", "domain default"),
    ),
    "a domain": ("POST", "/identity/v3/domains", {"domain": {"name": "made"}}, ("admin", "project {demo}")),
    "hosts": ("GET", "/compute/v2.1/os-hypervisors", None, ("admin", "project {demo}")),
    "a foreign project": ("GET", "/identity/v3/projects/{admin}", None, ("reader", "project {admin}")),
    "a foreign image": ("DELETE", "/image/v2/images/{image}", None, ("member", "project {admin}")),
    "a foreign network": ("DELETE", "/network/v2.0/networks/{network}", None, ("member", "project {admin}")),
    "another's container": ("PUT", "/objectstore/v1/AUTH_{admin}/c", None, ("member", "project {admin}")),
    "another's objects": ("GET", "/objectstore/v1/AUTH_{admin}", None, ("reader", "project {admin}")),
    "a shared network": (
        "POST",
        "/network/v2.0/networks",
        {"network": {"name": "x", "shared": True}},
        ("admin", "project {demo}"),
    ),
    "providers": ("GET", "/placement/resource_providers", None, ("admin", "project {demo}")),
}


@pytest.fixture(scope="module", autouse=True)
def journal(live: LiveCloud) -> Iterator[Journal]:
    (live.state / "logs").mkdir(exist_ok=True)
    found, logger = Journal(live.state / "logs/pileus.log"), logging.getLogger("pileus")
    before = logger.level
    logger.addHandler(found)
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(found)
    logger.setLevel(before)
    found.close()


def pileus(live: LiveCloud, *words: str, code: int = 0) -> str:
    environ = {**os.environ, **live.environ, "PYTHONPATH": SOURCE, "PILEUS_STATE": str(live.state)}
    command = [sys.executable, "-m", "pileus", *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def explained(live: LiveCloud, journal: Journal, answer: httpx.Response) -> dict[str, Any]:
    journal.flush()
    told: dict[str, Any] = json.loads(
        pileus(live, "explain", "denied", answer.headers["x-openstack-request-id"], "--json")
    )
    return told


@pytest.fixture(scope="module")
def ids(live: LiveCloud) -> dict[str, str]:
    admin = live.client("admin")
    found = {p["name"]: p["id"] for p in admin.get("/identity/v3/projects").json()["projects"]}
    network = {"network": {"name": "n", "shared": True}}
    found["network"] = admin.post("/network/v2.0/networks", json=network).json()["network"]["id"]
    image = {"name": "i", "disk_format": "raw", "container_format": "bare", "visibility": "public"}
    found["image"] = admin.post("/image/v2/images", json=image).json()["id"]
    return found


def somebody(live: LiveCloud, ids: dict[str, str], name: str) -> str:
    """A new user, member of demo: the id."""
    admin = live.client("admin")
    roles = {r["name"]: r["id"] for r in admin.get("/identity/v3/roles").json()["roles"]}
    made = admin.post("/identity/v3/users", json={"user": {"name": name, "password": PASSWORD}}).json()["user"]["id"]
    path = f"/identity/v3/projects/{ids['demo']}/users/{made}/roles/{roles['member']}"
    assert admin.put(path).status_code == 204
    return str(made)


@pytest.mark.parametrize("case", CASES)
def test_the_command_grants_it(live: LiveCloud, stock: Any, journal: Journal, ids: dict[str, str], case: str) -> None:
    method, path, body, (role, scope) = CASES[case]
    path, scope = path.format(**ids), scope.format(**ids)
    name = "denied " + case
    somebody(live, ids, name)
    client = live.client(name, "demo")
    refused = client.request(method, path, json=body)
    assert refused.status_code in (403, 404), refused.text
    told = explained(live, journal, refused)
    assert (told["needs_role"], told["needs_scope"]) == (role, scope)
    assert told["rule"]
    assert told["missing"]
    assert told["check"]
    command = shlex.split(told["grant"])
    assert command[0] == "openstack"
    stock.say(*command[1:])
    kind, _, id = scope.partition(" ")
    if not told["same_scope"]:
        wanted = {"system": {"all": True}} if kind == "system" else {kind: {"id": id}}
        client = httpx.Client(base_url=live.url, headers={"X-Auth-Token": live.token(name, wanted)})
    passed = client.request(method, path, json=body)
    assert passed.status_code < 300, passed.text


def test_what_no_role_grants(live: LiveCloud, journal: Journal, ids: dict[str, str]) -> None:
    user = somebody(live, ids, "owner")
    body = {"application_credential": {"name": "x"}}
    refused = live.client("demo").post(f"/identity/v3/users/{user}/application_credentials", json=body)
    told = explained(live, journal, refused)
    assert told["rule"] == "identity:create_application_credential"
    assert "grant" not in told
    words = pileus(live, "explain", "denied", refused.headers["x-openstack-request-id"])
    assert "no single role would do" in words


def test_a_refusal_that_is_nobodys_rule(live: LiveCloud, journal: Journal) -> None:
    refused = live.client("admin").delete("/identity/v3/domains/default")
    assert refused.status_code == 403
    told = explained(live, journal, refused)
    assert "rule" not in told
    assert "enabled" in told["reason"]


def test_what_was_not_denied(live: LiveCloud, journal: Journal) -> None:
    fine = live.client("admin").get("/identity/v3/users")
    journal.flush()
    told = pileus(live, "explain", "denied", fine.headers["x-openstack-request-id"], code=1)
    assert "was not denied" in told or "nothing is known" in told  # the access log is not open in this process
    assert "nothing is known" in pileus(live, "explain", "denied", "req-x", code=1)


def test_no_secret_is_told(live: LiveCloud, journal: Journal) -> None:
    token = live.token("demo", {"project": {"name": "demo", "domain": {"id": "default"}}})
    client = httpx.Client(base_url=live.url, headers={"X-Auth-Token": token})
    client.post("/identity/v3/users", json={"user": {"name": "x", "password": "very-secret-word"}})
    journal.flush()
    text = (live.state / "logs/pileus.log").read_text()
    assert token not in text
    assert "very-secret-word" not in text
