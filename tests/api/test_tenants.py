"""Tenants never see each other: every operation of every document on another project's things, by its ids."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import victims
from cloud import LiveCloud
from people import people

SERVICES = ("identity", "image", "placement", "network", "compute")
OPEN = re.compile(
    r"^(GET|HEAD) (/v3/regions/|/v2\.1/flavors/|/v2/metadefs/|/v3/users/\{user_id\}/projects$"
    r"|/v2\.1/os-quota-sets/\{tenant_id\}/defaults$)"
)
"""What everybody may read."""
WORDS = {"tag": "red", "tag_name": "red", "key": "k", "namespace_name": "none", "alias": "quotas", "id": "1"}
ACTIONS = (
    "addTenantAccess",
    "os-start",
    "os-stop",
    "reboot",
    "os-getConsoleOutput",
    "createImage",
    "rebuild",
    "resize",
)
"""Sent when the document names no action of its own."""


class Street:
    """DEMO has one of each thing; OTHER, a member of another project, knows their ids."""

    def __init__(self, live: LiveCloud) -> None:
        self.live, self.who = live, people(live)
        self.admin, self.demo, self.other = (live.client(n) for n in ("admin", "demo", "other"))
        self.ids = victims.of_identity(self.admin, "street") | victims.of_project(self.demo, self.admin, "street")
        self.ids |= {"user_id": self.who["DEMO_USER"], "project_id": self.who["DEMO_PROJECT"]}
        self.ids |= {"tenant_id": self.who["DEMO_PROJECT"], "member_id": self.who["DEMO_PROJECT"]}

    def filled(self, path: str) -> str | None:
        """The path with DEMO's ids; None where it names nothing of DEMO's."""
        names = re.findall(r"\{(\w+)\}", path)
        if not any(n in self.ids for n in names) or not all(n in self.ids or n in WORDS for n in names):
            return None
        return re.sub(r"\{(\w+)\}", lambda m: self.ids.get(m[1]) or WORDS[m[1]], path)

    def views(self) -> dict[str, Any]:
        """DEMO's things as DEMO sees them, without what changes by itself."""
        paths = {
            **{f"{n}_id": f"/network/v2.0/{n.replace('_', '-')}s" for n in ("network", "subnet", "router", "port")},
            **{f"{n}_id": f"/network/v2.0/{n.replace('_', '-')}s" for n in ("security_group", "floatingip")},
            "image_id": "/image/v2/images", "server_id": "/compute/v2.1/servers",
            "keypair_name": "/compute/v2.1/os-keypairs",
        }  # fmt: skip
        found = {}
        for name, path in paths.items():
            answer = self.demo.get(f"{path}/{self.ids[name]}")
            assert answer.status_code == 200, answer.text
            found[name] = answer.json()
        server = found["server_id"]["server"]
        found["server_id"] = {k: server[k] for k in ("id", "name", "metadata", "image", "flavor", "addresses")}
        return found


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    live = LiveCloud(tmp_path_factory.mktemp("street")).start()
    found = Street(live)
    server = f"/compute/v2.1/servers/{found.ids['server_id']}"
    for _ in range(300):
        if found.demo.get(server).json()["server"]["status"] != "BUILD":
            break
    yield found
    live.stop()


def bodies(path: str, operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Bodies that would do something, were it allowed."""
    if "requestBody" not in operation:
        return [{}]
    if path.endswith("/action"):
        schema = operation["requestBody"]["content"].get("application/json", {}).get("schema", {})
        named = [k for s in schema.get("anyOf", [schema]) for k in s.get("required", s.get("properties", {}))]
        return [{name: value} for name in dict.fromkeys((*named, *ACTIONS)) for value in (None, {"type": "SOFT"})]
    nouns = re.findall(r"/([a-z-]+?)s?/\{", path)
    return [{nouns[-1].replace("-", "_").removeprefix("os_"): {"name": "stolen"}}] if nouns else [{}]


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_reaches_another_tenant(street: Street, service: str) -> None:
    document = street.live.client("admin").get(f"/openapi/{service}.json").json()
    before, reached, asked = street.views(), [], 0
    for path, verbs in document["paths"].items():
        filled = street.filled(path)
        for verb, operation in verbs.items() if filled else ():
            for body in bodies(path, operation):
                asked += 1
                answer = send(street.other, verb, f"/{service}{filled}", body, "requestBody" in operation)
                if not refused(verb, answer) and not OPEN.match(f"{verb.upper()} {path}"):
                    reached.append(f"{verb.upper()} {path} {body}: {answer.status_code} {answer.text[:200]}")
    assert not reached, "\n".join(reached)
    assert street.views() == before
    assert asked > 20 or service == "placement"


def send(client: httpx.Client, verb: str, url: str, body: dict[str, Any], has_body: bool) -> httpx.Response:
    if verb == "patch" and "/image/" in url:
        patch = b'[{"op": "replace", "path": "/name", "value": "stolen"}]'
        media = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        return client.request("PATCH", url, content=patch, headers=media)
    return client.request(verb.upper(), url, **({"json": body} if has_body else {}))


def refused(verb: str, answer: httpx.Response) -> bool:
    """Reading and deleting must say that it is not there, or not theirs; a body may be found wrong before that."""
    strict = verb in ("get", "head", "delete")
    return answer.status_code in ((403, 404, 410, 501) if strict else (400, 403, 404, 405, 409, 410, 415, 501))


LISTS = (
    "/network/v2.0/networks", "/network/v2.0/subnets", "/network/v2.0/ports", "/network/v2.0/routers",
    "/network/v2.0/security-groups", "/network/v2.0/security-group-rules", "/network/v2.0/floatingips",
    "/image/v2/images", "/compute/v2.1/servers", "/compute/v2.1/servers/detail", "/compute/v2.1/os-keypairs",
    "/identity/v3/auth/projects",
)  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_no_list_shows_another_tenants_things(street: Street, path: str) -> None:
    private = {v for k, v in street.ids.items() if k not in ("flavor_id", "external_network_id")}
    for query in ("", f"?project_id={street.who['DEMO_PROJECT']}", f"?tenant_id={street.who['DEMO_PROJECT']}"):
        answer = street.other.get(path + query)
        assert answer.status_code in (200, 400, 403), answer.text
        assert not [v for v in private if v in answer.text and v not in query], path + query


def grasps(ids: dict[str, str]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Things of OTHER's that would lean on DEMO's."""
    v2, servers = "/network/v2.0", "/compute/v2.1/servers"
    server = {"name": "x", "flavorRef": ids["flavor_id"], "imageRef": ids["image_id"], "networks": "none"}
    group = {"direction": "ingress", "security_group_id": ids["security_group_id"]}
    return {
        "port on a network": ("POST", f"{v2}/ports", {"port": {"network_id": ids["network_id"]}}),
        "subnet on a network": (
            "POST", f"{v2}/subnets", {"subnet": {"network_id": ids["network_id"], "cidr": "10.1.0.0/24", "ip_version": 4}}
        ),
        "rule of a group": ("POST", f"{v2}/security-group-rules", {"security_group_rule": group}),
        "router to a network": (
            "POST", f"{v2}/routers", {"router": {"external_gateway_info": {"network_id": ids["network_id"]}}}
        ),
        "floating address of a port": (
            "POST", f"{v2}/floatingips",
            {"floatingip": {"floating_network_id": ids["external_network_id"], "port_id": ids["port_id"]}},
        ),
        "floating address of a private network": (
            "POST", f"{v2}/floatingips", {"floatingip": {"floating_network_id": ids["network_id"]}}
        ),
        "things in a project": (
            "POST", f"{v2}/networks", {"network": {"name": "x", "project_id": ids["project_id"]}}
        ),
        "server of an image": ("POST", servers, {"server": {**server, "networks": [{"uuid": ids["network_id"]}]}}),
        "server on a port": ("POST", servers, {"server": {**server, "networks": [{"port": ids["port_id"]}]}}),
        "member of an image": ("POST", f"/image/v2/images/{ids['image_id']}/members", {"member": "x"}),
        "image in a project": ("POST", "/image/v2/images", {"name": "x", "owner": ids["project_id"]}),
    }  # fmt: skip


@pytest.mark.parametrize("what", grasps(dict.fromkeys(
    ("flavor_id", "image_id", "network_id", "port_id", "security_group_id", "external_network_id", "project_id"), ""
)))  # fmt: skip
def test_nothing_leans_on_another_tenants_things(street: Street, what: str) -> None:
    before = street.views()
    method, path, body = grasps(street.ids)[what]
    answer = street.other.request(method, path, json=body)
    assert answer.status_code in (400, 403, 404, 409), f"{answer.status_code} {answer.text}"
    assert street.views() == before


def test_interface_to_anothers_subnet(street: Street) -> None:
    router = street.other.post("/network/v2.0/routers", json={"router": {"name": "mine"}}).json()["router"]
    for body in ({"subnet_id": street.ids["subnet_id"]}, {"port_id": street.ids["port_id"]}):
        answer = street.other.put(f"/network/v2.0/routers/{router['id']}/add_router_interface", json=body)
        assert answer.status_code in (400, 403, 404), answer.text


def test_tokens_that_are_no_good(street: Street) -> None:
    """Revoked, expired, cut, made up: 401 everywhere, in the service's form, and no word about why."""
    revoked = street.live.token("demo", {"project": {"name": "demo", "domain": {"id": "default"}}})
    gone = street.admin.delete("/identity/v3/auth/tokens", headers={"X-Subject-Token": revoked})
    assert gone.status_code == 204
    bad = {
        "revoked": revoked,
        "cut": street.who["DEMO_TOKEN"][:-9],
        "made up": "gAAAAA" + "x" * 150,
        "absurd": "x" * 9000,
    }
    paths = ("/identity/v3/users", "/image/v2/images", "/network/v2.0/ports", "/compute/v2.1/servers")
    for kind, token in bad.items():
        for path in paths:
            answer = httpx.get(street.live.url + path, headers={"X-Auth-Token": token}, timeout=120)
            assert answer.status_code == 401, f"{kind} {path}: {answer.status_code} {answer.text}"
            assert "WWW-Authenticate" in answer.headers
            assert answer.json()


def test_tokens_end(tmp_path: Path) -> None:
    """An expired token is worth nothing anywhere: one that everybody took a moment before."""
    live = LiveCloud(tmp_path / "state", settings={"PILEUS_IDENTITY_TOKEN_LIFETIME": "3"}).start()
    try:
        said: list[int] = []
        begun, ends = 0.0, 0.0
        while time.time() >= ends:  # all were asked while it was good; anew when this process was held up
            begun = time.time()
            token = live.token("demo", {"project": {"name": "demo", "domain": {"id": "default"}}})
            ends = begun + 3
            said = [_status(live, p, token) for p in TOKEN_PATHS]
        assert said == [200] * len(TOKEN_PATHS)
        time.sleep(3.2)
        assert [_status(live, p, token) for p in TOKEN_PATHS] == [401] * len(TOKEN_PATHS)
    finally:
        live.stop()


def test_tokens_end_with_their_user(tmp_path: Path) -> None:
    """One of a user who was switched off is worth nothing anywhere."""
    live = LiveCloud(tmp_path / "state").start()
    try:
        token = live.token("demo", {"project": {"name": "demo", "domain": {"id": "default"}}})
        assert [_status(live, p, token) for p in TOKEN_PATHS] == [200] * len(TOKEN_PATHS)
        admin = live.client("admin")
        user = next(u["id"] for u in admin.get("/identity/v3/users?name=demo").json()["users"])
        assert admin.patch(f"/identity/v3/users/{user}", json={"user": {"enabled": False}}).status_code == 200
        assert [_status(live, p, token) for p in TOKEN_PATHS] == [401] * len(TOKEN_PATHS)
    finally:
        live.stop()


TOKEN_PATHS = ("/image/v2/images", "/network/v2.0/ports", "/compute/v2.1/servers", "/identity/v3/auth/projects")


def _status(live: LiveCloud, path: str, token: str) -> int:
    return httpx.get(live.url + path, headers={"X-Auth-Token": token}, timeout=120).status_code
