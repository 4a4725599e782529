"""What this host says about itself and its guests' use of it. Blocking functions, called with an open connection."""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import libvirt

from pileus.drivers.hypervisor.libvirt.kvm import Accelerator
from pileus.drivers.hypervisor.libvirt.records import Record
from pileus.drivers.hypervisor.libvirt.xml import attribute, parsed
from pileus.drivers.hypervisor.protocol import Host, Usage

ABILITIES = frozenset(
    {"pause", "suspend", "plug", "console_vnc", "console_serial", "capture", "usage", "tidy"},
)
_TRAITS = (
    "COMPUTE_NODE",
    "COMPUTE_FIRMWARE_BIOS",
    "COMPUTE_GRAPHICS_MODEL_VGA",
    "COMPUTE_IMAGE_TYPE_AKI",
    "COMPUTE_IMAGE_TYPE_AMI",
    "COMPUTE_IMAGE_TYPE_ARI",
    "COMPUTE_IMAGE_TYPE_ISO",
    "COMPUTE_IMAGE_TYPE_QCOW2",
    "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_IMAGE_TYPE_VDI",
    "COMPUTE_IMAGE_TYPE_VHD",
    "COMPUTE_IMAGE_TYPE_VHDX",
    "COMPUTE_IMAGE_TYPE_VMDK",
    "COMPUTE_NET_ATTACH_INTERFACE",
    "COMPUTE_NET_VIF_MODEL_VIRTIO",
    "COMPUTE_NET_VIF_MODEL_E1000",
    "COMPUTE_NET_VIF_MODEL_E1000E",
    "COMPUTE_RESCUE_BFV",
    "COMPUTE_STORAGE_BUS_SATA",
    "COMPUTE_STORAGE_BUS_SCSI",
    "COMPUTE_STORAGE_BUS_USB",
    "COMPUTE_STORAGE_BUS_VIRTIO",
    "COMPUTE_VOLUME_ATTACH",
    "COMPUTE_VOLUME_EXTEND",
    "COMPUTE_VOLUME_MULTI_ATTACH",
)
_CPU_TRAITS = {
    "sse": "SSE", "sse2": "SSE2", "pni": "SSE3", "ssse3": "SSSE3", "sse4.1": "SSE41", "sse4.2": "SSE42", "sse4a": "SSE4A",
    "avx": "AVX", "avx2": "AVX2", "fma": "FMA3", "f16c": "F16C", "aes": "AESNI", "mmx": "MMX", "pclmuldq": "CLMUL",
    "pclmulqdq": "CLMUL", "bmi1": "BMI", "bmi2": "BMI2", "abm": "ABM", "sha-ni": "SHA", "avx512f": "AVX512F",
    "avx512cd": "AVX512CD", "avx512vl": "AVX512VL", "avx512bw": "AVX512BW", "avx512dq": "AVX512DQ", "vmx": "VMX", "svm": "SVM",
}  # fmt: skip
"""libvirt's feature names -> the end of placement's `HW_CPU_X86_…`."""
_TCG_FEATURES = ("sse", "sse2", "pni", "ssse3", "sse4.1", "sse4.2", "mmx")
"""Of the model that guests get under TCG."""


SLOW = (
    "libvirt took %.1f s to say what QEMU can do, and will at every start of a guest: it forgets its answer when /dev/kvm is "
    "there but closed to QEMU's user. `ls -l /dev/kvm; id libvirt-qemu`, then `chgrp kvm /dev/kvm` (docs/howto/hypervisor-libvirt.md)"
)


def capabilities(connection: Any) -> str:
    return str(connection.getCapabilities())


def host(connection: Any, hostname: str, accelerator: Accelerator, address: str, state: Path) -> Host:
    said = parsed(connection.getCapabilities())
    model, memory_mb, cpus, *_ = connection.getInfo()
    uefi = _has_uefi(connection)
    return Host(
        hostname=hostname,
        hypervisor_type="QEMU",
        hypervisor_version=connection.getVersion(),
        accelerator=accelerator.name,
        reason=accelerator.reason,
        vcpus=cpus,
        ram_mb=memory_mb,
        disk_gb=shutil.disk_usage(state).total >> 30,
        address=address,
        cpu_info=_cpu_info(said, model),
        traits=_traits(_features(said), accelerator, uefi),
        abilities=ABILITIES | ({"uefi"} if uefi else set()),
        uptime=_uptime(),
    )


def usages(connection: Any, records: Mapping[str, Record]) -> list[Usage]:
    """`records` by the domain's name."""
    asked = (
        libvirt.VIR_DOMAIN_STATS_STATE
        | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
        | libvirt.VIR_DOMAIN_STATS_BALLOON
        | libvirt.VIR_DOMAIN_STATS_BLOCK
    )
    running = connection.getAllDomainStats(asked, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE)
    now = time.time_ns() // 1000
    return [_usage(records[dom.name()], stats, now) for dom, stats in running if dom.name() in records]


def _usage(record: Record, stats: Mapping[str, Any], now: int) -> Usage:
    ids = {target: disk_id for disk_id, target in record.targets.items()}
    counted = {}
    for n in range(int(stats.get("block.count", 0))):
        disk_id = ids.get(stats.get(f"block.{n}.name", ""))
        if disk_id is not None:
            names = ("rd.bytes", "rd.reqs", "wr.bytes", "wr.reqs")
            read, reads, written, writes = (int(stats.get(f"block.{n}.{name}", 0)) for name in names)
            counted[disk_id] = (read, reads, written, writes)
    return Usage(
        id=record.guest.id,
        uptime_s=max(0, now - record.started_at) // 1_000_000,
        cpu_ns=int(stats.get("cpu.time", 0)),
        memory_mb=int(stats.get("balloon.rss", 0)) >> 10,
        disks=counted,
    )


def _cpu_info(said: Element, model: str) -> dict[str, object]:
    cpu = said.find("host/cpu")
    if cpu is None:
        return {"arch": model, "model": "", "vendor": "", "topology": {}, "features": []}
    counts = ("sockets", "dies", "cores", "threads")
    return {
        "arch": cpu.findtext("arch", model),
        "model": cpu.findtext("model", ""),
        "vendor": cpu.findtext("vendor", ""),
        "topology": {"cells": len(said.findall("host/topology/cells/cell")) or 1}
        | {name: int(attribute(cpu, "topology", name) or 1) for name in counts},
        "features": _features(said),
    }


def _features(said: Element) -> list[str]:
    """Those that the host's processor has beyond its model's."""
    return sorted(feature.get("name", "") for feature in said.findall("host/cpu/feature"))


def _traits(features: list[str], accelerator: Accelerator, uefi: bool) -> tuple[str, ...]:
    names = {*_TCG_FEATURES, *(features if accelerator.name == "kvm" else ())}
    traits = {f"HW_CPU_X86_{end}" for name, end in _CPU_TRAITS.items() if name in names}
    return tuple(sorted({*_TRAITS, *traits, *(["COMPUTE_FIRMWARE_UEFI"] if uefi else [])}))


def _has_uefi(connection: Any) -> bool:
    try:
        said = parsed(connection.getDomainCapabilities(None, "x86_64", "q35", "qemu"))
    except libvirt.libvirtError:
        return False
    return any(value.text == "efi" for value in said.findall("os/enum[@name='firmware']/value"))


def _uptime() -> str:
    """In the words of `uptime`, as compute's API shows it."""
    try:
        up = int(float(Path("/proc/uptime").read_text().split()[0]))
    except (OSError, ValueError, IndexError):
        up = 0
    days, rest = divmod(up, 86400)
    hours, minutes = rest // 3600, rest % 3600 // 60
    age = f"{days} days, {hours:2}:{minutes:02}" if days else f"{hours}:{minutes:02}"
    one, five, fifteen = os.getloadavg()
    clock = time.strftime("%H:%M:%S")
    return f" {clock} up {age},  0 users,  load average: {one:.2f}, {five:.2f}, {fifteen:.2f}"
