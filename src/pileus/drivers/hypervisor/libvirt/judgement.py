"""What a guest's record and libvirt's look at it mean together. Pure functions: the rules of H6, H7 and H13."""

import libvirt

from pileus.drivers.hypervisor.libvirt.domains import Look
from pileus.drivers.hypervisor.libvirt.records import Record
from pileus.drivers.hypervisor.protocol import Guest, GuestSeen

_UP = ("on", "paused")
_PAUSE_REASONS = {
    libvirt.VIR_DOMAIN_PAUSED_IOERROR: "a disk failed",
    libvirt.VIR_DOMAIN_PAUSED_WATCHDOG: "its watchdog fired",
    libvirt.VIR_DOMAIN_PAUSED_CRASHED: "it panicked",
}
_OFF_REASONS = {
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: "its process died",
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: "it could not be started",
    libvirt.VIR_DOMAIN_SHUTOFF_DAEMON: "libvirt lost it",
}


def reboot_is_due(guest: Guest, look: Look) -> bool:
    """The running process carries the boot number that it was started for, so a reboot happens once whatever dies."""
    return look.active and look.mark is not None and look.mark.boots < guest.boots


def halted_itself(record: Record, look: Look) -> bool:
    """Off by the guest's own doing. A pending stop or reboot of ours has not done it: then the record says so."""
    if record.halted:
        return not look.active
    reboot_pending = look.mark is not None and look.mark.boots < record.guest.boots
    return (
        look.state == libvirt.VIR_DOMAIN_SHUTOFF
        and look.reason == libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN
        and record.up
        and record.guest.power in _UP
        and not reboot_pending
        and not look.saved
    )


def lost_with_host(record: Record, look: Look, boot_id: str) -> bool:
    """Off because the host (or the container that libvirt runs in) went down under it. After a start of libvirtd a domain
    that is off has no reason."""
    fresh = not look.exists or look.reason == libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN
    return not look.active and not look.saved and record.up and (record.boot_id != boot_id or fresh)


def should_come_back(record: Record, look: Look, boot_id: str) -> bool:
    """At the start of this driver: what the host's reboot took down, and what a killed driver was about to start."""
    if record.guest.power not in _UP or halted_itself(record, look):
        return False
    if look.active:
        return look.paused and record.guest.power == "on" and not record.up
    return not record.up or lost_with_host(record, look, boot_id)


def seen(record: Record, look: Look, boot_id: str) -> GuestSeen:
    guest = record.guest
    state, reason = _state(record, look, boot_id)
    boots = look.mark.boots if look.active and look.mark is not None else guest.boots
    return GuestSeen(id=guest.id, generation=guest.generation, state=state, boots=boots, reason=reason)  # type: ignore[arg-type]


def _state(record: Record, look: Look, boot_id: str) -> tuple[str, str]:
    if look.state == libvirt.VIR_DOMAIN_CRASHED or (look.paused and look.reason == libvirt.VIR_DOMAIN_PAUSED_CRASHED):
        return "crashed", "it panicked"
    if look.active:
        return ("paused", _PAUSE_REASONS.get(look.reason, "")) if look.paused else ("running", "")
    if look.saved:
        return "suspended", ""
    if halted_itself(record, look):
        return "off", "guest"
    if record.guest.power not in _UP or not record.up:
        return "off", ""
    if lost_with_host(record, look, boot_id):
        return "off", "host"
    if look.reason in _OFF_REASONS:
        return "crashed", _OFF_REASONS[look.reason]
    return "off", "stopped by someone else"
