"""What goes wrong has a clear reason in the service's form, and leaves nothing half-done."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

import invariants
from cloud import LiveCloud
from people import people

V2, SERVERS, IMAGES = "/network/v2.0", "/compute/v2.1/servers", "/image/v2/images"
BYTES = {"Content-Type": "application/octet-stream"}


class Place:
    """A cloud, and admin and DEMO in it, with a network, an image and a flavor to boot from."""

    def __init__(self, live: LiveCloud) -> None:
        self.live, self.who = live, people(live)
        self.admin, self.demo = live.client("admin"), live.client("demo")
        self.network = made(self.demo.post(f"{V2}/networks", json={"network": {"name": "n"}}))
        self.subnet(self.network, "10.0.0.0/20")
        self.image = self.new_image()
        self.demo.put(f"{IMAGES}/{self.image}/file", content=b"\0" * 4096, headers=BYTES).raise_for_status()
        self.flavor = self.new_flavor("small", ram=8)

    def subnet(self, network: str, cidr: str) -> str:
        body = {"network_id": network, "cidr": cidr, "ip_version": 4, "enable_dhcp": False}
        return made(self.demo.post(f"{V2}/subnets", json={"subnet": body}))

    def new_image(self) -> str:
        return made(self.demo.post(IMAGES, json={"name": "i", "disk_format": "raw", "container_format": "bare"}))

    def new_flavor(self, name: str, **sizes: int) -> str:
        body = {"name": name, "ram": 8, "vcpus": 1, "disk": 0, **sizes}
        return made(self.admin.post("/compute/v2.1/flavors", json={"flavor": body}))

    def boot(self, client: httpx.Client | None = None, **more: Any) -> httpx.Response:
        want = {"name": "s", "imageRef": self.image, "flavorRef": self.flavor, "networks": [{"uuid": self.network}]}
        return (client or self.demo).post(SERVERS, json={"server": {**want, **more}})

    def ended(self, server: str) -> dict[str, Any]:
        """The server when it is no longer being built."""
        end = time.monotonic() + 120
        while (found := self.demo.get(f"{SERVERS}/{server}").json()["server"])["status"] == "BUILD":
            assert time.monotonic() < end
            time.sleep(0.05)
        return found

    def becomes(self, image: str, status: str) -> None:
        end = time.monotonic() + 120
        while (found := self.demo.get(f"{IMAGES}/{image}").json()["status"]) != status:
            assert time.monotonic() < end, found
            time.sleep(0.05)

    def clear(self) -> None:
        """No servers, and everything that they held is free."""
        for server in self.demo.get(SERVERS).json()["servers"]:
            self.demo.delete(f"{SERVERS}/{server['id']}")
        end = time.monotonic() + 120
        while self.demo.get(SERVERS).json()["servers"]:
            assert time.monotonic() < end
            time.sleep(0.05)


def made(answer: httpx.Response) -> str:
    assert answer.is_success, answer.text
    body = answer.json()
    return str(body["id"] if "id" in body else next(iter(body.values()))["id"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    live = LiveCloud(tmp_path_factory.mktemp("faults")).start()
    yield Place(live)
    live.stop()


@pytest.fixture(autouse=True)
def whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each of these, rows fit to rows and to files."""
    yield
    if "place" in request.fixturenames:
        assert invariants.settled(request.getfixturevalue("place").live.state) == []


def test_an_upload_that_is_cut(place: Place) -> None:
    image, token = place.new_image(), place.who["DEMO_TOKEN"]
    head = (
        f"PUT {IMAGES}/{image}/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", place.live.port)) as wire:
        wire.sendall(head.encode() + b"\0" * 100_000)
        place.becomes(image, "saving")
    place.becomes(image, "queued")
    again = place.demo.put(f"{IMAGES}/{image}/file", content=b"\0" * 512, headers=BYTES)
    assert again.status_code == 204, again.text
    assert place.demo.get(f"{IMAGES}/{image}").json()["size"] == 512


def test_no_free_address(place: Place) -> None:
    network = made(place.demo.post(f"{V2}/networks", json={"network": {"name": "tiny"}}))
    place.subnet(network, "10.66.0.0/30")
    port = {"port": {"network_id": network}}
    assert place.demo.post(f"{V2}/ports", json=port).status_code == 201
    refused = place.demo.post(f"{V2}/ports", json=port)
    assert refused.status_code == 409
    assert refused.json()["NeutronError"]["type"] == "IpAddressGenerationFailure"
    answer = place.boot(networks=[{"uuid": network}])
    if answer.status_code == 202:
        server = place.ended(answer.json()["server"]["id"])
        assert server["status"] == "ERROR"
        assert "address" in server["fault"]["message"].lower()
    else:
        assert answer.status_code in (400, 403, 409), answer.text
        assert "address" in answer.text.lower()
    assert len(place.demo.get(f"{V2}/ports?network_id={network}").json()["ports"]) == 1
    place.clear()


def test_no_host_with_room(place: Place) -> None:
    huge = place.new_flavor("huge", ram=1 << 30)
    quota = {"quota_set": {"ram": -1}}
    changed = place.admin.put(f"/compute/v2.1/os-quota-sets/{place.who['DEMO_PROJECT']}", json=quota)
    assert changed.status_code == 200, changed.text
    server = place.ended(made(place.boot(flavorRef=huge)))
    assert server["status"] == "ERROR"
    assert server["fault"]["message"].startswith("No valid host was found")
    assert server["fault"]["code"] == 500
    assert place.demo.get(f"{V2}/ports?device_id={server['id']}").json()["ports"] == []
    place.clear()


def test_twenty_race_for_the_last_of_a_quota(place: Place) -> None:
    """Of everything exactly as many as allowed, and of the others each hears why."""
    project = place.who["OTHER_PROJECT"]
    place.admin.put(f"{V2}/quotas/{project}", json={"quota": {"network": 3}}).raise_for_status()
    clients = [place.live.client("other") for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda c: c.post(f"{V2}/networks", json={"network": {"name": "r"}}), clients))
    assert sorted(a.status_code for a in answers) == [201] * 3 + [409] * 17
    assert {a.json()["NeutronError"]["type"] for a in answers if a.status_code == 409} == {"OverQuota"}
    assert len(clients[0].get(f"{V2}/networks?project_id={project}").json()["networks"]) == 3


def test_twenty_race_for_the_last_servers(place: Place) -> None:
    project = place.who["DEMO_PROJECT"]
    quota = {"quota_set": {"instances": 4, "cores": -1, "ram": -1}}
    place.admin.put(f"/compute/v2.1/os-quota-sets/{project}", json=quota).raise_for_status()
    clients = [place.live.client("demo") for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(place.boot, clients))
    assert sorted(a.status_code for a in answers) == [202] * 4 + [403] * 16
    refusal = next(a for a in answers if a.status_code == 403).json()["forbidden"]["message"]
    assert "instances" in refusal
    assert len(place.demo.get(SERVERS).json()["servers"]) == 4
    for answer in answers:
        if answer.status_code == 202:
            assert place.ended(answer.json()["server"]["id"])["status"] == "ACTIVE"
    place.clear()
    assert place.boot().status_code == 202, "what was deleted is free again"
    place.clear()


def test_twenty_race_for_the_last_addresses(place: Place) -> None:
    network = made(place.demo.post(f"{V2}/networks", json={"network": {"name": "last"}}))
    place.subnet(network, "10.67.0.0/29")
    clients = [place.live.client("demo") for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda c: c.post(f"{V2}/ports", json={"port": {"network_id": network}}), clients))
    assert sorted(a.status_code for a in answers) == [201] * 5 + [409] * 15
    given = [a.json()["port"]["fixed_ips"][0]["ip_address"] for a in answers if a.status_code == 201]
    assert len(set(given)) == 5


def test_deleted_while_it_is_built(place: Place) -> None:
    servers = [made(place.boot()) for _ in range(3)]
    threads = [threading.Thread(target=place.demo.delete, args=(f"{SERVERS}/{s}",)) for s in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    place.clear()
    assert [p for p in place.demo.get(f"{V2}/ports").json()["ports"] if p["device_owner"].startswith("compute:")] == []


BAD_BODIES: list[tuple[str, bytes]] = [
    ("cut", b'{"server": {"na'), ("no JSON", b"\xff\xfe\x00"), ("a list", b"[]"), ("a number", b"7"), ("null", b"null"),
    ("deep", b"[" * 100_000), ("absurd number", b'{"x": ' + b"9" * 5000 + b"}"), ("twice", b'{"a": 1}{"b": 2}'),
    ("wrong type", b'{"server": 7, "network": 7, "user": 7, "name": 7}'), ("lone half", b'{"name": "\\ud800"}'),
    ("zero byte", b'{"name": "a\\u0000b", "network": {"name": "a\\u0000b"}, "server": {"name": "a\\u0000"}}'),
]  # fmt: skip


@pytest.mark.parametrize("path", [SERVERS, f"{V2}/networks", IMAGES, "/identity/v3/users", "/identity/v3/auth/tokens"])
@pytest.mark.parametrize(("kind", "body"), BAD_BODIES, ids=[kind for kind, _ in BAD_BODIES])
def test_bodies_that_are_none(place: Place, path: str, kind: str, body: bytes) -> None:
    answer = place.admin.post(
        path, content=body, headers={"Content-Type": "application/json", "Accept": "application/json"}
    )
    if kind == "zero byte" and answer.status_code in (200, 201):
        return
    assert answer.status_code in (400, 401, 413), f"{answer.status_code} {answer.text[:300]}"
    assert answer.json()


@pytest.mark.parametrize("number", ["²", "٣.٣", "--5", "9" * 5000], ids=["small", "arabic", "twice minus", "endless"])
@pytest.mark.parametrize(
    "path",
    [
        f"{SERVERS}?power_state=%s", f"{SERVERS}?limit=%s", "/compute/v2.1/flavors?minRam=%s",
        "/compute/v2.1/os-keypairs?limit=%s", "/compute/v2.1/os-hypervisors?limit=%s", "/compute/v2.1/os-server-groups?limit=%s",
        "/compute/v2.1/os-server-groups?offset=%s", "/compute/v2.1/os-aggregates/%s", "/compute/v2.1/os-hypervisors/%s", "/compute/v2.1/os-services/%s",
        f"{V2}/networks?limit=%s", f"{IMAGES}?limit=%s", "/identity/v3/users?limit=%s",
    ],
)  # fmt: skip
def test_numbers_that_are_none(place: Place, path: str, number: str) -> None:
    answer = place.admin.get(path % number, headers={"OpenStack-API-Version": "compute 2.35"})
    assert 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:300]}"


@pytest.mark.parametrize("number", ["²", "--5", "9" * 5000], ids=["small", "twice minus", "endless"])
def test_numbers_in_bodies_that_are_none(place: Place, number: str) -> None:
    server = {"name": "s", "flavorRef": "1", "imageRef": str(uuid.uuid4())}
    asked = [
        place.admin.post(SERVERS, json={"server": {**server, name: number}}) for name in ("min_count", "max_count")
    ]
    quotas = f"/compute/v2.1/os-quota-sets/{uuid.uuid4().hex}"
    asked.append(place.admin.put(quotas, json={"quota_set": {"cores": number}}))
    assert [answer.status_code for answer in asked] == [400] * 3


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "images").mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "pileus-test", str(state / "images")],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    live = LiveCloud(state).start()
    try:
        client = live.client("demo")
        image = made(client.post(IMAGES, json={"name": "big", "disk_format": "raw", "container_format": "bare"}))
        answer = client.put(
            f"{IMAGES}/{image}/file", content=b"\0" * (12 << 20), headers={**BYTES, "Accept": "application/json"}
        )
        assert answer.status_code == 413, answer.text
        assert "storage" in answer.text.lower()
        assert client.get(f"{IMAGES}/{image}").json()["status"] == "queued"
        small = client.put(f"{IMAGES}/{image}/file", content=b"\0" * (4 << 20), headers=BYTES)
        assert small.status_code == 204, "the cut one gave its room back: " + small.text
        assert invariants.settled(state) == []
    finally:
        live.stop()
        subprocess.run(["umount", "-l", str(state / "images")], check=True)
