"""libvirt's daemons are started where nobody else starts them, and only ours are stopped."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("libvirtd") is None, reason="libvirt is not installed"),
    pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd looks after libvirt here"),
]

INSIDE = """
from pathlib import Path
from pileus.cli import libvirtd
from pileus.cli.state import State
state = State(Path("/run/state")); state.create()
assert not libvirtd.answers()
assert libvirtd.stop_started(state) == []
assert libvirtd.start_missing(state) == ["virtlogd", "libvirtd"]
assert libvirtd.answers()
assert libvirtd.start_missing(state) == []
stopped = libvirtd.stop_started(state)
assert [name.split()[0] for name in stopped] == ["libvirtd", "virtlogd"], stopped
assert not libvirtd.answers()
# where /dev/kvm has a foreign group, libvirtd sees one that QEMU may open
if libvirtd.KVM.exists():
    import grp, os, subprocess
    os.mknod("/run/foreign", 0o20660, libvirtd.KVM.stat().st_rdev)
    os.chown("/run/foreign", 0, 12345)
    subprocess.run(["mount", "--bind", "/run/foreign", "/dev/kvm"], check=True)
    assert libvirtd.kvm_misses_its_group()
    libvirtd.start_missing(state)
    import json
    pid = json.loads((state.run / "libvirt.json").read_text())["libvirtd"][0]
    seen = os.stat(f"/proc/{pid}/root/dev/kvm")
    assert (seen.st_gid, seen.st_mode & 0o777) == (grp.getgrnam("kvm").gr_gid, 0o660)
    assert libvirtd.KVM.stat().st_gid == 12345
    assert len(libvirtd.stop_started(state)) == 2
# a number that now belongs to another process is left alone
import json, os
(state.run / "libvirt.json").write_text(json.dumps({"libvirtd": [os.getpid(), 1]}))
assert libvirtd.stop_started(state) == []
print("well")
"""


def test_daemons_are_started_and_stopped_again():
    """In a machine of its own: processes, /run, /var/lib/libvirt and network are nobody else's."""
    script = textwrap.dedent(
        """
        mount -t tmpfs none /run && mkdir -p /run/state
        for place in /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do mount -t tmpfs none $place; done
        ip link set lo up
        exec "$0" -c "$1"
        """
    )
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--net",
            "--uts",
            "bash",
            "-euc",
            script,
            sys.executable,
            INSIDE,
        ],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == "well"
