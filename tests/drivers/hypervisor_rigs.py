"""What the hypervisor contract needs of each implementation besides the protocol: accidents, leftovers, restarts."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

from drivers import guest as guests
from pileus.drivers.hypervisor.fake import FakeSettings, Fleet
from pileus.drivers.hypervisor.protocol import Disk, Guest, Hypervisor, ImageRef


class Images:
    """Image bytes by id, counting transfers; what is in `torn` breaks after half of its bytes."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.transfers: dict[str, int] = {}
        self.torn: set[str] = set()

    def add(self, image_id: str, data: bytes, format: str = "raw", **changes: Any) -> ImageRef:
        self.data[image_id] = data
        sha = hashlib.sha512(data).hexdigest()
        return ImageRef(**{"id": image_id, "format": format, "size": len(data), "hash_value": sha} | changes)

    async def read(self, image_id: str) -> AsyncIterator[bytes]:
        self.transfers[image_id] = self.transfers.get(image_id, 0) + 1
        data = self.data[image_id]
        for at in range(0, len(data), 65536):
            if image_id in self.torn and at >= len(data) // 2:
                raise ConnectionError("the line is cut")
            await asyncio.sleep(0)
            yield data[at : at + 65536]


class Rig(Protocol):
    driver: Hypervisor
    images: Images
    joined: list[str]
    join_fails: bool
    real: bool

    def path_disk(self, disk_id: str) -> Disk: ...

    def process(self, guest_id: str) -> object:
        """Changes whenever the guest's process is made anew; None when there is none."""
        ...

    def leftovers(self, guest_id: str) -> list[str]: ...

    async def add_foreign(self) -> None:
        """Something that looks like a guest but is not of this cloud and host."""
        ...

    async def crash(self, guest_id: str) -> None: ...

    async def halt(self, guest_id: str) -> None: ...

    async def reopen(self) -> None:
        """The process dies and comes again on the same state."""
        ...

    async def reboot_host(self) -> None: ...

    async def close(self) -> None: ...


class FakeRig:
    real = False

    def __init__(self, state: Path, settings: FakeSettings) -> None:
        self.images = Images()
        self.joined: list[str] = []
        self.join_fails = False
        self._state, self._settings = state, settings
        self._make()

    def _make(self) -> None:
        fleet = Fleet(self._settings, images=self.images.read, state=self._state, join=self._join)
        self.driver = fleet.host("here")
        self.other = fleet.host("there")

    async def _join(self, device: str) -> None:
        await asyncio.sleep(0)
        if self.join_fails:
            raise RuntimeError("no such port")
        self.joined.append(device)

    def path_disk(self, disk_id: str) -> Disk:
        path = self._state / f"{disk_id}.raw"
        path.write_bytes(bytes(1 << 20))
        return Disk(id=disk_id, source="path", path=str(path))

    def process(self, guest_id: str) -> object:
        entry = self.driver._guests.get(guest_id)
        return entry.booted[-1] if entry and entry.state in ("running", "paused") else None

    def leftovers(self, guest_id: str) -> list[str]:
        rows = self.driver._fleet._ledger._opened.execute("SELECT id FROM guests WHERE id = ?", (guest_id,))
        return [str(row) for row in rows]

    async def add_foreign(self) -> None:
        await self.other.start()
        await self.other.ensure(simple_guest("foreign"))

    async def crash(self, guest_id: str) -> None:
        self.driver.crash(guest_id)

    async def halt(self, guest_id: str) -> None:
        self.driver.halt(guest_id)

    async def reopen(self) -> None:
        await self.close()
        self._make()
        await self.driver.start()

    async def reboot_host(self) -> None:
        self.driver.lose_power()
        await self.reopen()

    async def close(self) -> None:
        await self.driver.close()
        await self.other.close()


def simple_guest(guest_id: str = "g-1", **changes: Any) -> Guest:
    """A small guest without disks."""
    spec = {"id": guest_id, "generation": 1, "name": "one", "project_id": "p", "vcpus": 1, "ram_mb": 32}
    return Guest(**spec | {"stop_timeout": 5} | changes)


async def until(what: Callable[[], Any], seconds: float = 240.0) -> Any:
    """Wait until `what()` (or what it awaits to) is true, and answer it."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = what()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds} s")
        await asyncio.sleep(0.05)


def boot_disk(images: Images, *, deaf: bool = False, image_id: str = "img") -> Disk:
    """A boot disk with the test guest on it."""
    return Disk(id="root", source="image", image=images.add(image_id, guests.disk(deaf=deaf)))
