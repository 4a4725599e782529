"""What a hypervisor owes the cloud. Contract: `tests/drivers/test_hypervisor.py`, tests named after the rules.

H1  `ensure` is level-triggered: it makes the guest be as the spec says and returns what then is. Calling it again
    with the same spec changes nothing and disturbs nothing.
H2  A spec with a `generation` older than the newest one seen for that guest changes nothing.
H3  `remove` of a guest that is not there succeeds. After it no process, disk, log or other file of the guest is left.
H4  `observe` lists every guest of this cloud (and no foreign one), also those made before this process started.
H5  A guest goes on running when this process dies, and is known again afterwards (simulators excepted for the
    running, not for the knowing: a simulator given a state directory knows its guests again).
H6  `power="on"` starts, `"off"` stops: first by asking the guest (ACPI), after `stop_timeout` seconds by force (0: at
    once). `power="paused"` and `"suspended"` (memory on disk) where `Host.abilities` names them. A guest that powered
    itself off from inside stays off (`reason="guest"`) until a spec with a larger `generation` wants it on; one
    whose process died is started again by the next `ensure`.
H7  A reboot is wanted by a larger `boots` than the last one acted upon; it happens exactly once however often the
    spec is ensured, and a start from off counts as it. `reboot="soft"` asks the guest first (and is forced after
    `stop_timeout`), `"hard"` recreates its process from the spec at once.
H8  `console_log` returns the end of what the guest wrote on its first serial line, over reboots.
H9  `fetch` brings an image's bytes to this host once; concurrent calls share one transfer; a torn transfer leaves
    nothing and the checksum is verified. An image that lies about its format raises `BadImage`.
H10 No call blocks the event loop for more than 5 ms; every call may be cancelled, and then rule H1 still holds.
H11 `ensure` when the host has no room or QEMU refuses raises `HypervisorError` with a reason for people, and leaves
    nothing new behind.
H12 Names, user-data, metadata from users are data: nothing of them is ever interpreted (XML, shell, paths). Ids are
    1-64 of `[A-Za-z0-9_-]`; anything else is a `HypervisorError` and touches nothing.
H13 After a reboot of the host `start` brings back, from the driver's own disk alone, every guest whose last spec wants
    it on (or paused), except those that had powered themselves off.
H14 Disks and cards that a larger `generation` adds or leaves out are plugged and unplugged while the guest runs;
    `vcpus`, `ram_mb`, kernel, machine and the like take effect when the guest is next started. A disk that is left out
    loses its data, `path` disks excepted. A larger size grows the disk at once.
H15 `Joiner` is awaited for each named device that is made, before the guest's first instruction; when it fails, so does
    `ensure`, and the guest does not run.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Literal, Protocol

from msgspec import Struct


class HypervisorError(Exception):
    """The host could not do it; `str(error)` may be shown to administrators."""


class BadImage(HypervisorError):
    """The image is not what its record says; trying again cannot help."""


class ImageRef(Struct, frozen=True, kw_only=True):
    """An image whose bytes `ImageReader` can bring. `format` is the declared one: raw, qcow2, vmdk, vdi, vhd, iso, …"""

    id: str
    format: str
    size: int
    """Bytes; 0 when unknown."""
    hash_algo: str = "sha512"
    hash_value: str = ""
    """Hex; empty when unknown (then nothing is verified)."""
    min_disk_gb: int = 0


ImageReader = Callable[[str], AsyncIterator[bytes]]
"""Given at construction: the bytes of an image id, chunk by chunk."""

Joiner = Callable[[str], Awaitable[None]]
"""Given at construction: the network driver's `join`. Called with `Nic.device` whenever that device has been made anew,
before the guest's first instruction."""


class Disk(Struct, frozen=True, kw_only=True):
    """A disk of the guest, in boot order.

    `source`: `"image"` (a private copy-on-write layer over `image`), `"blank"`, `"path"` (a block device or file that
    another driver made, `path`), `"files"` (an ISO 9660 drive, label `config-2`, holding `files`).
    `id` names the disk for ever: the same id is the same data. A `path` disk is never deleted by this driver.
    """

    id: str
    source: Literal["image", "blank", "path", "files"]
    size_gb: int = 0
    """0 with an image: the image's own virtual size."""
    size_mb: int = 0
    """Instead of `size_gb`, for disks that are no whole number of GiB (swap)."""
    image: ImageRef | None = None
    path: str = ""
    files: dict[str, bytes] = {}
    bus: Literal["virtio", "scsi", "sata", "ide", "usb"] = "virtio"
    """Wished for; a driver takes the nearest that its machine has."""
    cdrom: bool = False
    readonly: bool = False
    format: Literal["raw", "qcow2"] = "raw"
    """Of what stands at `path`; the other sources choose their own."""
    device: str = ""
    """Name wanted inside the guest (`vdb`), as far as the bus allows; empty: the first free one."""
    shared: bool = False
    """A `path` disk that several guests may write to at once."""

    @property
    def size(self) -> int:
        """Bytes asked for; 0 when nothing is said."""
        return self.size_mb << 20 if self.size_mb else self.size_gb << 30


class Nic(Struct, frozen=True, kw_only=True):
    """A network card. `device` names the tap that this driver makes at each start of the guest and hands to the network
    driver through `Joiner`; it vanishes with the guest. Empty with a simulated network: the card has no other end."""

    id: str
    """The port's id."""
    mac: str
    device: str = ""
    mtu: int = 0
    model: str = "virtio"
    checksums: bool = True
    """False: the guest must fill in checksums itself (OVN's userspace datapath drops packets without them)."""


class Guest(Struct, frozen=True, kw_only=True):
    """What should be. Everything that a rebooted node needs to bring the guest back alone."""

    id: str
    generation: int
    name: str
    """Shown to people only; any text."""
    project_id: str
    vcpus: int
    ram_mb: int
    power: Literal["on", "off", "paused", "suspended"] = "on"
    boots: int = 0
    reboot: Literal["soft", "hard"] = "soft"
    stop_timeout: int = 60
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    kernel: ImageRef | None = None
    ramdisk: ImageRef | None = None
    cmdline: str = ""
    firmware: Literal["bios", "uefi"] = "bios"
    machine: str = ""
    metadata: dict[str, str] = {}


class GuestSeen(Struct, frozen=True, kw_only=True):
    """What is. `state="crashed"`: the process ended or panicked without being asked to."""

    id: str
    generation: int
    """Of the newest spec acted upon; 0 when unknown."""
    state: Literal["running", "off", "paused", "suspended", "crashed"]
    boots: int = 0
    reason: str = ""


class Host(Struct, frozen=True, kw_only=True):
    """What this host is and has. Sizes are of the whole host, before reservations and overcommitment."""

    hostname: str
    hypervisor_type: str
    """`QEMU`, `fake`, … as compute's API prints it."""
    hypervisor_version: int
    """Major*1000000 + minor*1000 + micro."""
    accelerator: Literal["kvm", "tcg", "none"]
    reason: str
    """One line: why this accelerator."""
    vcpus: int
    ram_mb: int
    disk_gb: int
    address: str = "127.0.0.1"
    cpu_info: dict[str, object] = {}
    traits: tuple[str, ...] = ()
    """Standard trait names of placement (`HW_CPU_X86_AVX2`, `COMPUTE_NODE`, …)."""
    abilities: frozenset[str] = frozenset()
    """Optional powers: `pause`, `suspend`; `console_vnc` and `console_serial` (`Consoles`), `capture` (`Captures`),
    `usage` (`Usages`), `tidy` (`Tidies`), `plug` (rule H14 while running), `uefi`."""
    uptime: str = ""


_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def require_ids(ids: Iterable[str]) -> None:
    """Raise `HypervisorError` for an id that could not safely be a file name (rule H12)."""
    for one in ids:
        if not _ID.fullmatch(one):
            raise HypervisorError(f"not an id: {one!r}")


def images_of(guest: Guest) -> list[ImageRef]:
    """Every image that a host must have for this guest."""
    images = (guest.kernel, guest.ramdisk, *(disk.image for disk in guest.disks))
    return [image for image in images if image is not None]


def ids_of(guest: Guest) -> list[str]:
    """Every id that a spec names."""
    named: list[Disk | Nic | ImageRef] = [*guest.disks, *guest.nics, *images_of(guest)]
    return [guest.id, *(one.id for one in named)]


class Hypervisor(Protocol):
    """One host's hypervisor."""

    async def info(self) -> Host: ...

    async def fetch(self, image: ImageRef) -> None: ...

    async def ensure(self, guest: Guest) -> GuestSeen: ...

    async def remove(self, guest_id: str) -> None: ...

    async def observe(self) -> list[GuestSeen]: ...

    async def console_log(self, guest_id: str, last_bytes: int = 102400) -> bytes: ...

    def changes(self) -> AsyncIterator[str]:
        """Ids of guests whose state changed by itself. A hint; `observe` is the truth."""
        ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...


class Consoles(Protocol):
    """Optional: consoles to type at. `console` answers the path of a unix socket of this host that speaks RFB (`vnc`)
    or plain bytes (`serial`); raises `HypervisorError` when the guest does not run."""

    async def console(self, guest_id: str, kind: Literal["vnc", "serial"]) -> str: ...


class Captures(Protocol):
    """Optional: `capture` yields a self-contained qcow2 of one disk as it is at one moment, also while the guest runs
    (then as after a power cut). Nothing is left of it when the iterator ends or is closed."""

    def capture(self, guest_id: str, disk_id: str) -> AsyncIterator[bytes]: ...


class Usage(Struct, frozen=True, kw_only=True):
    """What a guest has used since its process began. Cards are counted by the network driver."""

    id: str
    uptime_s: int
    cpu_ns: int
    memory_mb: int
    """Resident on the host."""
    disks: dict[str, tuple[int, int, int, int]]
    """Disk id -> read bytes, read requests, written bytes, write requests."""


class Usages(Protocol):
    """Optional: `usages` of the guests that run, all of them when no id is given."""

    async def usages(self, guest_ids: Sequence[str] = ()) -> list[Usage]: ...


class Tidies(Protocol):
    """Optional: `tidy` removes cached images that no guest of this host uses and that were not asked for during
    `unused_s` seconds. Answers the ids that went."""

    async def tidy(self, unused_s: int) -> list[str]: ...
