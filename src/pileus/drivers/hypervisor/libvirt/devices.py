"""Disks and cards as libvirt's XML."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pileus.drivers.hypervisor.libvirt.disks import disk_format, disk_path
from pileus.drivers.hypervisor.libvirt.xml import Element, e
from pileus.drivers.hypervisor.protocol import Disk, HypervisorError, Nic

_PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd"}
_PLUGGABLE = {"virtio", "scsi", "usb"}


def disk_alias(disk_id: str) -> str:
    """libvirt keeps names that begin with `ua-`; so a device is found again by the id of its disk or card."""
    return f"ua-disk-{disk_id}"


def nic_alias(nic_id: str) -> str:
    return f"ua-nic-{nic_id}"


def bus_of(disk: Disk) -> str:
    """The bus that this machine has for it: q35 has no IDE, there are no CDs on virtio-blk and no read-only disks on SATA.
    (Debian's cloud kernel has no driver for q35's SATA, but one for virtio-scsi; an installer that knows no virtio needs
    `sata` or `ide`.)"""
    if disk.bus in {"ide", "sata"}:
        return "scsi" if _fixed(disk) and not disk.cdrom else "sata"
    return "scsi" if disk.cdrom and disk.bus == "virtio" else disk.bus


def pluggable(disk: Disk) -> bool:
    """Can it come and go while the guest runs?"""
    return bus_of(disk) in _PLUGGABLE and not disk.cdrom


def name_targets(disks: Iterable[Disk], before: Mapping[str, str], *, running: bool) -> dict[str, str]:
    """A name inside the guest for each disk: the one that is asked for, the one it had, the first free one. What a running
    guest has keeps its name in any case. libvirt puts disks into the order of these names."""
    disks = list(disks)
    prefixes = {disk.id: _PREFIXES[bus_of(disk)] for disk in disks}
    asked = {disk.id: disk.device.removeprefix("/dev/") for disk in disks if disk.device}
    named: dict[str, str] = {}
    for source in (before, asked) if running else (asked, before):
        for disk in disks:
            name = source.get(disk.id, "")
            fits = name.startswith(prefixes[disk.id]) and name[2:].isascii() and name[2:].islower()
            if disk.id not in named and fits and name not in named.values():
                named[disk.id] = name
    for disk in disks:
        if disk.id not in named:
            named[disk.id] = _first_free(prefixes[disk.id], set(named.values()))
    return named


def disk_element(disk: Disk, folder: Path, target: str, cache: str, boot_order: int | None = None) -> Element:
    path = disk_path(folder, disk)
    block = disk.source == "path" and path.is_block_device()
    shared = "none" if disk.shared else cache
    return e(
        "disk",
        e("driver", name="qemu", type_=disk_format(disk), cache=shared, discard=None if disk.cdrom else "unmap"),
        e("source", **{"dev" if block else "file": path}),
        e("target", dev=target, bus=bus_of(disk)),
        e("boot", order=boot_order) if boot_order else None,
        e("readonly") if _fixed(disk) else None,
        e("shareable") if disk.shared else None,
        e("serial", disk.id),
        e("alias", name=disk_alias(disk.id)),
        type_="block" if block else "file",
        device="cdrom" if disk.cdrom else "disk",
    )


def nic_element(nic: Nic) -> Element:
    if len(nic.device.encode()) > 15:
        raise HypervisorError(f"card {nic.id}: {nic.device!r} is too long for the name of a network device")
    bare = {"csum": "off", "gso": "off", "tso4": "off", "tso6": "off", "ufo": "off"}
    return e(
        "interface",
        e("mac", address=nic.mac),
        e("target", dev=nic.device) if nic.device else None,
        e("model", type_=nic.model),
        e("driver", e("host", **bare), name="qemu") if not nic.checksums else None,
        e("mtu", size=nic.mtu) if nic.mtu else None,
        e("alias", name=nic_alias(nic.id)),
        type_="ethernet",
    )


def _fixed(disk: Disk) -> bool:
    return disk.readonly or disk.cdrom or disk.source == "files"


def _first_free(prefix: str, taken: set[str]) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    names: list[str] = [*letters, *(a + b for a in letters for b in letters)]
    return next(prefix + one for one in names if prefix + one not in taken)
