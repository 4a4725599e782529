"""What a simulated host says about itself and its guests."""

import os

from pileus.drivers.hypervisor.fake.ledger import Entry
from pileus.drivers.hypervisor.fake.settings import FakeSettings
from pileus.drivers.hypervisor.protocol import Host, Usage

_TRAITS = (
    "COMPUTE_NODE",
    "COMPUTE_ACCELERATORS",
    "COMPUTE_DEVICE_TAGGING",
    "COMPUTE_FIRMWARE_BIOS",
    "COMPUTE_FIRMWARE_UEFI",
    "COMPUTE_GRAPHICS_MODEL_VGA",
    "COMPUTE_IMAGE_TYPE_AKI",
    "COMPUTE_IMAGE_TYPE_AMI",
    "COMPUTE_IMAGE_TYPE_ARI",
    "COMPUTE_IMAGE_TYPE_ISO",
    "COMPUTE_IMAGE_TYPE_QCOW2",
    "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_NET_ATTACH_INTERFACE",
    "COMPUTE_RESCUE_BFV",
    "COMPUTE_STORAGE_BUS_SATA",
    "COMPUTE_STORAGE_BUS_SCSI",
    "COMPUTE_STORAGE_BUS_VIRTIO",
    "COMPUTE_NET_VIF_MODEL_VIRTIO",
    "COMPUTE_VOLUME_ATTACH",
    "COMPUTE_VOLUME_EXTEND",
    "HW_CPU_X86_SSE42",
)
ABILITIES = frozenset({"pause", "suspend", "plug", "usage", "tidy", "uefi"})


def host_facts(name: str, settings: FakeSettings) -> Host:
    return Host(
        hostname=name,
        hypervisor_type="fake",
        hypervisor_version=1000000,
        accelerator="none",
        reason="simulated: no guest runs",
        vcpus=settings.vcpus,
        ram_mb=settings.ram_mb,
        disk_gb=settings.disk_gb,
        cpu_info={
            "arch": "x86_64",
            "vendor": "Pileus",
            "model": "simulated",
            "topology": {"sockets": 1, "cores": settings.vcpus, "threads": 1},
            "features": [],
        },
        traits=_TRAITS,
        abilities=ABILITIES,
        uptime=_uptime(),
    )


def usage_of(entry: Entry, now: int) -> Usage:
    """A guest that idles along: a hundredth of each of its processors, a little disk at boot."""
    up = max(0, now - entry.booted[-1]) // 1_000_000 if entry.booted else 0
    return Usage(
        id=entry.guest.id,
        uptime_s=up,
        cpu_ns=(3_000_000_000 + up * 10_000_000) * entry.guest.vcpus,
        memory_mb=min(entry.guest.ram_mb, 64 + entry.guest.ram_mb // 4),
        disks={disk.id: (48 << 20, 2100, (2 << 20) + up * 512, 160 + up // 8) for disk in entry.guest.disks},
    )


def _uptime() -> str:
    one, five, fifteen = os.getloadavg()
    return f"simulated, load average: {one:.2f}, {five:.2f}, {fifteen:.2f}"
