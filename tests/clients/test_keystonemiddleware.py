"""A service that is not ours, behind stock keystonemiddleware, with our identity as its guard."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
import webob
from keystonemiddleware.audit import AuditMiddleware
from keystonemiddleware.auth_token import AuthProtocol
from msgspec.structs import replace
from oslo_config import cfg

from cloud import PASSWORD, LiveCloud
from pileus.kernel.types import SECOND, clock

TYPE, PLACE = "guarded", "http://guarded.test:9999"
AUDIT_MAP = f"""
[DEFAULT]
target_endpoint_type = guarded
[custom_actions]
[path_keywords]
things = thing
[service_endpoints]
{TYPE} = service/guarded
"""


@webob.dec.wsgify
def service(request: webob.Request) -> webob.Response:
    """The service itself: tells what the guard told it."""
    told = {k: v for k, v in request.headers.items() if k.startswith(("X-", "Openstack-")) and v is not None}
    return webob.Response(json_body=told)


class Town:
    """The cloud, with a service user and the service in the catalog."""

    def __init__(self, live: LiveCloud) -> None:
        self.live, self.admin = live, live.client("admin")
        ids = {noun: self._ids(noun) for noun in ("role", "project", "user")}
        self.demo = (ids["project"]["demo"], ids["user"]["demo"])
        project = self.make("project", name="service")["id"]
        user = self.make("user", name="guard", password=PASSWORD)["id"]
        self.done(self.admin.put(f"/identity/v3/projects/{project}/users/{user}/roles/{ids['role']['service']}"))
        entry = self.make("service", type=TYPE, name=TYPE)["id"]
        self.make("endpoint", service_id=entry, interface="public", url=f"{PLACE}/v1")

    def make(self, noun: str, **body: Any) -> dict[str, Any]:
        answer = self.done(self.admin.post(f"/identity/v3/{noun}s", json={noun: body}))
        return dict(answer.json()[noun])

    def done(self, answer: httpx.Response) -> httpx.Response:
        assert answer.status_code < 300, answer.text
        return answer

    def token(self, user: str, project: str = "") -> str:
        return self.live.token(user, {"project": {"name": project or user, "domain": {"id": "default"}}})

    def expired(self, token: str, seconds: int = 60) -> str:
        """The same token as it looks after its end."""
        keyring = self.live.cloud.services["identity"].internal._near.keyring
        claims = keyring.open(token)
        assert claims is not None
        now = clock()
        return str(keyring.seal(replace(claims, issued_at=now - 3600 * SECOND, expires_at=now - seconds * SECOND)))

    def _ids(self, noun: str) -> dict[str, str]:
        found = self.done(self.admin.get(f"/identity/v3/{noun}s")).json()[f"{noun}s"]
        return {one["name"]: one["id"] for one in found}


@pytest.fixture(scope="module")
def town(live: LiveCloud) -> Town:
    return Town(live)


class Guarded:
    """The service behind the guard; `delay` lets the service decide about bad tokens itself."""

    def __init__(self, town: Town, app: Any = service, delay: bool = False) -> None:
        conf = cfg.ConfigOpts()
        conf([], project="guarded", default_config_files=[])
        url = f"http://127.0.0.1:{5000 + town.live.shift}"
        self.app = AuthProtocol(
            app,
            {
                "oslo_config_config": conf, "auth_type": "password", "auth_url": f"{url}/v3", "username": "guard",
                "password": PASSWORD, "project_name": "service", "user_domain_id": "default",
                "project_domain_id": "default", "www_authenticate_uri": url, "token_cache_time": "-1",
                "service_token_roles": "service", "service_token_roles_required": "true", "service_type": TYPE,
                "interface": "public", "delay_auth_decision": str(delay),
            },
        )  # fmt: skip

    def __call__(self, token: str = "", service_token: str = "", path: str = "/v1/things", method: str = "GET") -> Any:
        request = webob.Request.blank(path, base_url=PLACE, method=method)
        if token:
            request.headers["X-Auth-Token"] = token
        if service_token:
            request.headers["X-Service-Token"] = service_token
        return request.get_response(self.app)


@pytest.fixture(scope="module")
def guarded(town: Town) -> Guarded:
    return Guarded(town)


def test_the_service_hears_who_asks(town: Town, guarded: Guarded) -> None:
    answer = guarded(town.token("demo"))
    assert answer.status_int == 200
    told = answer.json
    project, user = town.demo
    assert told["X-Identity-Status"] == "Confirmed"
    assert (told["X-User-Id"], told["X-User-Name"], told["X-User-Domain-Id"]) == (user, "demo", "default")
    assert (told["X-Project-Id"], told["X-Project-Name"], told["X-Project-Domain-Name"]) == (project, "demo", "Default")
    assert sorted(told["X-Roles"].split(",")) == ["member", "reader"]
    assert any(one["type"] == "compute" for one in json.loads(told["X-Service-Catalog"]))
    assert "X-Service-Roles" not in told


def test_scopes_of_other_kinds(town: Town, guarded: Guarded) -> None:
    told = guarded(town.live.token("admin", {"system": {"all": True}})).json
    assert told["Openstack-System-Scope"] == "all"
    assert "X-Project-Id" not in told
    assert "admin" in told["X-Roles"].split(",")


@pytest.mark.parametrize("token", ["", "x", "gAAAAABn" + "x" * 180])
def test_who_is_nobody_stays_outside(guarded: Guarded, token: str) -> None:
    answer = guarded(token)
    assert answer.status_int == 401
    assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_a_service_may_decide_by_itself(town: Town) -> None:
    lenient = Guarded(town, delay=True)
    assert lenient("x").json["X-Identity-Status"] == "Invalid"
    assert lenient(town.token("demo")).json["X-Identity-Status"] == "Confirmed"


def test_a_revoked_token_is_refused_at_once(town: Town, guarded: Guarded) -> None:
    token = town.token("demo")
    assert guarded(token).status_int == 200
    town.done(town.admin.delete("/identity/v3/auth/tokens", headers={"X-Subject-Token": token}))
    assert guarded(token).status_int == 401


def test_a_role_taken_away_is_gone_at_once(town: Town, guarded: Guarded) -> None:
    project, user = town.make("project", name="brief")["id"], town.make("user", name="brief", password=PASSWORD)["id"]
    roles = town._ids("role")
    for role in ("member", "admin"):
        town.done(town.admin.put(f"/identity/v3/projects/{project}/users/{user}/roles/{roles[role]}"))
    token = town.token("brief")
    assert "admin" in guarded(token).json["X-Roles"].split(",")
    town.done(town.admin.delete(f"/identity/v3/projects/{project}/users/{user}/roles/{roles['admin']}"))
    assert "admin" not in guarded(token).json["X-Roles"].split(",")


def test_a_service_speaks_for_a_user(town: Town, guarded: Guarded) -> None:
    told = guarded(town.token("demo"), town.token("guard", "service")).json
    assert told["X-Service-Identity-Status"] == "Confirmed"
    assert told["X-Service-Roles"] == "service"
    assert told["X-Service-User-Name"] == "guard"
    assert told["X-User-Name"] == "demo"


def test_an_expired_token_counts_beside_a_services_own(town: Town, guarded: Guarded) -> None:
    token = town.expired(town.token("demo"))
    assert guarded(token).status_int == 401
    answer = guarded(token, town.token("guard", "service"))
    assert (answer.status_int, answer.json["X-User-Name"]) == (200, "demo")


def test_but_not_beside_anybody_elses(town: Town, guarded: Guarded) -> None:
    assert guarded(town.expired(town.token("demo")), town.token("demo")).status_int == 401
    assert guarded(town.token("demo"), town.token("demo")).status_int == 401, "no service has that one"


def test_nor_for_ever(town: Town, guarded: Guarded) -> None:
    window = town.live.cloud.services["identity"].internal._near.settings.allow_expired_window
    token = town.expired(town.token("demo"), window + 60)
    assert guarded(token, town.token("guard", "service")).status_int == 401


def test_access_rules_bound_what_an_application_credential_reaches(town: Town, guarded: Guarded) -> None:
    rules = [{"service": TYPE, "method": "GET", "path": "/v1/things/*"}]
    body = {"application_credential": {"name": "narrow", "access_rules": rules}}
    demo = town.live.client("demo")
    made = town.done(demo.post(f"/identity/v3/users/{town.demo[1]}/application_credentials", json=body)).json()
    secret = {"id": made["application_credential"]["id"], "secret": made["application_credential"]["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": secret}
    answer = httpx.post(f"{town.live.url}/identity/v3/auth/tokens", json={"auth": {"identity": identity}})
    token = answer.headers["x-subject-token"]
    assert guarded(token, path="/v1/things/one").status_int == 200
    assert guarded(token, path="/v1/others").status_int == 401
    assert guarded(token, path="/v1/things/one", method="DELETE").status_int == 401


@pytest.fixture
def audited(town: Town, tmp_path: Path) -> Guarded:
    place = tmp_path / "audit_map.conf"
    place.write_text(AUDIT_MAP)
    return Guarded(town, AuditMiddleware(service, audit_map_file=str(place), service_name=TYPE, driver="log"))


def test_audit_names_who_did_what(town: Town, audited: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert audited(town.token("demo")).status_int == 200
    events = [record.args for record in caplog.records if record.name == "keystonemiddleware.audit"]
    assert [event["event_type"] for event in events] == ["audit.http.request", "audit.http.response"]
    said = events[-1]["payload"]
    assert (said["initiator"]["name"], said["initiator"]["project_id"]) == ("demo", town.demo[0])
    assert (said["outcome"], said["action"], said["target"]["name"]) == ("success", "read/list", TYPE)
