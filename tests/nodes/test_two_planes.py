"""Two control planes on one PostgreSQL, each a process of its own: what one is told, the other knows at once."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cloud_runs import CloudRun, until

SECONDS = 60.0
"""In which news must have arrived. Tokens are believed for an hour (`cache_seconds`) here: nothing but the signal can tell."""
DEMO = {"project": {"name": "demo", "domain": {"id": "default"}}}
ADMIN = {"project": {"name": "admin", "domain": {"id": "default"}}}


class Plane:
    """One process, spoken to at its identity port."""

    def __init__(self, run: CloudRun, process: Any) -> None:
        self.run, self.process = run, process
        self.url = f"http://127.0.0.1:{run.environ['PILEUS_PORTS_IDENTITY']}/v3"

    def answers(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        try:
            return httpx.get(self.url, timeout=120).status_code == 200
        except httpx.TransportError:
            return False

    def token(self, user: str, scope: Any, password: str = "secret") -> str:
        who = {"user": {"name": user, "domain": {"id": "default"}, "password": password}}
        auth = {"identity": {"methods": ["password"], "password": who}, "scope": scope}
        answer = httpx.post(f"{self.url}/auth/tokens", json={"auth": auth}, timeout=120)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["x-subject-token"])

    def call(self, method: str, path: str, token: str, body: Any = None, **headers: str) -> httpx.Response:
        return httpx.request(
            method, self.url + path, json=body, headers={"X-Auth-Token": token, **headers}, timeout=120
        )

    def takes(self, token: str) -> bool:
        """Whether a token is good here."""
        return self.call("GET", "/auth/projects", token).status_code == 200


class Town:
    """The two of them, with what tests need to know of the cloud."""

    def __init__(self, one: Plane, other: Plane) -> None:
        self.one, self.other = one, other
        self.admin = one.token("admin", ADMIN)
        self.ids = {
            noun: {row["name"]: row["id"] for row in one.call("GET", f"/{noun}s", self.admin).json()[f"{noun}s"]}
            for noun in ("user", "project", "role")
        }

    def done(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The first process does it."""
        answer = self.one.call(method, path, self.admin, body, **headers)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def user(self, name: str, *roles: str) -> str:
        id = str(self.done("POST", "/users", {"user": {"name": name, "password": "secret"}})["user"]["id"])
        for role in roles:
            self.done("PUT", f"/projects/{self.ids['project']['demo']}/users/{id}/roles/{self.ids['role'][role]}")
        return id


@pytest.fixture(scope="module")
def town(postgresql: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    database = postgresql.at(postgresql.create())
    planes: list[Plane] = []
    try:
        for name in ("one", "other"):
            run = CloudRun(tmp_path_factory.mktemp(name), PILEUS_CLOUD_DATABASE=database,
                           PILEUS_IDENTITY_CACHE_SECONDS="3600")  # fmt: skip
            plane = Plane(run, run.start("up", "--simulate", "1", "--password", "secret"))
            planes.append(plane)
            until(plane.answers, 120)
        yield Town(*planes)
    finally:
        for plane in planes:
            plane.process.terminate()
        for plane in planes:
            plane.process.communicate(timeout=120)


pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(900)]


def test_each_takes_the_tokens_of_the_other(town: Town) -> None:
    assert town.other.takes(town.admin)
    assert town.one.takes(town.other.token("demo", DEMO))


ENDS: dict[str, Callable[[Town, str, str], Any]] = {
    "it is revoked": lambda t, user, token: t.done("DELETE", "/auth/tokens", **{"X-Subject-Token": token}),
    "its role is taken": lambda t, user, token: t.done(
        "DELETE", f"/projects/{t.ids['project']['demo']}/users/{user}/roles/{t.ids['role']['member']}"
    ),
    "its user is disabled": lambda t, user, token: t.done("PATCH", f"/users/{user}", {"user": {"enabled": False}}),
    "the password is new": lambda t, user, token: t.done("PATCH", f"/users/{user}", {"user": {"password": "other"}}),
}


@pytest.mark.parametrize("why", ENDS)
def test_a_token_dies_everywhere_when(town: Town, why: str) -> None:
    name = why.replace(" ", "-")
    user = town.user(name, "member")
    token = town.other.token(name, DEMO)
    assert town.other.takes(token)
    assert town.one.takes(token)
    ENDS[why](town, user, token)
    assert not town.one.takes(token)
    _soon(lambda: not town.other.takes(token), f"the other process still believes a token after {why}")


def test_a_new_role_counts_everywhere(town: Town) -> None:
    user = town.user("rising", "reader")
    token = town.other.token("rising", DEMO)
    assert town.other.call("GET", "/users", token).status_code == 403
    town.done("PUT", f"/projects/{town.ids['project']['demo']}/users/{user}/roles/{town.ids['role']['admin']}")
    _soon(lambda: town.other.call("GET", "/users", token).status_code == 200, "the other process knows nothing of it")


def test_a_new_secret_counts_everywhere(town: Town) -> None:
    """Sealed by one process, under a key that it may just have made, and opened by the other."""
    demo, project = town.ids["user"]["demo"], town.ids["project"]["demo"]
    made = town.done("POST", f"/users/{demo}/credentials/OS-EC2", {"tenant_id": project})["credential"]
    assert _signed(town.other, town.admin, made["access"], made["secret"]) == 200
    listed = town.done("GET", f"/credentials?type=ec2&user_id={demo}")["credentials"]
    blob = json.dumps({"access": made["access"], "secret": "new"})
    town.done("PATCH", f"/credentials/{listed[0]['id']}", {"credential": {"blob": blob}})
    _soon(lambda: _signed(town.other, town.admin, made["access"], "new") == 200, "the new secret does not count")
    assert _signed(town.other, town.admin, made["access"], made["secret"]) == 401
    town.done("DELETE", f"/credentials/{listed[0]['id']}")
    _soon(lambda: _signed(town.other, town.admin, made["access"], "new") == 404, "the key is still known")


def test_a_stores_memory_of_a_secret_ends_everywhere(town: Town) -> None:
    """The object store asks identity in its own process, which remembers."""
    demo, project = town.ids["user"]["demo"], town.ids["project"]["demo"]
    made = town.done("POST", f"/users/{demo}/credentials/OS-EC2", {"tenant_id": project})["credential"]
    assert [_buckets(plane, made["access"], made["secret"]) for plane in (town.one, town.other)] == [200, 200]
    town.done("DELETE", f"/users/{demo}/credentials/OS-EC2/{made['access']}")
    assert _buckets(town.one, made["access"], made["secret"]) == 403
    _soon(lambda: _buckets(town.other, made["access"], made["secret"]) == 403, "the other store still believes it")


def _buckets(plane: Plane, access: str, secret: str) -> int:
    """A list of buckets at a process's own object store, signed by Amazon's library."""
    request = AWSRequest(method="GET", url=f"http://127.0.0.1:{plane.run.environ['PILEUS_PORTS_OBJECTSTORE']}/")
    S3SigV4Auth(Credentials(access, secret), "s3", "RegionOne").add_auth(request)
    return httpx.get(str(request.url), headers=dict(request.headers.items()), timeout=120).status_code


def _signed(plane: Plane, token: str, access: str, secret: str) -> int:
    text = b"GET\n\n\nMon, 23 Nov 2026 12:00:00 +0000\n/bucket/key"
    signature = base64.b64encode(hmac.digest(secret.encode(), text, "sha1")).decode()
    shown = {"access": access, "token": base64.b64encode(text).decode(), "signature": signature}
    return plane.call("POST", "/s3tokens", token, {"credentials": shown}).status_code


def _soon(holds: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.01)
