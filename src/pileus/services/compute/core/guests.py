"""From a server's row to the guest that a hypervisor is to make."""

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.contracts.network import PortInfo
from pileus.drivers.hypervisor.protocol import Disk, Guest, ImageRef, Nic
from pileus.kernel.types import whole_number
from pileus.services.compute.core.neighbours import ComputeSettings
from pileus.services.compute.db.servers import ServerRow


def image_ref(image: Mapping[str, Any]) -> ImageRef:
    """The image as its hypervisor fetches it, from what the row kept of it."""
    return ImageRef(
        id=image["id"],
        format=image.get("disk_format") or "raw",
        size=image.get("size") or 0,
        hash_algo=image.get("hash_algo") or "sha512",
        hash_value=image.get("hash_value") or "",
        min_disk_gb=image.get("min_disk") or 0,
    )


def images_of(row: ServerRow) -> list[ImageRef]:
    """All images that the host must have before the guest can start."""
    image = row.image or {}
    parts = [image, image.get("kernel"), image.get("ramdisk")]
    return [image_ref(part) for part in parts if part and part.get("id")]


def guest(
    row: ServerRow,
    ports: Sequence[PortInfo],
    devices: Mapping[str, str],
    files: Mapping[str, bytes],
    settings: ComputeSettings,
) -> Guest:
    """What should be. `devices`: port id -> device name; `files`: the config drive's content when there is one."""
    image = row.image or {}
    properties: Mapping[str, str] = image.get("properties", {})
    return Guest(
        id=row.id,
        generation=row.generation,
        name=row.name,
        project_id=row.project_id,
        vcpus=row.vcpus,
        ram_mb=row.ram_mb,
        power=row.wanted_power,  # type: ignore[arg-type]
        boots=row.boots,
        reboot=row.reboot,  # type: ignore[arg-type]
        stop_timeout=_timeout(properties, settings),
        disks=_disks(row, properties, files),
        nics=tuple(_nic(port, devices, properties) for port in ports),
        kernel=image_ref(image["kernel"]) if image.get("kernel") else None,
        ramdisk=image_ref(image["ramdisk"]) if image.get("ramdisk") else None,
        cmdline=properties.get("os_command_line", "") if image.get("kernel") else "",
        firmware="uefi" if properties.get("hw_firmware_type") == "uefi" else "bios",
        machine=properties.get("hw_machine_type", ""),
        metadata={"flavor": str(row.flavor.get("name", ""))},
    )


def _timeout(properties: Mapping[str, str], settings: ComputeSettings) -> int:
    asked = whole_number(properties.get("os_shutdown_timeout", ""))
    return settings.stop_timeout if asked is None else min(asked, 600)


def _disks(row: ServerRow, properties: Mapping[str, str], files: Mapping[str, bytes]) -> tuple[Disk, ...]:
    bus = properties.get("hw_disk_bus", "virtio")
    flavor = row.flavor
    disks: list[Disk] = []
    if row.image is not None:
        disks.append(
            Disk(id=f"{row.id}_disk", source="image", size_gb=flavor["disk"], image=image_ref(row.image), bus=bus)  # type: ignore[arg-type]
        )
    if flavor.get("ephemeral"):
        disks.append(Disk(id=f"{row.id}_eph0", source="blank", size_gb=flavor["ephemeral"], bus=bus))  # type: ignore[arg-type]
    if flavor.get("swap"):
        disks.append(Disk(id=f"{row.id}_swap", source="blank", size_mb=flavor["swap"], bus=bus))  # type: ignore[arg-type]
    if row.config_drive:
        disks.append(Disk(id=f"{row.id}_config", source="files", files=dict(files), readonly=True))
    return tuple(disks)


def _nic(port: PortInfo, devices: Mapping[str, str], properties: Mapping[str, str]) -> Nic:
    model = properties.get("hw_vif_model", "virtio")
    return Nic(id=port.id, mac=port.mac, device=devices.get(port.id, ""), mtu=port.mtu, model=model)
