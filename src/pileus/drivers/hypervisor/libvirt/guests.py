"""One guest, from what it is to what it shall be."""

import time
from pathlib import Path

from msgspec.structs import replace

from pileus.drivers.hypervisor.libvirt import disks, domains, judgement, kvm
from pileus.drivers.hypervisor.libvirt.connection import Connection
from pileus.drivers.hypervisor.libvirt.devices import name_targets
from pileus.drivers.hypervisor.libvirt.domain import Place, domain_xml
from pileus.drivers.hypervisor.libvirt.ground import Ground
from pileus.drivers.hypervisor.libvirt.identity import domain_name
from pileus.drivers.hypervisor.libvirt.images import Base
from pileus.drivers.hypervisor.libvirt.plugs import Plugs
from pileus.drivers.hypervisor.libvirt.power import Power
from pileus.drivers.hypervisor.libvirt.records import Record, Records
from pileus.drivers.hypervisor.libvirt.settings import LibvirtSettings
from pileus.drivers.hypervisor.libvirt.threads import Threads
from pileus.drivers.hypervisor.protocol import Guest, GuestSeen


class Guests:
    """Whoever changes a guest holds its lock. `cloud` and `accelerator` are known once the ground is prepared."""

    def __init__(
        self,
        settings: LibvirtSettings,
        ground: Ground,
        records: Records,
        threads: Threads,
        connection: Connection,
        *,
        power: Power,
        plugs: Plugs,
        boot_id: str,
    ) -> None:
        self._settings = settings
        self._ground = ground
        self._records = records
        self._threads = threads
        self._connection = connection
        self._power = power
        self._plugs = plugs
        self._boot_id = boot_id
        self.cloud = ""
        self.accelerator = kvm.Accelerator("tcg", "not started")

    def name(self, guest_id: str) -> str:
        """Of its domain."""
        return domain_name(guest_id, self.cloud)

    async def change(self, before: Record | None, guest: Guest, bases: dict[str, Base]) -> GuestSeen:
        """From the record that was to what the guest shall be. A failure leaves the old record, and nothing new."""
        record = await self._next_record(before, guest)
        folder, made = self._records.folder_of(record.guest.id), []
        look = await self._connection.run(domains.look, self.name(record.guest.id))
        try:
            if record != before:
                await self._threads.run(self._records.put, record)
            made = await self._threads.run(disks.make_disks, folder, record.guest, bases, cold=not look.active)
            record = await self._drive(record, look, bases)
        except Exception:
            await self._undo(before, record.guest.id, made)
            raise
        await self._threads.run(disks.drop_others, folder, record.guest)
        return await self.seen(record)

    async def again(self, record: Record, bases: dict[str, Base]) -> None:
        """Up once more, after a reboot of the host."""
        look = await self._connection.run(domains.look, self.name(record.guest.id))
        folder = self._records.folder_of(record.guest.id)
        await self._threads.run(disks.make_disks, folder, record.guest, bases, cold=not look.active)
        await self._drive(replace(record, up=False), look, bases)

    async def vanish(self, guest_id: str) -> None:
        name = self.name(guest_id)
        mark = await self._connection.run(domains.mark_by_name, name)
        if mark is None or mark.cloud == self.cloud:
            await self._connection.run(domains.vanish, name)
        await self._threads.run(self._ground.serial_socket(name).unlink, missing_ok=True)
        await self._threads.run(self._records.drop, guest_id)

    async def note_halt(self, record: Record) -> None:
        await self._threads.run(self._records.put, replace(record, halted=True, up=False))

    async def seen(self, record: Record) -> GuestSeen:
        look = await self._connection.run(domains.look, self.name(record.guest.id))
        return judgement.seen(self._records.get(record.guest.id) or record, look, self._boot_id)

    async def _next_record(self, before: Record | None, guest: Guest) -> Record:
        if before is None:
            return Record(guest=guest, targets=name_targets(guest.disks, {}, running=False))
        look = await self._connection.run(domains.look, self.name(guest.id))
        stays = look.active and guest.power != "off" and not judgement.reboot_is_due(guest, look)
        targets = name_targets(guest.disks, before.targets, running=stays)
        halted = guest.generation == before.guest.generation and judgement.halted_itself(before, look)
        return replace(before, guest=guest, targets=targets, halted=halted, up=before.up and not halted)

    async def _undo(self, before: Record | None, guest_id: str, made: list[Path]) -> None:
        if before is None:
            await self.vanish(guest_id)
            return
        look = await self._connection.run(domains.look, self.name(guest_id))
        await self._threads.run(self._records.put, replace(before, up=before.up and look.active))
        if not look.active:
            await self._threads.run(disks.remove_files, made)

    async def _drive(self, record: Record, look: domains.Look, bases: dict[str, Base]) -> Record:
        """Bring the guest's power where the spec wants it."""
        guest, name = record.guest, self.name(record.guest.id)
        reboots = judgement.reboot_is_due(guest, look)
        if look.active and (guest.power == "off" or reboots):
            record = await self._mark_down(record)
            soft = guest.power == "off" or guest.reboot == "soft"
            await self._power.stop(name, guest.stop_timeout if soft else 0)
            look = await self._connection.run(domains.look, name)
        if guest.power == "suspended":
            if look.active:
                await self._connection.run(domains.save, name)
        elif guest.power == "off":
            await self._settle_off(record, look, bases)
        elif look.active:
            await self._settle_running(record, look)
            record = await self._mark_up(record) if not record.up else record
        elif not record.halted:
            record = await self._power_up(record, look, bases)
        return record

    async def _settle_off(self, record: Record, look: domains.Look, bases: dict[str, Base]) -> None:
        name, folder = self.name(record.guest.id), self._records.folder_of(record.guest.id)
        if look.saved:
            await self._connection.run(domains.forget_saved, name)
        await self._threads.run(disks.grow_offline, folder, record.guest)
        if look.mark is None or (look.mark.generation, look.mark.boots) != (
            record.guest.generation,
            record.guest.boots,
        ):
            await self._connection.run(domains.define, self._xml(record, bases))

    async def _settle_running(self, record: Record, look: domains.Look) -> None:
        guest, name = record.guest, self.name(record.guest.id)
        await self._power.join(await self._plugs.settle(name, record, self._records.folder_of(guest.id)))
        await self._power.join_strays(guest.nics)
        if look.paused and guest.power == "on":
            await self._connection.run(domains.resume, name)
        elif not look.paused and guest.power == "paused":
            await self._connection.run(domains.pause, name)

    async def _power_up(self, record: Record, look: domains.Look, bases: dict[str, Base]) -> Record:
        guest, name = record.guest, self.name(record.guest.id)
        folder = self._records.folder_of(guest.id)
        if look.saved and look.mark is not None and look.mark.boots < guest.boots:
            await self._connection.run(domains.forget_saved, name)
        await self._threads.run(disks.grow_offline, folder, guest)
        if record.up:
            record = await self._mark_down(record)
        await self._power.start(name, self._xml(record, bases), guest.nics, paused=guest.power == "paused")
        return await self._mark_up(record)

    async def _mark_up(self, record: Record) -> Record:
        now = time.time_ns() // 1000
        record = replace(record, up=True, halted=False, boot_id=self._boot_id, started_at=now)
        await self._threads.run(self._records.put, record)
        return record

    async def _mark_down(self, record: Record) -> Record:
        record = replace(record, up=False, halted=False)
        await self._threads.run(self._records.put, record)
        return record

    def _xml(self, record: Record, bases: dict[str, Base]) -> str:
        guest = record.guest
        place = Place(
            self._records.folder_of(guest.id),
            self._ground.serial_socket(self.name(guest.id)),
            bases[guest.kernel.id].path if guest.kernel else None,
            bases[guest.ramdisk.id].path if guest.ramdisk else None,
        )
        return domain_xml(guest, place, record.targets, self._settings, self.accelerator.name, self.cloud)
