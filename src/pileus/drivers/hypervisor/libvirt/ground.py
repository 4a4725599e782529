"""The directories that this driver stands on, and whether QEMU can reach them."""

import contextlib
import hashlib
import os
import stat
import uuid
from pathlib import Path
from typing import Any

from pileus.drivers.hypervisor.libvirt.settings import LibvirtSettings
from pileus.drivers.hypervisor.libvirt.xml import parsed
from pileus.drivers.hypervisor.protocol import HypervisorError

_SOCKET_PATH_LIMIT = 107


class Ground:
    """Paths below the state directory. `prepare` blocks and is called at every start."""

    def __init__(self, settings: LibvirtSettings) -> None:
        self.state = Path(settings.state).absolute()
        self.instances = self.state / "instances"
        self.images = self.state / "images" / "cache"
        self.captures = self.instances / ".captures"
        self.kvm_answer = self.instances / ".kvm"
        short = hashlib.sha256(str(self.state).encode()).hexdigest()[:8]
        self.run = Path(settings.run_dir or f"/run/pileus/{short}")

    def prepare(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        for folder in (self.instances, self.images.parent, self.images, self.captures, self.run):
            folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        for folder in (self.state, self.instances, self.images.parent, self.images, self.captures, self.run):
            _let_through(folder)
        for torn in self.captures.iterdir():
            torn.unlink(missing_ok=True)

    def leave(self) -> None:
        """Guests that run have their sockets in `run`: then it stays."""
        with contextlib.suppress(OSError):
            self.run.rmdir()

    def cloud(self, name: str) -> str:
        """This cloud on this host, and no other: its name and what was made up once for this state directory."""
        kept = self.instances / ".cloud"
        if not kept.exists():
            fresh = kept.with_suffix(".new")
            fresh.write_text(str(uuid.uuid4()))
            fresh.replace(kept)
        return f"{name or 'pileus'}-{kept.read_text().strip()}"

    def serial_socket(self, domain: str) -> Path:
        path = self.run / f"{domain}.serial"
        if len(str(path)) > _SOCKET_PATH_LIMIT:
            raise HypervisorError(f"{path} is too long for a socket: set run_dir to something shorter")
        return path

    def require_reachable(self, capabilities: str, qemu_user: str) -> None:
        """QEMU seldom runs as root: say at once, and with the cure, when a directory above keeps it out."""
        if qemu_user or _qemu_is_root(capabilities):
            return
        for folder in self.instances.parents:
            if not folder.stat().st_mode & stat.S_IXOTH:
                raise HypervisorError(
                    f"QEMU may not enter {folder}, so it cannot open the disks in {self.instances}. Choose another state "
                    f'directory (--state), or `chmod o+x {folder}`, or set qemu_user = "root:root" in [node].'
                )


def _let_through(folder: Path) -> None:
    """Others may pass, not look: QEMU has to open files further down by name."""
    mode = folder.stat().st_mode
    if not mode & stat.S_IXOTH and folder.stat().st_uid == os.geteuid():
        folder.chmod(stat.S_IMODE(mode) | stat.S_IXGRP | stat.S_IXOTH)


def _qemu_is_root(capabilities: str) -> bool:
    labels: Any = parsed(capabilities).findall("host/secmodel[model='dac']/baselabel")
    return any((label.text or "").startswith("+0:") for label in labels) or not labels
