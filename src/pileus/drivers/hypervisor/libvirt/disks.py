"""Guests' disks as files: `instances/<guest>/disk-<id>.qcow2` over a cached image or blank, `…iso` for given files."""

import subprocess
from pathlib import Path

from pileus.drivers.hypervisor.libvirt.images import Base, virtual_size_of
from pileus.drivers.hypervisor.libvirt.iso import iso9660
from pileus.drivers.hypervisor.protocol import Disk, Guest, HypervisorError

_GIB = 1 << 30


def disk_path(folder: Path, disk: Disk) -> Path:
    """Where a disk's data are. `folder`: the guest's."""
    if disk.source == "path":
        return Path(disk.path)
    return folder / f"disk-{disk.id}.{'iso' if disk.source == 'files' else 'qcow2'}"


def disk_format(disk: Disk) -> str:
    if disk.source == "path":
        return disk.format
    return "raw" if disk.source == "files" else "qcow2"


def make_disks(folder: Path, guest: Guest, bases: dict[str, Base], *, cold: bool) -> list[Path]:
    """Blocking. Make those that are not there; answers what was made. Data that are there stay as they are, but given files
    are written anew when the guest is `cold`."""
    made: list[Path] = []
    try:
        for disk in guest.disks:
            path = disk_path(folder, disk)
            if disk.source == "path":
                if not path.exists():
                    raise HypervisorError(f"disk {disk.id}: there is no {path}")
            elif disk.source == "files":
                if cold or not path.exists():
                    _write(path, iso9660(disk.files))
            elif not path.exists():
                made.append(path)
                _make(path, disk, bases)
    except BaseException:
        remove_files(made)
        raise
    return made


def remove_files(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def drop_others(folder: Path, guest: Guest) -> None:
    """Blocking. Remove the data of disks that the spec no longer names."""
    kept = {disk_path(folder, disk).name for disk in guest.disks}
    for path in folder.glob("disk-*"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def grow_offline(folder: Path, guest: Guest) -> None:
    """Blocking; while the guest is off. Disks only ever grow."""
    for disk in guest.disks:
        path = disk_path(folder, disk)
        if disk.source in ("image", "blank") and virtual_size_of(path, "qcow2") < disk.size:
            _qemu_img("resize", "-q", "-f", "qcow2", str(path), str(disk.size))


def _make(path: Path, disk: Disk, bases: dict[str, Base]) -> None:
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    if disk.source == "blank":
        if disk.size <= 0:
            raise HypervisorError(f"disk {disk.id}: a blank disk needs a size")
        _qemu_img("create", "-q", "-f", "qcow2", str(part), str(disk.size))
    else:
        if disk.image is None:
            raise HypervisorError(f"disk {disk.id}: an image disk needs an image")
        base = bases[disk.image.id]
        size = disk.size or base.virtual_size
        if base.virtual_size > size:
            needed = -(-base.virtual_size // _GIB)
            raise HypervisorError(
                f"image {disk.image.id} needs a disk of {needed} GB, disk {disk.id} has {disk.size / _GIB:g}"
            )
        _qemu_img("create", "-q", "-f", "qcow2", "-F", base.format, "-b", str(base.path), str(part), str(size))
    part.chmod(0o600)
    part.replace(path)


def _write(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.chmod(0o600)
    part.replace(path)


def _qemu_img(*words: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell; the names are ours
            ["qemu-img", *words],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    except OSError as error:
        raise HypervisorError(f"qemu-img could not be run: {error}") from error
    if done.returncode:
        raise HypervisorError(done.stderr.strip()[-500:] or f"qemu-img {words[0]} failed")
