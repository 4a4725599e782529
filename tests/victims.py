"""One of each noun in a project, for tests that do things to them: `victims(client)` tells ids by path parameter."""

from __future__ import annotations

import httpx

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnZbOQCZ7EZsQkTsqDsr6MFVHwl8aOEJQ9YfHZCKrXR victim"


def of_identity(admin: httpx.Client, word: str) -> dict[str, str]:
    """Made by admin; nobody works with them."""
    v3 = "/identity/v3"
    found = {}
    for noun in ("domain", "project", "user", "group", "role", "region"):
        body = {"id" if noun == "region" else "name": f"{word}-{noun}"}
        found[f"{noun}_id"] = _made(admin.post(f"{v3}/{noun}s", json={noun: body}))[noun]["id"]
    service = {"service": {"type": f"{word}-type", "name": f"{word}-service"}}
    found["service_id"] = _made(admin.post(f"{v3}/services", json=service))["service"]["id"]
    endpoint = {"endpoint": {"service_id": found["service_id"], "interface": "public", "url": "http://127.0.0.1:9/"}}
    found["endpoint_id"] = _made(admin.post(f"{v3}/endpoints", json=endpoint))["endpoint"]["id"]
    role = {"role": {"name": f"{word}-implied"}}
    found["implied_role_id"] = _made(admin.post(f"{v3}/roles", json=role))["role"]["id"]
    found["prior_role_id"] = found["role_id"]
    return found | _delegations(admin, word, found["user_id"])


def _delegations(admin: httpx.Client, word: str, friend: str) -> dict[str, str]:
    """What admin lends to a user, and to programs."""
    v3 = "/identity/v3"
    me = admin.get(f"{v3}/users?name=admin").json()["users"][0]["id"]
    home = admin.get(f"{v3}/projects?name=admin").json()["projects"][0]["id"]
    trust = {
        "trustor_user_id": me, "trustee_user_id": friend, "project_id": home, "impersonation": True,
        "roles": [{"name": "reader"}],
    }  # fmt: skip
    rules = [{"service": "image", "method": "GET", "path": f"/v2/{word}"}]
    credential = {"application_credential": {"name": f"{word}-credential", "access_rules": rules}}
    made = _made(admin.post(f"{v3}/users/{me}/application_credentials", json=credential))["application_credential"]
    return {
        "trust_id": _made(admin.post(f"{v3}/OS-TRUST/trusts", json={"trust": trust}))["trust"]["id"],
        "consumer_id": _made(admin.post(f"{v3}/OS-OAUTH1/consumers", json={"consumer": {}}))["consumer"]["id"],
        "application_credential_id": made["id"],
        "access_rule_id": made["access_rules"][0]["id"],
    }


def of_project(tenant: httpx.Client, admin: httpx.Client, word: str) -> dict[str, str]:
    """Made by `tenant` (a member), in its own project; the flavor and the external network by admin."""
    found = _network(tenant, admin, word)
    image = {"name": f"{word}-image", "disk_format": "raw", "container_format": "bare"}
    found["image_id"] = _made(tenant.post("/image/v2/images", json=image))["id"]
    uploaded = tenant.put(
        f"/image/v2/images/{found['image_id']}/file",
        content=b"\0" * 4096,
        headers={"Content-Type": "application/octet-stream"},
    )
    assert uploaded.status_code == 204, uploaded.text
    flavor = {"flavor": {"name": f"{word}-flavor", "ram": 64, "vcpus": 1, "disk": 1}}
    found["flavor_id"] = _made(admin.post("/compute/v2.1/flavors", json=flavor))["flavor"]["id"]
    keypair = {"keypair": {"name": f"{word}-key", "public_key": KEY}}
    found["keypair_name"] = _made(tenant.post("/compute/v2.1/os-keypairs", json=keypair))["keypair"]["name"]
    server = {
        "server": {
            "name": f"{word}-server",
            "imageRef": found["image_id"],
            "flavorRef": found["flavor_id"],
            "networks": [{"uuid": found["network_id"]}],
        }
    }
    found["server_id"] = _made(tenant.post("/compute/v2.1/servers", json=server))["server"]["id"]
    return found


def _network(tenant: httpx.Client, admin: httpx.Client, word: str) -> dict[str, str]:
    v2 = "/network/v2.0"

    def made(client: httpx.Client, noun: str, **body: object) -> str:
        return str(_made(client.post(f"{v2}/{noun.replace('_', '-')}s", json={noun: body}))[noun]["id"])

    found = {"network_id": made(tenant, "network", name=f"{word}-net")}
    found["subnet_id"] = made(
        tenant, "subnet", network_id=found["network_id"], cidr="10.77.0.0/24", ip_version=4, name=f"{word}-subnet"
    )
    found["port_id"] = made(tenant, "port", network_id=found["network_id"], name=f"{word}-port")
    found["router_id"] = made(tenant, "router", name=f"{word}-router")
    found["security_group_id"] = made(tenant, "security_group", name=f"{word}-group")
    found["security_group_rule_id"] = made(
        tenant, "security_group_rule", security_group_id=found["security_group_id"],
        direction="ingress", protocol="tcp", port_range_min=22, port_range_max=22,
    )  # fmt: skip
    outside = next(iter(admin.get(f"{v2}/networks?name=outside").json()["networks"]), None)
    if outside is None:
        outside_id = made(admin, "network", name="outside", **{"router:external": True})
        made(admin, "subnet", network_id=outside_id, cidr="203.0.113.0/24", ip_version=4, enable_dhcp=False)
    else:
        outside_id = outside["id"]
    found["floatingip_id"] = made(tenant, "floatingip", floating_network_id=outside_id)
    found["external_network_id"] = outside_id
    return found


def _made(answer: httpx.Response) -> dict:
    assert answer.status_code in (200, 201, 202), f"{answer.request.method} {answer.request.url}: {answer.text}"
    return answer.json()
