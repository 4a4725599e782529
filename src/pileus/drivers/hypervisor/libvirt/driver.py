"""One host's libvirt as a `Hypervisor`."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal
from weakref import WeakValueDictionary

import libvirt

from pileus.drivers.hypervisor.libvirt import capture, console, domains, facts, judgement, kvm
from pileus.drivers.hypervisor.libvirt.connection import Connection, Event
from pileus.drivers.hypervisor.libvirt.ground import Ground
from pileus.drivers.hypervisor.libvirt.guests import Guests
from pileus.drivers.hypervisor.libvirt.images import ImageCache
from pileus.drivers.hypervisor.libvirt.plugs import Plugs
from pileus.drivers.hypervisor.libvirt.power import Power
from pileus.drivers.hypervisor.libvirt.records import Record, Records
from pileus.drivers.hypervisor.libvirt.settings import LibvirtSettings
from pileus.drivers.hypervisor.libvirt.threads import Threads
from pileus.drivers.hypervisor.protocol import (
    Guest,
    GuestSeen,
    Host,
    HypervisorError,
    ImageReader,
    ImageRef,
    Joiner,
    Usage,
    ids_of,
    images_of,
    require_ids,
)

log = logging.getLogger(__name__)
_SLOW_S = 3.0


class LibvirtHypervisor:
    """Every guest is a libvirt domain named `pileus-…`; what must be known of it without libvirt is in the state directory.

    `boot_id` is for tests: what tells one boot of the host from the next.
    """

    def __init__(
        self,
        settings: LibvirtSettings,
        *,
        images: ImageReader,
        join: Joiner | None = None,
        hostname: str = "",
        boot_id: str = "",
    ) -> None:
        self._settings = settings
        self._hostname = hostname or socket.gethostname()
        self._boot_id = boot_id or kvm.boot_id()
        self._ground = Ground(settings)
        self._records = Records(self._ground.instances)
        self._threads = Threads(settings.threads, "hypervisor")
        self._connection = Connection(settings.uri, self._threads, self._heard)
        self._images = ImageCache(self._ground.images, images, self._threads, settings.convert_mb)
        self._power = Power(self._connection, join)
        self._plugs = Plugs(self._connection, settings.unplug_s, settings.disk_cache)
        self._guests = Guests(
            settings,
            self._ground,
            self._records,
            self._threads,
            self._connection,
            power=self._power,
            plugs=self._plugs,
            boot_id=self._boot_id,
        )
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._listeners: list[asyncio.Queue[str]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    # The protocol.

    async def start(self) -> None:
        """Guests that the host's reboot took down come back: the network driver must have been started before."""
        await self.probe()
        await self._bring_back()

    async def probe(self) -> Host:
        """Can this host run guests at all? Touches no guest. Raises `HypervisorError` with the reason, and the cure."""
        await self._threads.run(self._prepare)
        begun = time.monotonic()
        capabilities = await self._connection.run(facts.capabilities)
        if time.monotonic() - begun > _SLOW_S:
            log.warning(facts.SLOW, time.monotonic() - begun)
        await self._threads.run(self._ground.require_reachable, capabilities, self._settings.qemu_user)
        return await self.info()

    async def close(self) -> None:
        """Guests run on."""
        if self._closed:
            return
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await self._images.close()
        await self._connection.close()
        await self._threads.run(self._ground.leave)
        self._threads.close()

    async def info(self) -> Host:
        return await self._connection.run(
            facts.host, self._hostname, self._guests.accelerator, self._settings.address, self._ground.state
        )

    async def fetch(self, image: ImageRef) -> None:
        require_ids([image.id])
        await self._images.bring(image)

    async def ensure(self, guest: Guest) -> GuestSeen:
        """Images come before the lock: a removal does not wait for a long transfer."""
        require_ids(ids_of(guest))
        with contextlib.ExitStack() as pins:
            bases = {}
            for image in [] if self._is_outdated(guest) else images_of(guest):
                pins.enter_context(self._images.pinned(image.id))
                bases[image.id] = await self._images.bring(image)
            async with self._lock(guest.id):
                before = self._records.get(guest.id)
                if before is not None and self._is_outdated(guest):
                    return await self._guests.seen(before)
                return await self._guests.change(before, guest, bases)

    async def remove(self, guest_id: str) -> None:
        require_ids([guest_id])
        name = self._guests.name(guest_id)
        with self._power.hurry(name):
            async with self._lock(guest_id):
                await self._guests.vanish(guest_id)

    async def observe(self) -> list[GuestSeen]:
        looks = await self._connection.run(domains.look_at_all)
        seen = []
        for record in self._records.all():
            look = looks.pop(self._guests.name(record.guest.id), domains.Look())
            seen.append(judgement.seen(record, look, self._boot_id))
        for look in looks.values():
            if (
                look.mark is not None
                and look.mark.cloud == self._guests.cloud
                and self._records.get(look.mark.id) is None
            ):
                seen.append(GuestSeen(id=look.mark.id, generation=0, state="running" if look.active else "off"))
        return seen

    async def console_log(self, guest_id: str, last_bytes: int = 102400) -> bytes:
        folder = self._records.folder_of(self._record(guest_id).guest.id)
        return await self._threads.run(console.tail, folder / "console.log", last_bytes)

    async def changes(self) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    # The optional powers.

    async def console(self, guest_id: str, kind: Literal["vnc", "serial"]) -> str:
        name = self._guests.name(self._record(guest_id).guest.id)
        path = (await self._connection.run(domains.console_paths, name)).get(kind, "")
        if not path:
            raise HypervisorError(f"guest {guest_id} does not run, so it has no {kind} console")
        return path

    async def capture(self, guest_id: str, disk_id: str) -> AsyncIterator[bytes]:
        record = self._record(guest_id)
        async with self._lock(guest_id):
            made = await capture.make(
                self._connection,
                self._guests.name(guest_id),
                record,
                disk_id,
                self._records.folder_of(guest_id),
                self._ground.captures,
            )
        async for chunk in capture.stream(made, self._threads):
            yield chunk

    async def usages(self, guest_ids: Sequence[str] = ()) -> list[Usage]:
        chosen = [self._record(one) for one in guest_ids] if guest_ids else self._records.all()
        return await self._connection.run(
            facts.usages, {self._guests.name(record.guest.id): record for record in chosen}
        )

    async def tidy(self, unused_s: int) -> list[str]:
        used = {image.id for record in self._records.all() for image in images_of(record.guest)}
        return await self._images.tidy(used, unused_s)

    # How it works.

    def _is_outdated(self, guest: Guest) -> bool:
        before = self._records.get(guest.id)
        return before is not None and guest.generation < before.guest.generation

    async def _bring_back(self) -> None:
        """After a reboot of the host; a few at a time. One that fails is told in the log and by `observe`."""
        looks = await self._connection.run(domains.look_at_all)
        at_once = asyncio.Semaphore(self._settings.starts)

        async def bring(record: Record) -> None:
            async with at_once:
                try:
                    await self._again(record)
                except HypervisorError as error:
                    log.error("guest %s could not be brought back: %s", record.guest.id, error)

        waiting = []
        for record in self._records.all():
            look = looks.get(self._guests.name(record.guest.id), domains.Look())
            if judgement.halted_itself(record, look) and not record.halted:
                await self._guests.note_halt(record)
            elif judgement.should_come_back(record, look, self._boot_id):
                waiting.append(bring(record))
        await asyncio.gather(*waiting)

    async def _again(self, record: Record) -> None:
        async with self._lock(record.guest.id):
            bases = {image.id: await self._images.bring(image) for image in images_of(record.guest)}
            await self._guests.again(record, bases)

    async def _after_stop(self, guest_id: str) -> None:
        """Why a guest stopped is asked while libvirt still knows: a restart of libvirtd forgets it."""
        async with self._lock(guest_id):
            record = self._records.get(guest_id)
            if record is not None and not record.halted:
                look = await self._connection.run(domains.look, self._guests.name(guest_id))
                if judgement.halted_itself(record, look):
                    await self._guests.note_halt(record)

    def _heard(self, event: Event) -> None:
        """An event of libvirt, on the event loop."""
        self._power.heard(event)
        self._plugs.heard(event)
        guest_id = next((r.guest.id for r in self._records.all() if self._guests.name(r.guest.id) == event.domain), "")
        if not guest_id or event.kind != "lifecycle" or self._lock(guest_id).locked():
            return
        if event.event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            self._soon(lambda: self._after_stop(guest_id))
        for queue in self._listeners:
            queue.put_nowait(guest_id)

    def _soon(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            try:
                await work()
            except HypervisorError as error:
                log.warning("after an event of libvirt: %s", error)

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _prepare(self) -> None:
        self._ground.prepare()
        self._images.clear_torn()
        self._guests.cloud = self._ground.cloud(self._settings.cloud)
        self._guests.accelerator = kvm.choose(self._settings.virt_type, self._ground.kvm_answer, self._boot_id)
        self._records.load()

    def _record(self, guest_id: str) -> Record:
        require_ids([guest_id])
        record = self._records.get(guest_id)
        if record is None:
            raise HypervisorError(f"no guest {guest_id!r} on {self._hostname}")
        return record

    def _lock(self, guest_id: str) -> asyncio.Lock:
        lock = self._locks.get(guest_id)
        if lock is None:
            lock = self._locks[guest_id] = asyncio.Lock()
        return lock
