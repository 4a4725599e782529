"""The metadata service, as guests (cloud-init) ask it through the network driver's proxy."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Iterator

import httpx
import pytest

from cloud import LiveCloud

USER_DATA = b"#!/bin/sh\necho \xff\n"


class Guest:
    """One server's view: its own signed headers on every request."""

    def __init__(self, cloud: LiveCloud, server: dict[str, str], project_id: str) -> None:
        secret = (cloud.state / "run" / "metadata.secret").read_text(encoding="ascii")
        self.id = server["id"]
        signature = hmac.new(secret.encode(), self.id.encode(), "sha256").hexdigest()
        headers = {"X-Instance-ID": self.id, "X-Tenant-ID": project_id, "X-Instance-ID-Signature": signature}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{8775 + cloud.shift}", headers=headers, timeout=120)

    def text(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.text)
        return answer.text


@pytest.fixture(scope="module")
def guest(cloud: LiveCloud) -> Iterator[Guest]:
    demo = cloud.client("demo")
    image = demo.post("/image/v2/images", json={"name": "md", "disk_format": "raw", "container_format": "bare"}).json()
    media = {"content-type": "application/octet-stream"}
    assert demo.put(f"/image/v2/images/{image['id']}/file", content=b"0123456789", headers=media).status_code == 204
    key = demo.post("/compute/v2.1/os-keypairs", json={"keypair": {"name": "md-key"}}).json()["keypair"]
    body = {
        "name": "md Guest", "flavorRef": "42", "imageRef": image["id"], "networks": "none", "key_name": "md-key", "metadata": {"role": "web"},
        "user_data": base64.b64encode(USER_DATA).decode(),
    }  # fmt: skip
    newer = {"OpenStack-API-Version": "compute 2.37"}
    server = demo.post("/compute/v2.1/servers", json={"server": body}, headers=newer).json()["server"]
    url = f"/compute/v2.1/servers/{server['id']}"
    for _ in range(1200):
        shown = demo.get(url).json()["server"]
        if shown["status"] != "BUILD":
            break
        time.sleep(0.1)
    assert shown["status"] == "ACTIVE", shown
    made = Guest(cloud, server, shown["tenant_id"])
    made.key = key["public_key"]  # type: ignore[attr-defined]
    yield made
    demo.delete(url)
    demo.delete("/compute/v2.1/os-keypairs/md-key")


def test_the_tree_can_be_walked(guest: Guest) -> None:
    assert "2009-04-04" in guest.text("/").split()
    assert "latest" in guest.text("/openstack").split()
    assert guest.text("/openstack/") == guest.text("/openstack")
    listed = guest.text("/openstack/latest/").split()
    assert {"meta_data.json", "network_data.json", "user_data", "vendor_data.json", "vendor_data2.json"} <= set(listed)
    assert "network_data.json" not in guest.text("/openstack/2013-04-04").split()
    assert guest.text("/latest/").split() == ["meta-data/", "user-data"]
    assert "public-keys/" in guest.text("/latest/meta-data/").split()
    assert guest.text("/latest/meta-data/public-keys/") == "0=md-key"
    assert guest.text("/latest/meta-data/public-keys/0/") == "openssh-key"


def test_the_documents(guest: Guest) -> None:
    told = guest.http.get("/openstack/latest/meta_data.json").json()
    assert (told["uuid"], told["name"], told["meta"]) == (guest.id, "md Guest", {"role": "web"})
    assert told["hostname"] == "md-guest.novalocal"
    assert told["public_keys"] == {"md-key": guest.key}  # type: ignore[attr-defined]
    assert guest.http.get("/openstack/latest/network_data.json").json() == {"links": [], "networks": [], "services": []}
    assert guest.http.get("/openstack/latest/vendor_data.json").json() == {}
    assert guest.http.get("/openstack/latest/user_data").content == USER_DATA
    assert guest.http.get("/2009-04-04/user-data").content == USER_DATA


def test_the_old_words(guest: Guest) -> None:
    assert guest.text("/latest/meta-data/public-keys/0/openssh-key") == guest.key  # type: ignore[attr-defined]
    assert guest.text("/2009-04-04/meta-data/instance-id").startswith("i-")
    assert guest.text("/latest/meta-data/placement/availability-zone/") == "nova"
    assert guest.text("/latest/meta-data/instance-type") == "m1.nano"
    assert guest.text("/latest/meta-data/local-hostname") == "md-guest.novalocal"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/1999-01-01/meta-data", "/openstack/2011-01-01", "/openstack/latest/nothing", "/latest/meta-data/x",
     "/latest/meta-data/hostname/x", "/openstack/content/0000", "/openstack/latest/meta_data.json/x"],
)  # fmt: skip
def test_what_is_not_there(guest: Guest, path: str) -> None:
    assert guest.http.get(path).status_code == 404


def test_nobody_else_may_ask(guest: Guest) -> None:
    path = "/openstack/latest/meta_data.json"
    assert guest.http.get(path, headers={"X-Instance-ID-Signature": "0" * 64}).status_code == 403
    assert guest.http.get(path, headers={"X-Instance-ID-Signature": ""}).status_code == 403
    assert guest.http.get(path, headers={"X-Tenant-ID": "somebody"}).status_code == 404
    assert httpx.get(str(guest.http.base_url) + path).status_code == 400
