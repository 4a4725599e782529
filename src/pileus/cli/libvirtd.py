"""libvirt's daemons, on machines where no init system starts them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from grp import getgrnam
from pathlib import Path

from pileus.cli.output import Failure
from pileus.cli.state import State, write_private

SOCKET = Path("/run/libvirt/libvirt-sock")
KVM = Path("/dev/kvm")
DAEMONS = ("virtlogd", "libvirtd")
"""In the order of their start."""


def installed() -> bool:
    return shutil.which("libvirtd") is not None


def answers() -> bool:
    """True when something accepts connections where libvirtd should."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            probe.connect(str(SOCKET))
        return True
    except OSError:
        return False


def start_missing(state: State) -> list[str]:
    """Starts the daemons when nothing answers and there is no systemd. Returns the names of those started.

    They are written down in `run/libvirt.json`, for `stop_started`. Raises `Failure` when they do not come up.
    """
    if answers():
        return []
    if Path("/run/systemd/system").exists():
        raise Failure("libvirtd does not answer", "systemctl start libvirtd")
    started: dict[str, list[int]] = _started(state)
    begun = []
    for name in DAEMONS:
        if _alive(name):
            continue
        program = shutil.which(name)
        if program is None:
            raise Failure(f"{name} is not installed", "apt-get install libvirt-daemon-system")
        child = subprocess.Popen(
            _command(program, state), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, cwd="/",
        )  # fmt: skip
        started[name] = [child.pid, _birth(child.pid)]
        write_private(state.run / "libvirt.json", json.dumps(started))
        begun.append(name)
    end = time.monotonic() + 60
    while not answers():
        if time.monotonic() > end:
            raise Failure(
                "libvirtd was started but does not answer within a minute", "run libvirtd --verbose to see why"
            )
        time.sleep(0.05)
    return begun


def _command(program: str, state: State) -> list[str]:
    """How a daemon is started: as it is, or with a `/dev/kvm` that Debian's QEMU user may open.

    In containers the device often has the group number of the machine outside. Then libvirt's two ways of asking for KVM
    disagree, and it examines QEMU anew for every machine: twenty seconds instead of one.
    """
    node = _own_kvm(state)
    if node is None:
        return [program]
    return [*_BESIDE, 'mount --bind "$1" /dev/kvm && exec "$2"', "sh", str(node), program]


_BESIDE = ("unshare", "--mount", "--propagation", "slave", "sh", "-c")
"""Runs a script among mounts of its own, which nobody else sees."""


def kvm_misses_its_group() -> bool:
    """True when `/dev/kvm` is closed to the group `kvm`, as whose member QEMU runs."""
    try:
        device = KVM.stat()
        return stat.S_ISCHR(device.st_mode) and not device.st_mode & 0o006 and device.st_gid != getgrnam("kvm").gr_gid
    except (OSError, KeyError):
        return False


def _own_kvm(state: State) -> Path | None:
    """A device node of our own, where `/dev/kvm` is closed to QEMU; None where that is not needed, or not allowed."""
    if not kvm_misses_its_group():
        return None
    node = state.run / "kvm"
    try:
        node.unlink(missing_ok=True)
        os.mknod(node, stat.S_IFCHR | 0o660, KVM.stat().st_rdev)
        os.chown(node, 0, getgrnam("kvm").gr_gid)
        node.chmod(0o660)
        os.close(os.open(node, os.O_RDWR))
        trial = [*_BESIDE, 'mount --bind "$1" /dev/kvm', "sh", str(node)]
        allowed = subprocess.run(trial, check=False, capture_output=True, timeout=10).returncode == 0
    except (OSError, KeyError, subprocess.TimeoutExpired):
        return None
    return node if allowed else None


def stop_started(state: State) -> list[str]:
    """Stops the daemons that `start_missing` started, and no others. Returns what it stopped."""
    stopped = []
    for name, (pid, birth) in reversed(_started(state).items()):
        if _birth(pid) != birth:
            continue
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 10
        while _birth(pid) == birth and time.monotonic() < end:
            _reap(pid)
            time.sleep(0.05)
        if _birth(pid) == birth:
            os.kill(pid, signal.SIGKILL)
        stopped.append(f"{name} (pid {pid})")
    (state.run / "libvirt.json").unlink(missing_ok=True)
    return stopped


def _started(state: State) -> dict[str, list[int]]:
    try:
        return dict(json.loads((state.run / "libvirt.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _alive(name: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text(encoding="utf-8").strip() == name and _birth(int(path.parent.name)):
                return True
        except OSError:
            continue
    return False


def _birth(pid: int) -> int:
    """When the process started, in clock ticks since boot: tells it from a later one of the same number. 0: gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in {"Z", "X"} else int(fields[19])


def _reap(pid: int) -> None:
    """Our own child must be waited for, or it stays as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except OSError:
        return
