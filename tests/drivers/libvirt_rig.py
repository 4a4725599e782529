"""The libvirt driver under the hypervisor contract, and what of it this machine lacks."""

import asyncio
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from drivers.hypervisor_rigs import Images
from pileus.drivers.hypervisor.protocol import Disk, HypervisorError

_NEEDED = ("libvirtd", "virtlogd", "qemu-system-x86_64", "qemu-img", "ip", "prlimit")
FOREIGN = """<domain type='qemu'><name>pileus-{0}</name><memory unit='MiB'>16</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>
<metadata><p:guest xmlns:p='urn:pileus:guest:1' id='foreign' generation='1' boots='0' cloud='another'/></metadata></domain>"""


@functools.cache
def missing() -> str:
    """Why the real driver cannot run here; empty when it can. Starts libvirtd where nobody else does (no systemd)."""
    if os.geteuid() != 0:
        return "not root"
    lacking = [tool for tool in _NEEDED if shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None]
    if lacking:
        return "not installed: " + ", ".join(lacking)
    try:
        import libvirt  # noqa: F401
    except ImportError:
        return "libvirt-python is not installed"
    for daemon, at in (("virtlogd", "/run/libvirt/virtlogd-sock"), ("libvirtd", "/run/libvirt/libvirt-sock")):
        if not _answers(at):
            subprocess.run([f"/usr/sbin/{daemon}", "-d"], check=False)
    deadline = time.monotonic() + 120
    while not _answers("/run/libvirt/libvirt-sock"):
        if time.monotonic() > deadline:
            return "libvirtd does not start"
        time.sleep(0.1)
    return ""


def _answers(path: str) -> bool:
    import socket

    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
            return True
    except OSError:
        return False


class LibvirtRig:
    real = True

    def __init__(self, **settings: Any) -> None:
        from pileus.drivers.hypervisor.libvirt import LibvirtSettings

        self.images = Images()
        self.joined: list[str] = []
        self.join_fails = False
        self.state = Path(tempfile.mkdtemp(prefix="hyp-"))
        self.settings = LibvirtSettings(state=str(self.state), unplug_s=10, **settings)
        self._space = f"hyp-{uuid.uuid4().hex[:8]}"
        self._boot_id = "boot-1"
        self._foreign = f"pileus-{self._space}"
        subprocess.run(["ip", "netns", "add", self._space], check=True)
        self._make()

    def _make(self) -> None:
        from pileus.drivers.hypervisor.libvirt import LibvirtHypervisor

        self.driver: Any = LibvirtHypervisor(
            self.settings, images=self.images.read, join=self._join, boot_id=self._boot_id
        )

    async def _join(self, device: str) -> None:
        """What a network driver does: the tap goes into a namespace of its own, before the guest has said a word."""
        if self.join_fails:
            raise RuntimeError("no such port")
        await self._ip("link", "set", device, "netns", self._space)
        await self._ip("-n", self._space, "link", "set", device, "up")
        self.joined.append(device)

    @staticmethod
    async def _ip(*words: str) -> None:
        done = await asyncio.create_subprocess_exec("ip", *words)
        assert await done.wait() == 0

    def path_disk(self, disk_id: str) -> Disk:
        path = self.state / f"{disk_id}.raw"
        path.write_bytes(bytes(1 << 20))
        return Disk(id=disk_id, source="path", path=str(path))

    def process(self, guest_id: str) -> object:
        try:
            pid = int(Path(f"/run/libvirt/qemu/{self.driver._guests.name(guest_id)}.pid").read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return pid

    def leftovers(self, guest_id: str) -> list[str]:
        name = self.driver._guests.name(guest_id)
        places = [
            *(self.state / "instances").glob(f"{guest_id}/**/*"),
            *(self.state / "instances").glob(guest_id),
            *(self.state / "images").glob(f"cache/{guest_id}*"),
            *(self.state / "instances/.captures").iterdir(),
            *Path("/var/log/libvirt/qemu").glob(f"{name}*"),
            *Path("/var/lib/libvirt/qemu").glob(f"*/*{name}*"),
            *Path("/etc/libvirt/qemu").glob(f"{name}*"),
            *Path("/run/libvirt/qemu").glob(f"{name}*"),
            *self.driver._ground.run.glob(f"{name}*"),
        ]
        return [str(path) for path in places]

    async def add_foreign(self) -> None:
        import libvirt

        connection = libvirt.open("qemu:///system")
        connection.defineXML(FOREIGN.format(self._space))
        connection.close()

    async def crash(self, guest_id: str) -> None:
        os.kill(int(str(self.process(guest_id))), signal.SIGKILL)

    async def halt(self, guest_id: str) -> None:
        _, writer = await asyncio.open_unix_connection(await self.driver.console(guest_id, "serial"))
        writer.write(b"h")
        await writer.drain()
        writer.close()

    async def reopen(self) -> None:
        await self.driver.close()
        self._make()
        await self.driver.start()

    async def reboot_host(self) -> None:
        for one in await self.driver.observe():
            if one.state in ("running", "paused"):
                await self._virsh("destroy", self.driver._guests.name(one.id))
        self._boot_id = "boot-2"
        await self.reopen()

    async def _virsh(self, *words: str) -> None:
        await asyncio.to_thread(subprocess.run, ["virsh", "-q", *words], check=False, capture_output=True)

    async def close(self) -> None:
        if self.driver._closed:
            await self.reopen()
        for one in await self.driver.observe():
            try:
                await self.driver.remove(one.id)
            except HypervisorError as error:
                print("not removed:", error)
        await self.driver.close()
        await self._virsh("undefine", self._foreign)
        subprocess.run(["ip", "netns", "del", self._space], check=True)
        shutil.rmtree(self.driver._ground.run, ignore_errors=True)
        shutil.rmtree(self.state)
