"""What is done to one domain, in libvirt's blocking calls. Each function is called in a thread, with an open connection."""

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import libvirt

from pileus.drivers.hypervisor.libvirt.identity import NAMESPACE, PREFIX, Mark, mark_of
from pileus.drivers.hypervisor.libvirt.xml import Element, attribute, parsed, text_of

_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
_FORGET = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)
_LOGS = Path("/var/log/libvirt/qemu")


class Look(NamedTuple):
    """A domain as it is."""

    state: int = libvirt.VIR_DOMAIN_NOSTATE
    """libvirt's; NOSTATE when there is no such domain."""
    reason: int = 0
    mark: Mark | None = None
    """Of the running process, else of the definition."""
    saved: bool = False
    """Its memory is on disk."""

    @property
    def exists(self) -> bool:
        return bool(self.state != libvirt.VIR_DOMAIN_NOSTATE)

    @property
    def active(self) -> bool:
        return self.state not in (libvirt.VIR_DOMAIN_NOSTATE, libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED)

    @property
    def paused(self) -> bool:
        return bool(self.state == libvirt.VIR_DOMAIN_PAUSED)


def find(connection: Any, name: str) -> Any | None:
    try:
        return connection.lookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def look(connection: Any, name: str) -> Look:
    domain = find(connection, name)
    if domain is not None:
        with _unless_missing():
            return _look(domain, *domain.state())
    return Look()


def look_at_all(connection: Any) -> dict[str, Look]:
    """Every domain that has a name of ours, by name. 0.3 ms each."""
    looks = {}
    for domain, stats in connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE):
        if domain.name().startswith(PREFIX):
            with _unless_missing():
                looks[domain.name()] = _look(domain, stats["state.state"], stats["state.reason"])
    return looks


def _look(domain: Any, state: int, reason: int) -> Look:
    saved = state == libvirt.VIR_DOMAIN_SHUTOFF and bool(domain.hasManagedSaveImage())
    return Look(state, reason, _mark(domain), saved)


def mark_by_name(connection: Any, name: str) -> Mark | None:
    domain = find(connection, name)
    return _mark(domain) if domain is not None else None


def define(connection: Any, xml: str) -> None:
    connection.defineXML(xml)


def start_paused(connection: Any, name: str, xml: str) -> None:
    """Define anew and start without running an instruction; or go on from the saved memory, as it was defined then."""
    domain = find(connection, name)
    if domain is None or not domain.hasManagedSaveImage():
        domain = connection.defineXML(xml)
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)


def resume(connection: Any, name: str) -> None:
    domain = connection.lookupByName(name)
    if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()


def pause(connection: Any, name: str) -> None:
    domain = connection.lookupByName(name)
    if domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING:
        domain.suspend()


def save(connection: Any, name: str) -> None:
    """Memory to disk; the process ends. Started again it runs, whether it was paused or not."""
    connection.lookupByName(name).managedSave(libvirt.VIR_DOMAIN_SAVE_RUNNING)


def ask_to_stop(connection: Any, name: str) -> None:
    """Press the power button. A guest that is already gone is fine."""
    with _unless_off():
        connection.lookupByName(name).shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)


def destroy(connection: Any, name: str) -> None:
    domain = find(connection, name)
    if domain is not None:
        with _unless_off():
            domain.destroy()


def forget_saved(connection: Any, name: str) -> None:
    domain = find(connection, name)
    if domain is not None and domain.hasManagedSaveImage():
        domain.managedSaveRemove()


def vanish(connection: Any, name: str) -> None:
    """Process, definition, saved memory, firmware variables and logs."""
    domain = find(connection, name)
    if domain is not None:
        with _unless_off():
            domain.destroy()
        with _unless_missing():
            domain.undefineFlags(_FORGET)
    for log in _LOGS.glob(f"{name}.log*"):
        log.unlink(missing_ok=True)


def plugged(connection: Any, name: str) -> dict[str, Element]:
    """The disks and cards of ours that a running guest has, by alias."""
    devices = parsed(connection.lookupByName(name).XMLDesc(0)).find("devices")
    found = [*devices.findall("disk"), *devices.findall("interface")] if devices is not None else []
    return {attribute(one, "alias", "name"): one for one in found if attribute(one, "alias", "name").startswith("ua-")}


def plug(connection: Any, name: str, element: Element) -> None:
    connection.lookupByName(name).attachDeviceFlags(text_of(element), _LIVE)


def ask_to_unplug(connection: Any, name: str, alias: str) -> None:
    """The guest must let go: the device is gone when libvirt tells so, or when `plugged` no longer lists it."""
    with _unless_missing(libvirt.VIR_ERR_DEVICE_MISSING):
        connection.lookupByName(name).detachDeviceAlias(alias, _LIVE)


def grow(connection: Any, name: str, sizes: dict[str, int]) -> None:
    """`sizes`: bytes by the disk's name inside the guest. Disks only ever grow."""
    domain = connection.lookupByName(name)
    for target, size in sizes.items():
        if 0 < domain.blockInfo(target)[0] < size:
            domain.blockResize(target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


def console_paths(connection: Any, name: str) -> dict[str, str]:
    """Sockets of a running guest by kind."""
    domain = find(connection, name)
    devices = parsed(domain.XMLDesc(0)).find("devices") if domain is not None and domain.isActive() else None
    if devices is None:
        return {}
    vnc = attribute(devices, "graphics/listen[@type='socket']", "socket") or attribute(devices, "graphics", "socket")
    return {"vnc": vnc, "serial": attribute(devices, "serial/source", "path")}


def _mark(domain: Any) -> Mark | None:
    with contextlib.suppress(libvirt.libvirtError):
        return mark_of(domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE))
    return None


@contextlib.contextmanager
def _unless_off() -> Any:
    """The guest may end, or vanish, at any moment by itself: then there is nothing more to do."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN):
            raise


@contextlib.contextmanager
def _unless_missing(code: int = libvirt.VIR_ERR_NO_DOMAIN) -> Any:
    """Domains, of other clouds too, may go while they are looked at."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in (code, libvirt.VIR_ERR_NO_DOMAIN):
            raise
