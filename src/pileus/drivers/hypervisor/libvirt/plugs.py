"""Devices that come and go while a guest runs (rule H14)."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from pileus.drivers.hypervisor.libvirt import domains
from pileus.drivers.hypervisor.libvirt.connection import Connection, Event
from pileus.drivers.hypervisor.libvirt.devices import disk_alias, disk_element, nic_alias, nic_element, pluggable
from pileus.drivers.hypervisor.libvirt.records import Record
from pileus.drivers.hypervisor.protocol import Disk, HypervisorError, Nic

_ASK_AGAIN_S = 5.0


class Plugs:
    """Compares what a running guest has with what it should have, and plugs the difference."""

    def __init__(self, connection: Connection, unplug_s: float, disk_cache: str) -> None:
        self._connection = connection
        self._unplug_s = unplug_s
        self._disk_cache = disk_cache
        self._removed: dict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)

    def heard(self, event: Event) -> None:
        if (event.domain, event.alias) in self._removed:
            self._removed[event.domain, event.alias].set()

    async def settle(self, name: str, record: Record, folder: Path) -> list[Nic]:
        """Answers the cards that were plugged: they must be joined to their networks."""
        guest, run = record.guest, self._connection.run
        has = await run(domains.plugged, name)
        disks = {disk_alias(disk.id): disk for disk in guest.disks if pluggable(disk)}
        fixed = {disk_alias(disk.id) for disk in guest.disks}
        nics = {nic_alias(nic.id): nic for nic in guest.nics}
        for alias, element in has.items():
            stays_till_stop = element.tag == "disk" and element.get("device") == "cdrom"
            if alias not in fixed and alias not in nics and not stays_till_stop:
                await self._unplug(name, alias)
        for alias, disk in disks.items():
            if alias not in has:
                target = record.targets[disk.id]
                await run(domains.plug, name, disk_element(disk, folder, target, self._disk_cache))
        fresh = [nic for alias, nic in nics.items() if alias not in has]
        for nic in fresh:
            await run(domains.plug, name, nic_element(nic))
        await run(domains.grow, name, _sizes(guest.disks, record.targets, set(has)))
        return fresh

    async def _unplug(self, name: str, alias: str) -> None:
        """Ask, and ask again: a guest that was still booting did not hear. Raises when it never lets go."""
        gone = self._removed[name, alias]
        try:
            for _ in range(max(1, round(self._unplug_s / _ASK_AGAIN_S))):
                await self._connection.run(domains.ask_to_unplug, name, alias)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(gone.wait(), min(_ASK_AGAIN_S, self._unplug_s))
                if gone.is_set() or alias not in await self._connection.run(domains.plugged, name):
                    return
        finally:
            self._removed.pop((name, alias), None)
        raise HypervisorError(f"the guest does not let go of {alias.removeprefix('ua-').replace('-', ' ', 1)}")


def _sizes(disks: Iterable[Disk], targets: dict[str, str], has: set[str]) -> dict[str, int]:
    growing = (disk for disk in disks if disk.size and disk.source != "files" and disk_alias(disk.id) in has)
    return {targets[disk.id]: disk.size for disk in growing}
