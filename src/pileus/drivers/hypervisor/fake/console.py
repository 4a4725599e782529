"""What a simulated guest has written on its first serial line."""

import base64
import hashlib
import re
import struct

from pileus.drivers.hypervisor.fake.ledger import Entry
from pileus.drivers.hypervisor.protocol import Guest

_KEPT_BOOTS = 8
KERNEL = "6.1.0-sim-amd64"


def console_text(entry: Entry, now: int, boot_s: float) -> bytes:
    """Every boot that is remembered, oldest first. `now`: microseconds; a boot under way wrote its first lines."""
    written: list[str] = []
    for begun in entry.booted[-_KEPT_BOOTS:]:
        lines = _boot_lines(entry.guest)
        last = begun == entry.booted[-1]
        share = min(1.0, (now - begun) / (boot_s * 1_000_000)) if last and boot_s > 0 else 1.0
        written += lines[: max(1, round(len(lines) * share))]
    return ("\r\n".join([*written, *entry.wrote]) + ("\r\n" if entry.wrote else "")).encode() if written else b""


def host_name(name: str) -> str:
    """A server's name as a host calls itself."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-.")[:63] or "guest"


def _boot_lines(guest: Guest) -> list[str]:
    host = host_name(guest.name)
    key = _host_key(guest.id)
    print_ = base64.b64encode(hashlib.sha256(base64.b64decode(key)).digest()).decode().rstrip("=")
    disks = [f"[    1.{203 + n:03d}] virtio_blk virtio{n}: {_disk_words(d.id)}" for n, d in enumerate(guest.disks)]
    cards = [f"[    1.{301 + n:03d}] virtio_net virtio{9 + n} eth{n}: {nic.mac}" for n, nic in enumerate(guest.nics)]
    return [
        "SeaBIOS (version simulated)",
        "Booting from Hard Disk...",
        f"[    0.000000] Linux version {KERNEL} (pileus simulator)",
        "[    0.000000] Command line: root=LABEL=root console=tty0 console=ttyS0,115200",
        f"[    0.041230] smp: Brought up 1 node, {guest.vcpus} CPU{'s' if guest.vcpus > 1 else ''}",
        f"[    0.052411] Memory: {guest.ram_mb * 1024 - 39872}K/{guest.ram_mb * 1024}K available",
        *disks,
        *cards,
        "[    1.812001] EXT4-fs (vda1): mounted filesystem with ordered data mode",
        f"[    2.340117] systemd[1]: Hostname set to <{host}>.",
        f"[    3.120554] cloud-init[301]: instance-id {guest.id}, {len(guest.nics)} network interfaces",
        "-----BEGIN SSH HOST KEY FINGERPRINTS-----",
        f"256 SHA256:{print_} root@{host} (ED25519)",
        "-----END SSH HOST KEY FINGERPRINTS-----",
        "-----BEGIN SSH HOST KEY KEYS-----",
        f"ssh-ed25519 {key} root@{host}",
        "-----END SSH HOST KEY KEYS-----",
        "[    4.400902] cloud-init[402]: Cloud-init finished. Datasource DataSourceOpenStackLocal.",
        "",
        f"Simulated Linux {host} ttyS0",
        "",
        f"{host} login: ",
    ]


def _disk_words(disk_id: str) -> str:
    return f"[vda] {disk_id[:20]}"


def _host_key(guest_id: str) -> str:
    """An ed25519 public key in OpenSSH's form; the same for ever for one guest."""
    parts = (b"ssh-ed25519", hashlib.sha256(b"host key of " + guest_id.encode()).digest())
    return base64.b64encode(b"".join(struct.pack(">I", len(part)) + part for part in parts)).decode()
