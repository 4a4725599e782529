"""A copy of one disk as it is at one moment, self-contained."""

import subprocess
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import libvirt

from pileus.drivers.hypervisor.libvirt import domains
from pileus.drivers.hypervisor.libvirt.connection import Connection
from pileus.drivers.hypervisor.libvirt.disks import disk_format, disk_path
from pileus.drivers.hypervisor.libvirt.records import Record
from pileus.drivers.hypervisor.libvirt.threads import Threads
from pileus.drivers.hypervisor.libvirt.xml import e, text_of
from pileus.drivers.hypervisor.protocol import HypervisorError

_CHUNK = 1 << 20
_POLL_S = 0.1


async def make(connection: Connection, name: str, record: Record, disk_id: str, folder: Path, captures: Path) -> Path:
    """A qcow2 file in `captures`. Of a running guest QEMU copies while the guest writes on: the copy is of the moment when it
    began. The caller holds the guest's lock and removes the file."""
    disk = next((one for one in record.guest.disks if one.id == disk_id), None)
    if disk is None:
        raise HypervisorError(f"guest {record.guest.id} has no disk {disk_id!r}")
    made = captures / f"{uuid.uuid4()}.qcow2"
    try:
        if (await connection.run(domains.look, name)).active:
            targets = list(record.targets.values())
            await connection.run(_begin, name, record.targets[disk_id], targets, made)
            await connection.run(_wait, name)
        else:
            await connection.run(_convert, disk_path(folder, disk), disk_format(disk), made)
    except BaseException:
        await connection.run(_abandon, name, made)
        raise
    return made


async def stream(path: Path, threads: Threads) -> AsyncIterator[bytes]:
    """The file's bytes; it is gone from its folder at once, and from the disk when the last byte is read."""
    file = await threads.run(path.open, "rb")
    try:
        await threads.run(path.unlink)
        while chunk := await threads.run(file.read, _CHUNK):
            yield chunk
    finally:
        file.close()


def _begin(connection: Any, name: str, target: str, targets: list[str], made: Path) -> None:
    """Every disk is named, and all but one are said `no`: libvirt would copy them too."""
    disks = [
        e("disk", e("target", file=made), e("driver", type_="qcow2"), name=one, type_="file", backup="yes")
        if one == target
        else e("disk", name=one, backup="no")
        for one in targets
    ]
    connection.lookupByName(name).backupBegin(text_of(e("domainbackup", e("disks", *disks), mode="push")), None, 0)


def _wait(connection: Any, name: str) -> None:
    """Until the copy is whole. Holds a thread of the pool; a cancelled caller waits for it too."""
    domain = connection.lookupByName(name)
    while domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
        time.sleep(_POLL_S)
    ended = domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
    if not ended.get("success", True):
        raise HypervisorError(f"the disk could not be copied: {ended.get('errmsg', 'the guest stopped meanwhile')}")


def _convert(_connection: Any, source: Path, format: str, made: Path) -> None:
    done = subprocess.run(  # noqa: S603 - a list, no shell; the names are ours
        ["qemu-img", "convert", "-f", format, "-O", "qcow2", str(source), str(made)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise HypervisorError(done.stderr.strip()[-500:])


def _abandon(connection: Any, name: str, made: Path) -> None:
    """Give up a copy that may be under way."""
    domain = domains.find(connection, name)
    if domain is not None and domain.isActive() and domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE:
        domain.abortJob()
        time.sleep(_POLL_S)
    made.unlink(missing_ok=True)
