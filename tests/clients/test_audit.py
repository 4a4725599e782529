"""Every change of identity's data stands in the change log, and reads as CADF."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pycadf.attachment import Attachment
from pycadf.event import Event
from pycadf.host import Host
from pycadf.reason import Reason
from pycadf.resource import Resource

from cloud import LiveCloud
from pileus.services.identity.reconcilers.failures import FailureWriter

SOURCE = str(Path(__file__).parents[2] / "src")
SECRETS = ("a-password-of-ann", "another-of-ann", "a-secret-of-a-credential", "a-wrong-password")


def pileus(live: LiveCloud, *words: str) -> str:
    environ = {**os.environ, **live.environ, "PYTHONPATH": SOURCE, "PILEUS_STATE": str(live.state), "COLUMNS": "250"}
    command = [sys.executable, "-m", "pileus", "explain", "changes", *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=240, check=True).stdout


def valid(told: Mapping[str, Any]) -> bool:
    """By pycadf, which knows CADF's taxonomies and which parts an event must have."""
    initiator, target, observer = told["initiator"], told["target"], told["observer"]
    event = Event(
        eventType=told["eventType"],
        id=told["id"],
        eventTime=told["eventTime"],
        action=told["action"],
        outcome=told["outcome"],
        initiator=Resource(typeURI=initiator["typeURI"], id=initiator["id"], host=Host(**initiator["host"])),
        target=Resource(typeURI=target["typeURI"], id=target["id"]),
        observer=Resource(typeURI=observer["typeURI"], id=observer["id"], name=observer["name"]),
        reason=Reason(**told["reason"]) if "reason" in told else None,
    )
    for one in told.get("attachments", ()):
        event.add_attachment(Attachment(**one))
    return bool(event.is_valid()) and event.as_dict()["typeURI"] == told["typeURI"]


@pytest.fixture(scope="module")
def done(live: LiveCloud) -> dict[str, str]:
    """One of every kind of change; ids by name."""
    admin = live.client("admin")
    admin.headers["User-Agent"] = "auditor's client/1"

    def make(path: str, member: str, **body: Any) -> str:
        answer = admin.post(f"/identity/v3/{path}", json={member: body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()[member]["id"])

    ann = make("users", "user", name="ann", password=SECRETS[0], email="ann@example.org")
    team = make("groups", "group", name="team")
    project = make("projects", "project", name="hers", tags=["a"])
    role = make("roles", "role", name="clerk")
    domain = make("domains", "domain", name="abroad")
    region = make("regions", "region", id="North")
    service = make("services", "service", type="x", name="x")
    endpoint = make("endpoints", "endpoint", service_id=service, url="http://x", interface="public", region_id=region)
    roles = {r["name"]: r["id"] for r in admin.get("/identity/v3/roles").json()["roles"]}
    for method, path, body in (
        ("PUT", f"groups/{team}/users/{ann}", None),
        ("PUT", f"projects/{project}/users/{ann}/roles/{roles['member']}", None),
        ("PUT", f"roles/{role}/implies/{roles['reader']}", None),
        ("PUT", f"projects/{project}/tags/b", None),
        ("PATCH", f"users/{ann}", {"user": {"password": SECRETS[1], "enabled": False}}),
        ("PATCH", f"users/{ann}", {"user": {"enabled": True}}),
        ("DELETE", f"endpoints/{endpoint}", None),
        ("DELETE", f"roles/{role}", None),
        ("DELETE", f"groups/{team}", None),
    ):
        answer = admin.request(method, f"/identity/v3/{path}", json=body)
        assert answer.status_code < 300, (path, answer.text)
    hers = live.token("ann", {"project": {"id": project}}, SECRETS[1])
    body = {"application_credential": {"name": "tool", "secret": SECRETS[2]}}
    own = live.client("admin")
    own.headers["X-Auth-Token"] = hers
    assert own.post(f"/identity/v3/users/{ann}/application_credentials", json=body).status_code == 201
    assert own.delete("/identity/v3/auth/tokens", headers={"X-Subject-Token": hers}).status_code == 204
    last = admin.patch(f"/identity/v3/domains/{domain}", json={"domain": {"enabled": False}})
    return {"ann": ann, "domain": domain, "request": last.headers["x-openstack-request-id"]}


def test_every_event_is_valid_cadf(live: LiveCloud, done: dict[str, str]) -> None:
    events = [json.loads(line) for line in pileus(live, "--cadf", "-n", "10000").splitlines()]
    assert len(events) > 20
    assert [event for event in events if not valid(event)] == []
    assert len({event["id"] for event in events}) == len(events)


def test_who_what_whence(live: LiveCloud, done: dict[str, str]) -> None:
    [event] = json.loads(pileus(live, "--cadf", "--json", "--request", done["request"]))["events"]
    assert event["action"] == "disable"
    assert event["target"] == {"typeURI": "data/security/domain", "id": done["domain"]} | {
        "project_id": event["target"]["project_id"]
    }
    assert event["initiator"]["host"] == {"address": "127.0.0.1", "agent": "auditor's client/1"}
    assert event["initiator"]["request_id"] == done["request"]
    assert event["outcome"] == "success"
    admin = {u["name"]: u["id"] for u in live.client("admin").get("/identity/v3/users").json()["users"]}["admin"]
    assert event["initiator"]["id"] == admin


def test_failed_logins_are_told_with_their_reason(live: LiveCloud, done: dict[str, str]) -> None:
    user = {"id": done["ann"], "password": "a-wrong-password"}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    for _ in range(2):
        assert httpx.post(f"{live.url}/identity/v3/auth/tokens", json=body).status_code == 401
    live.call(FailureWriter(live.cloud.services["identity"].internal._near).work)
    [event] = json.loads(pileus(live, "--cadf", "--json", "--kind", "authenticate"))["events"]
    assert valid(event)
    assert (event["action"], event["outcome"]) == ("authenticate", "failure")
    assert event["initiator"]["id"] == event["target"]["id"] == done["ann"]
    assert event["initiator"]["host"]["address"] == "127.0.0.1"
    assert event["reason"] == {"reasonType": "HTTP: the proof did not fit", "reasonCode": "401"}
    assert event["attachments"][0]["content"]["count"] == 2


def test_what_can_be_asked(live: LiveCloud, done: dict[str, str]) -> None:
    kinds = {c["kind"] for c in json.loads(pileus(live, "--json", "-n", "10000", "--since", "1h"))["changes"]}
    wanted = (
        "user.create user.update group.create group.add_member group.delete project.create project.update_tags role.create "
        "role.imply role.delete role_assignment.create domain.create domain.update region.create service.create "
        "endpoint.create endpoint.delete application_credential.create token.revoke"
    )
    assert set(wanted.split()) <= kinds
    hers = json.loads(pileus(live, "--json", "--resource", done["ann"], "--kind", "user"))["changes"]
    assert [c["kind"] for c in hers] == ["user.create", "user.update", "user.update"]
    assert "user.update" in pileus(live, "--kind", "user.update")


def test_no_secret_is_in_it(live: LiveCloud, done: dict[str, str]) -> None:
    for form in ("--cadf", "--json"):
        text = pileus(live, form, "-n", "10000")
        assert not [secret for secret in SECRETS if secret in text]
        assert "$argon2" not in text
        assert "gAAAAA" not in text
