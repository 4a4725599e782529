"""kill -9 of a cloud that takes in objects: what a 201 promised is there, what was cut off is not, and nothing is orphaned.

`PILEUS_TEST_KILLS` (5) kills. The moments are random, the seed is told. Each step of the store alone: tests/sagas/test_objects.py.
"""

from __future__ import annotations

import json
import random
import time
from functools import partial

import httpx
import pytest

import invariants

from .mortal import KILLS, SEED, Busy, Mortal

SIZES = (0, 700, 16_384, 40_000, 3_000_000)


class Writers(Busy):
    """Each with names of its own. `promised`: name to content as the last answer left it; `open`: what else it may be."""

    def __init__(self, mortal: Mortal, root: str, seed: int) -> None:
        works = (self._put, self._put, self._copy, self._static, self._bulk)
        super().__init__(
            mortal, [partial(work, chance=random.Random(seed + n), name=f"t{n}") for n, work in enumerate(works)]
        )
        self.root = root
        self.promised: dict[str, bytes | None] = {}
        self.open: dict[str, bytes | None] = {}

    def _ask(
        self,
        client: httpx.Client,
        name: str,
        becomes: bytes | None,
        method: str,
        path: str,
        body: bytes,
        **headers: str,
    ) -> None:
        """A request that makes `name` become something: from here until the answer it may be either."""
        self.open[name] = becomes
        said = {key.replace("_", "-"): value for key, value in headers.items()}
        answer = client.request(method, f"{self.root}/{path}", content=body, headers=said)
        assert answer.status_code in (200, 201, 204), f"{method} {path}: {answer.status_code} {answer.text}"
        self.promised[name] = becomes
        del self.open[name]

    def _bytes(self, chance: random.Random) -> bytes:
        return chance.randbytes(16) * (chance.choice(SIZES) // 16)

    def _put(self, client: httpx.Client, chance: random.Random, name: str) -> None:
        one = f"{name}-{chance.randrange(5)}"
        data = self._bytes(chance)
        self._ask(client, one, data, "PUT", one, data)
        if chance.random() < 0.2:
            self._ask(client, one, None, "DELETE", one, b"")

    def _copy(self, client: httpx.Client, chance: random.Random, name: str) -> None:
        data = self._bytes(chance)
        self._ask(client, f"{name}-source", data, "PUT", f"{name}-source", data)
        to = f"{name}-{chance.randrange(3)}"
        self._ask(client, to, data, "COPY", f"{name}-source", b"", Destination=f"c/{to}")

    def _static(self, client: httpx.Client, chance: random.Random, name: str) -> None:
        """Segments of fresh names: a manifest is of them or not at all."""
        word = f"{name}-{chance.randrange(1 << 40):x}"
        parts = [chance.randbytes(30_000), chance.randbytes(500)]
        for number, data in enumerate(parts):
            self._ask(client, f"{word}/{number}", data, "PUT", f"{word}/{number}", data)
        manifest = json.dumps([{"path": f"/c/{word}/{number}"} for number in range(len(parts))]).encode()
        self._ask(client, word, b"".join(parts), "PUT", f"{word}?multipart-manifest=put", manifest)

    def _bulk(self, client: httpx.Client, chance: random.Random, name: str) -> None:
        names = [f"{name}-{n}" for n in range(10)]
        for one in names:
            data = self._bytes(chance)
            self._ask(client, one, data, "PUT", one, data)
        self.open |= dict.fromkeys(names)
        account = self.root.rpartition("/")[0]
        answer = client.post(
            f"{account}?bulk-delete",
            content="\n".join(f"/c/{one}" for one in names),
            headers={"Content-Type": "text/plain", "Accept": "application/json"},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["Number Deleted"] == 10, answer.text
        for one in names:
            self.promised[one] = None
            del self.open[one]


@pytest.mark.timeout(300 + 180 * KILLS)
def test_killed_while_taking_in(mortal: Mortal) -> None:
    print("PILEUS_TEST_SEED", SEED)
    chance = random.Random(SEED)
    with mortal.client() as client:
        project = client.get("/identity/v3/auth/projects").json()["projects"][0]["id"]
        root = f"/objectstore/v1/AUTH_{project}/c"
        client.put(root).raise_for_status()
    promised: dict[str, bytes | None] = {}
    for _ in range(KILLS):
        busy = Writers(mortal, root, chance.randrange(1 << 30))
        busy.start()
        end = time.monotonic() + 120
        while len(busy.promised) < 10 and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(chance.random() * 1.5)
        mortal.kill()
        busy.end()
        assert busy.strange == []
        mortal.up()
        promised |= busy.promised
        print(f"{len(busy.promised)} names promised, {len(busy.open)} cut off")
        with mortal.client() as client:
            for name, wanted in promised.items():
                promised[name] = check(client, root, name, wanted, busy.open)
            for name in busy.open.keys() - promised.keys():
                promised[name] = check(client, root, name, None, busy.open)
        assert invariants.settled(mortal.run.state) == []


def check(
    client: httpx.Client, root: str, name: str, wanted: bytes | None, cut: dict[str, bytes | None]
) -> bytes | None:
    """What is there now; it is what was promised, or what was on its way."""
    answer = client.get(f"{root}/{name}")
    assert answer.status_code in (200, 404), f"{name}: {answer.status_code} {answer.text}"
    found = answer.content if answer.status_code == 200 else None
    assert found == wanted or (name in cut and found == cut[name]), f"{name} is torn or lost"
    return found
