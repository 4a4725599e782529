"""kill -9 of a cloud that is busy: started again it ends what it began, and nothing is orphaned. Simulated machines.

`PILEUS_TEST_KILLS` (5) kills. The moments are random, the seed is told.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator

import httpx
import pytest

import invariants

from .mortal import KILLS, SEED, Busy, Mortal


class Ground:
    """What all servers stand on."""

    def __init__(self, client: httpx.Client) -> None:
        v2 = "/network/v2.0"
        self.network = _id(client.post(f"{v2}/networks", json={"network": {"name": "n"}}))
        subnet = {"network_id": self.network, "cidr": "10.9.0.0/20", "ip_version": 4}
        self.subnet = _id(client.post(f"{v2}/subnets", json={"subnet": subnet}))
        self.image = _id(client.post("/image/v2/images", json=IMAGE))
        client.put(f"/image/v2/images/{self.image}/file", content=b"\0" * 65536, headers=BYTES).raise_for_status()
        self.flavor = _id(
            client.post("/compute/v2.1/flavors", json={"flavor": {"name": "f", "ram": 8, "vcpus": 1, "disk": 0}})
        )
        quota = {"quota": {"port": 1000, "network": 1000}}
        project = client.get("/identity/v3/auth/projects").json()["projects"][0]["id"]
        client.put(f"{v2}/quotas/{project}", json=quota).raise_for_status()


IMAGE = {"name": "i", "disk_format": "raw", "container_format": "bare"}
BYTES = {"Content-Type": "application/octet-stream"}


def _id(answer: httpx.Response) -> str:
    assert answer.is_success, answer.text
    body = answer.json()
    return str(body["id"] if "id" in body else next(iter(body.values()))["id"])


class Tenants(Busy):
    """They make and delete things. What was promised with 2xx is remembered."""

    def __init__(self, mortal: Mortal, ground: Ground, seed: int) -> None:
        super().__init__(mortal, (self._server, self._server, self._image, self._network, self._power))
        self.ground, self.random = ground, random.Random(seed)
        self.servers: set[str] = set()
        self.doomed: set[str] = set()
        self.networks: set[str] = set()

    def _server(self, client: httpx.Client) -> None:
        ground = self.ground
        want = {
            "name": "s", "imageRef": ground.image, "flavorRef": ground.flavor, "networks": [{"uuid": ground.network}]
        }  # fmt: skip
        answer = client.post("/compute/v2.1/servers", json={"server": want})
        if answer.status_code == 403:  # quota: make room
            there = [s["id"] for s in client.get("/compute/v2.1/servers").json()["servers"]]
            for server in self.random.sample(there, min(5, len(there))):
                self._delete(client, server)
            return
        assert answer.status_code == 202, answer.text
        self.servers.add(made := answer.json()["server"]["id"])
        if self.random.random() < 0.5:
            time.sleep(self.random.random() * 0.1)
            self._delete(client, made)

    def _power(self, client: httpx.Client) -> None:
        there = [s["id"] for s in client.get("/compute/v2.1/servers").json()["servers"]]
        act = self.random.choice([{"os-stop": None}, {"os-start": None}, {"reboot": {"type": "HARD"}}])
        if there:
            answer = client.post(f"/compute/v2.1/servers/{self.random.choice(there)}/action", json=act)
            assert answer.status_code in (202, 404, 409), answer.text
        time.sleep(0.02)

    def _delete(self, client: httpx.Client, server: str) -> None:
        self.doomed.add(server)  # also when the answer does not come: it may have been done
        answer = client.delete(f"/compute/v2.1/servers/{server}")
        assert answer.status_code in (204, 404), answer.text
        self.servers.discard(server)

    def _image(self, client: httpx.Client) -> None:
        image = _id(client.post("/image/v2/images", json=IMAGE))

        def slowly() -> Iterator[bytes]:
            for _ in range(8):
                yield b"\0" * 4096
                time.sleep(0.01)

        answer = client.put(f"/image/v2/images/{image}/file", content=slowly(), headers=BYTES)
        assert answer.status_code == 204, answer.text
        answer = client.delete(f"/image/v2/images/{image}")
        assert answer.status_code == 204, answer.text

    def _network(self, client: httpx.Client) -> None:
        made = _id(client.post("/network/v2.0/networks", json={"network": {"name": "busy"}}))
        self.networks.add(made)
        port = _id(client.post("/network/v2.0/ports", json={"port": {"network_id": self.ground.network}}))
        answer = client.delete(f"/network/v2.0/ports/{port}")
        assert answer.status_code == 204, answer.text


@pytest.mark.timeout(300 + 180 * KILLS)
def test_killed_while_busy(mortal: Mortal) -> None:
    print("PILEUS_TEST_SEED", SEED)
    chance = random.Random(SEED)
    with mortal.client() as client:
        ground = Ground(client)
    for _ in range(KILLS):
        busy = Tenants(mortal, ground, chance.randrange(1 << 30))
        busy.start()
        time.sleep(0.2 + chance.random() * 1.5)
        mortal.kill()
        busy.end()
        print(f"kept {len(busy.servers)} servers, deleted {len(busy.doomed)}, {len(busy.networks)} networks")
        assert not busy.strange
        mortal.up()
        _whole(mortal, busy)


def _whole(mortal: Mortal, busy: Tenants) -> None:
    """Everything that was promised is there, and ends well; nothing is orphaned."""
    with mortal.client() as client:
        end = time.monotonic() + 180
        while True:
            listed = client.get("/compute/v2.1/servers/detail?limit=1000").json()["servers"]
            states = {s["id"]: s["status"] for s in listed}
            if not [s for s in states.values() if s not in ("ACTIVE", "SHUTOFF", "ERROR")] or time.monotonic() > end:
                break
            time.sleep(0.1)
        assert set(states.values()) <= {"ACTIVE", "SHUTOFF"}, json.dumps(listed)[:3000]
        assert busy.servers - busy.doomed <= set(states), "a server that was promised is there"
        assert not (busy.doomed - busy.servers) & set(states), "a server that was deleted is gone"
        networks = {n["id"] for n in client.get("/network/v2.0/networks").json()["networks"]}
        assert busy.networks <= networks
        for image in client.get("/image/v2/images?limit=100&status=queued").json()["images"]:
            client.delete(f"/image/v2/images/{image['id']}")
        assert invariants.settled(mortal.run.state) == []
