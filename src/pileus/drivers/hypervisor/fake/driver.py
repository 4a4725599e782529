"""One simulated host."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Protocol
from weakref import WeakValueDictionary

from pileus.drivers.hypervisor.fake.console import console_text
from pileus.drivers.hypervisor.fake.facts import host_facts, usage_of
from pileus.drivers.hypervisor.fake.ledger import Entry
from pileus.drivers.hypervisor.fake.settings import FakeSettings
from pileus.drivers.hypervisor.protocol import (
    Guest,
    GuestSeen,
    Host,
    HypervisorError,
    ImageRef,
    Joiner,
    Nic,
    Usage,
    ids_of,
    images_of,
    require_ids,
)

_KEPT_BOOTS = 8
_STATES = {"on": "running", "off": "off", "paused": "paused", "suspended": "suspended"}


class Shared(Protocol):
    """What the hosts of a fleet share: `Fleet`."""

    join: Joiner | None

    async def enter(self, host: str) -> dict[str, Entry]: ...
    def leave(self) -> None: ...
    def put(self, host: str, entry: Entry) -> None: ...
    def drop(self, host: str, guest_id: str) -> None: ...
    async def wait(self, seconds: float, jitter: float) -> None: ...
    def fails(self, rate: float) -> bool: ...
    async def check_image(self, image: ImageRef) -> None: ...


class FakeHypervisor:
    """Made by `Fleet.host`. A host without guests costs less than a kilobyte.

    What a real host does by accident is done here on purpose: `crash`, `halt`, `lose_power`, `fail_next`, `say`.
    """

    __slots__ = (
        "_fleet",
        "_guests",
        "_images",
        "_listeners",
        "_locks",
        "_next_failures",
        "_started",
        "name",
        "settings",
    )

    def __init__(self, fleet: Shared, name: str, settings: FakeSettings) -> None:
        self.name = name
        self.settings = settings
        self._fleet = fleet
        self._guests: dict[str, Entry] = {}
        self._images: set[str] = set()
        self._listeners: list[asyncio.Queue[str]] = []
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._next_failures: dict[str, str] = {}
        self._started = False

    async def info(self) -> Host:
        return host_facts(self.name, self.settings)

    async def fetch(self, image: ImageRef) -> None:
        require_ids([image.id])
        if image.id in self._images:
            return
        self._maybe_fail("fetch", self.settings.fetch_failures)
        await self._fleet.check_image(image)
        await self._fleet.wait(self.settings.fetch_s, self.settings.jitter)
        self._images.add(image.id)

    async def ensure(self, guest: Guest) -> GuestSeen:
        require_ids(ids_of(guest))
        async with self._lock(guest.id):
            entry = self._guests.get(guest.id)
            if entry is not None and self._is_settled(entry, guest):
                return _seen(entry)
            self._maybe_fail("ensure", self.settings.ensure_failures)
            self._require_room(guest)
            await self._bring_images(guest)
            return await self._change(entry, guest)

    async def remove(self, guest_id: str) -> None:
        require_ids([guest_id])
        async with self._lock(guest_id):
            if guest_id not in self._guests:
                return
            self._maybe_fail("remove", self.settings.remove_failures)
            await self._fleet.wait(self.settings.remove_s, self.settings.jitter)
            self._fleet.drop(self.name, guest_id)
            del self._guests[guest_id]

    async def observe(self) -> list[GuestSeen]:
        self._maybe_fail("observe", 0.0)
        return [_seen(entry) for entry in self._guests.values()]

    async def console_log(self, guest_id: str, last_bytes: int = 102400) -> bytes:
        require_ids([guest_id])
        text = console_text(self._entry(guest_id), _now(), self.settings.boot_s)
        return text[-last_bytes:] if last_bytes > 0 else b""

    async def changes(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    async def usages(self, guest_ids: Sequence[str] = ()) -> list[Usage]:
        chosen = (self._entry(one) for one in guest_ids) if guest_ids else self._guests.values()
        return [usage_of(entry, _now()) for entry in chosen if entry.state in ("running", "paused")]

    async def tidy(self, unused_s: int) -> list[str]:
        """A simulated image takes no room, so only what no guest uses is forgotten, whatever its age."""
        used = {one.id for entry in self._guests.values() for one in images_of(entry.guest)}
        gone = sorted(self._images - used)
        self._images &= used
        return gone

    async def start(self) -> None:
        if not self._started:
            self._guests.update(await self._fleet.enter(self.name))
            self._started = True
        for entry in list(self._guests.values()):
            if entry.reason == "host" and entry.guest.power in ("on", "paused"):
                await self._join(entry.guest.nics)
                self._power_up(entry)
                self._settle(entry)

    async def close(self) -> None:
        if self._started:
            self._started = False
            self._fleet.leave()

    # What accidents do.

    def crash(self, guest_id: str, reason: str = "killed") -> None:
        """The guest's process dies."""
        self._by_itself(guest_id, "crashed", reason)

    def halt(self, guest_id: str) -> None:
        """Somebody inside the guest shuts it down."""
        self._by_itself(guest_id, "off", "guest")

    def lose_power(self) -> None:
        """The host goes down; `start` brings it up again."""
        for entry in self._guests.values():
            if entry.state in ("running", "paused"):
                entry.state, entry.reason = "off", "host"
                self._settle(entry)

    def fail_next(self, verb: str, reason: str = "simulated failure") -> None:
        """The next call of `ensure`, `remove`, `fetch` or `observe` fails, whatever the rates say."""
        self._next_failures[verb] = reason

    def say(self, guest_id: str, line: str) -> None:
        """The guest writes a line on its console."""
        entry = self._entry(guest_id)
        entry.wrote = [*entry.wrote[-199:], line]
        self._settle(entry)

    # How it works.

    async def _change(self, entry: Entry | None, guest: Guest) -> GuestSeen:
        """Take the time it takes, then keep the books in one go: a cancelled call has changed nothing."""
        settings, wait = self.settings, self._fleet.wait
        running = entry is not None and entry.state in ("running", "paused")
        wants_up = guest.power in ("on", "paused")
        reboots = entry is not None and guest.boots > entry.boots
        if running and (guest.power == "off" or (reboots and guest.reboot == "soft")):
            await wait(min(settings.stop_s, guest.stop_timeout), settings.jitter)
        if wants_up and (not running or reboots):
            await wait(settings.start_s, settings.jitter)
            await self._join(guest.nics)
        elif entry is not None and running:
            await wait(settings.change_s, settings.jitter)
            await self._join([nic for nic in guest.nics if nic not in entry.guest.nics])
        if entry is None:
            entry = self._guests[guest.id] = Entry(guest=guest)
        entry.guest = guest
        if wants_up and (not running or reboots):
            self._power_up(entry)
        elif entry.state != "off" or guest.power != "suspended":
            entry.state, entry.reason = _STATES[guest.power], ""  # type: ignore[assignment]
        entry.boots = guest.boots
        self._settle(entry)
        return _seen(entry)

    def _power_up(self, entry: Entry) -> None:
        if entry.state != "suspended":
            entry.booted = [*entry.booted[1 - _KEPT_BOOTS :], _now()]
        if self._fleet.fails(self.settings.crashes):
            entry.state, entry.reason = "crashed", "died while it started (simulated)"
            return
        entry.state, entry.reason = ("paused" if entry.guest.power == "paused" else "running"), ""

    def _is_settled(self, entry: Entry, guest: Guest) -> bool:
        if guest.generation < entry.guest.generation:
            return True
        if guest != entry.guest or guest.boots > entry.boots:
            return False
        if entry.state == "off" and (entry.reason == "guest" or guest.power == "suspended"):
            return True
        return entry.state == _STATES[guest.power]

    async def _bring_images(self, guest: Guest) -> None:
        for image in images_of(guest):
            await self.fetch(image)

    async def _join(self, nics: Sequence[Nic]) -> None:
        if self._fleet.join is None:
            return
        for nic in nics:
            if nic.device:
                try:
                    await self._fleet.join(nic.device)
                except Exception as error:
                    raise HypervisorError(f"{nic.device} could not join its network: {error}") from error

    def _require_room(self, guest: Guest) -> None:
        others = [entry.guest for entry in self._guests.values() if entry.guest.id != guest.id]
        has = self.settings
        for what, most, asked in (
            ("vcpus", has.vcpus * has.cpu_ratio, sum(one.vcpus for one in others) + guest.vcpus),
            ("MB of memory", has.ram_mb * has.ram_ratio, sum(one.ram_mb for one in others) + guest.ram_mb),
            ("GB of disk", has.disk_gb * has.disk_ratio, sum(map(_disk_gb, others)) + _disk_gb(guest)),
        ):
            if asked > most:
                raise HypervisorError(f"{self.name} has no room: {asked} {what} asked for, {most:g} there")

    def _maybe_fail(self, verb: str, rate: float) -> None:
        if not self._started:
            raise HypervisorError(f"{self.name} was not started")
        if verb in self._next_failures:
            raise HypervisorError(self._next_failures.pop(verb))
        if self._fleet.fails(rate):
            raise HypervisorError(f"simulated failure of {verb} on {self.name}")

    def _by_itself(self, guest_id: str, state: str, reason: str) -> None:
        entry = self._entry(guest_id)
        entry.state, entry.reason = state, reason  # type: ignore[assignment]
        self._settle(entry)
        for queue in self._listeners:
            queue.put_nowait(guest_id)

    def _settle(self, entry: Entry) -> None:
        self._fleet.put(self.name, entry)

    def _entry(self, guest_id: str) -> Entry:
        if guest_id not in self._guests:
            raise HypervisorError(f"no guest {guest_id!r} on {self.name}")
        return self._guests[guest_id]

    def _lock(self, guest_id: str) -> asyncio.Lock:
        lock = self._locks.get(guest_id)
        if lock is None:
            lock = self._locks[guest_id] = asyncio.Lock()
        return lock


def _seen(entry: Entry) -> GuestSeen:
    return GuestSeen(
        id=entry.guest.id, generation=entry.guest.generation, state=entry.state, boots=entry.boots, reason=entry.reason
    )


def _disk_gb(guest: Guest) -> int:
    return sum(-(-disk.size // (1 << 30)) for disk in guest.disks if disk.source != "path")


def _now() -> int:
    return time.time_ns() // 1000
