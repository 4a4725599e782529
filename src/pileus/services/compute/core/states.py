"""The words of a server's state, and the status that clients see."""

from typing import Final

NOSTATE: Final = 0
RUNNING: Final = 1
PAUSED: Final = 3
SHUTDOWN: Final = 4
CRASHED: Final = 6
SUSPENDED: Final = 7

BUILDING, ACTIVE, STOPPED, ERROR, DELETED = "building", "active", "stopped", "error", "deleted"
SCHEDULING, SPAWNING = "scheduling", "spawning"
POWERING_ON, POWERING_OFF = "powering-on", "powering-off"
REBOOTING, REBOOTING_HARD = "rebooting", "rebooting_hard"
DELETING = "deleting"
PAUSED_STATE, SUSPENDED_STATE = "paused", "suspended"
PAUSING, UNPAUSING, SUSPENDING, RESUMING = "pausing", "unpausing", "suspending", "resuming"

SEEN: Final[dict[str, tuple[str, int]]] = {
    "running": (ACTIVE, RUNNING),
    "paused": (PAUSED_STATE, PAUSED),
    "suspended": (SUSPENDED_STATE, SHUTDOWN),
    "off": (STOPPED, SHUTDOWN),
    "crashed": (STOPPED, CRASHED),
}
"""What a server is by what its hypervisor shows: (vm_state, power_state)."""

_STATUS: Final[dict[str, str]] = {
    "active": "ACTIVE",
    "building": "BUILD",
    "deleted": "DELETED",
    "error": "ERROR",
    "paused": "PAUSED",
    "rescued": "RESCUE",
    "resized": "VERIFY_RESIZE",
    "shelved": "SHELVED",
    "shelved_offloaded": "SHELVED_OFFLOADED",
    "soft-delete": "SOFT_DELETED",
    "stopped": "SHUTOFF",
    "suspended": "SUSPENDED",
}
_BY_TASK: Final[dict[tuple[str, str], str]] = {
    ("active", "rebooting"): "REBOOT",
    ("active", "reboot_pending"): "REBOOT",
    ("active", "reboot_started"): "REBOOT",
    ("active", "rebooting_hard"): "HARD_REBOOT",
    ("active", "updating_password"): "PASSWORD",
    ("active", "rebuilding"): "REBUILD",
    ("active", "migrating"): "MIGRATING",
    ("active", "resize_prep"): "RESIZE",
    ("active", "resize_migrating"): "RESIZE",
    ("active", "resize_migrated"): "RESIZE",
    ("active", "resize_finish"): "RESIZE",
    ("stopped", "rebooting_hard"): "HARD_REBOOT",
    ("stopped", "rebuilding"): "REBUILD",
    ("stopped", "resize_prep"): "RESIZE",
    ("error", "rebooting_hard"): "HARD_REBOOT",
    ("error", "rebuilding"): "REBUILD",
}


def status(vm_state: str, task_state: str | None) -> str:
    """`ACTIVE`, `SHUTOFF`, `BUILD`, …: what the API calls the pair."""
    if task_state is not None:
        found = _BY_TASK.get((vm_state, task_state))
        if found is not None:
            return found
    return _STATUS.get(vm_state, "UNKNOWN")


def states_of(wanted: str) -> list[str] | None:
    """The vm_states that may show as this status; None for a word that is no status."""
    upper = wanted.upper()
    found = [vm for vm, name in _STATUS.items() if name == upper]
    found += [vm for (vm, _), name in _BY_TASK.items() if name == upper and vm not in found]
    return list(dict.fromkeys(found)) or None


def tasks_of(wanted: str) -> list[str | None] | None:
    """The task_states that a status asks for; None when any will do."""
    upper = wanted.upper()
    found = [task for (_, task), name in _BY_TASK.items() if name == upper]
    return list(found) or None
