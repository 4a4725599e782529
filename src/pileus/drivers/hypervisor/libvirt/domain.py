"""A guest's spec as a libvirt domain."""

from pathlib import Path
from typing import NamedTuple

from pileus.drivers.hypervisor.libvirt.devices import bus_of, disk_element, nic_element
from pileus.drivers.hypervisor.libvirt.identity import domain_name, domain_uuid, mark_element
from pileus.drivers.hypervisor.libvirt.settings import LibvirtSettings
from pileus.drivers.hypervisor.libvirt.xml import Element, e, text_of
from pileus.drivers.hypervisor.protocol import Guest

_MOST_PORTS = 28
"""Root ports fill the bus 0 of q35, with room left for what is built in."""
_TCG_CPU = "Nehalem"


class Place(NamedTuple):
    """Where a guest's things are on this host."""

    folder: Path
    serial_socket: Path
    kernel: Path | None = None
    ramdisk: Path | None = None


def domain_xml(
    guest: Guest, place: Place, targets: dict[str, str], settings: LibvirtSettings, accelerator: str, cloud: str
) -> str:
    """`targets`: name inside the guest by disk id. `accelerator`: kvm or tcg."""
    kvm = accelerator == "kvm"
    return text_of(
        e(
            "domain",
            e("name", domain_name(guest.id, cloud)),
            e("uuid", str(domain_uuid(guest.id, cloud))),
            e("metadata", mark_element(guest, cloud)),
            e("memory", str(guest.ram_mb), unit="MiB"),
            e("vcpu", str(guest.vcpus)),
            _system(guest, place, settings),
            _smbios(guest, cloud),
            _features(settings, kvm),
            _cpu(settings, guest, kvm),
            _clock(kvm),
            e("on_poweroff", "destroy"),
            e("on_reboot", "restart"),
            e("on_crash", "destroy"),
            _devices(guest, place, targets, settings),
            _label(settings),
            type_="kvm" if kvm else "qemu",
        )
    )


def _system(guest: Guest, place: Place, settings: LibvirtSettings) -> Element:
    uefi = guest.firmware == "uefi"
    return e(
        "os",
        e("type", "hvm", arch="x86_64", machine=guest.machine or settings.machine),
        e("firmware", e("feature", name="secure-boot", enabled="no")) if uefi else None,
        e("kernel", str(place.kernel)) if place.kernel else None,
        e("initrd", str(place.ramdisk)) if place.ramdisk else None,
        e("cmdline", guest.cmdline) if place.kernel and guest.cmdline else None,
        e("smbios", mode="sysinfo"),
        firmware="efi" if uefi else None,
    )


def _smbios(guest: Guest, cloud: str) -> Element:
    """cloud-init trusts the metadata service only on a machine that calls itself `OpenStack Nova`."""
    identifier = str(domain_uuid(guest.id, cloud))
    entries = {
        "manufacturer": "OpenStack Foundation",
        "product": "OpenStack Nova",
        "version": "1.0",
        "serial": identifier,
        "uuid": identifier,
        "family": "Virtual Machine",
    }
    return e("sysinfo", e("system", *(e("entry", v, name=k) for k, v in entries.items())), type_="smbios")


def _features(settings: LibvirtSettings, kvm: bool) -> Element:
    """Without a limit each guest under TCG takes up to a gigabyte of the host for translated code."""
    cache = None if kvm else e("tcg", e("tb-cache", str(settings.tcg_cache_mb), unit="MiB"))
    return e("features", e("acpi"), e("apic"), cache)


def _cpu(settings: LibvirtSettings, guest: Guest, kvm: bool) -> Element:
    topology = e("topology", sockets=guest.vcpus, cores=1, threads=1)
    if kvm and not settings.cpu_model:
        return e("cpu", topology, mode="host-model", check="partial")
    model = e("model", settings.cpu_model or _TCG_CPU, fallback="forbid")
    return e("cpu", model, topology, mode="custom", match="exact", check="none")


def _clock(kvm: bool) -> Element:
    timers = [e("timer", name="pit", tickpolicy="delay"), e("timer", name="rtc", tickpolicy="catchup")] if kvm else []
    return e("clock", *timers, e("timer", name="hpet", present="no"), offset="utc")


def _devices(guest: Guest, place: Place, targets: dict[str, str], settings: LibvirtSettings) -> Element:
    buses = {bus_of(disk) for disk in guest.disks}
    ports = min(_MOST_PORTS, len(guest.disks) + len(guest.nics) + 4 + settings.spare_ports)
    order = {disk.id: n for n, disk in enumerate((d for d in guest.disks if d.source != "files"), 1)}
    boots = order if guest.kernel is None else {}
    disks = [
        disk_element(disk, place.folder, targets[disk.id], settings.disk_cache, boots.get(disk.id))
        for disk in guest.disks
    ]
    console_log = e("log", file=place.folder / "console.log", append="on")
    return e(
        "devices",
        e("controller", type_="pci", index=0, model="pcie-root"),
        *(e("controller", type_="pci", index=n, model="pcie-root-port") for n in range(1, ports + 1)),
        e("controller", type_="usb", model="qemu-xhci" if "usb" in buses else "none"),
        e("controller", type_="scsi", model="virtio-scsi") if "scsi" in buses else None,
        *disks,
        *(nic_element(nic) for nic in guest.nics),
        e(
            "serial",
            e("source", mode="bind", path=place.serial_socket),
            console_log,
            e("target", type_="isa-serial", port=0),
            type_="unix",
        ),
        e("graphics", e("listen", type_="socket"), type_="vnc"),
        e("video", e("model", type_="vga", vram=16384, heads=1)),
        e("memballoon", e("stats", period=10), model="virtio"),
        e("rng", e("backend", "/dev/urandom", model="random"), model="virtio"),
    )


def _label(settings: LibvirtSettings) -> Element | None:
    if not settings.qemu_user:
        return None
    return e("seclabel", e("label", settings.qemu_user), type_="static", model="dac", relabel="yes")
