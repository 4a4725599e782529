"""The newcomer's walk with a real machine: booted, logged in to, and nothing left behind."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from cloud_runs import CloudRun, until
from pileus.cli import libvirtd

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("libvirtd") is None, reason="libvirt is not installed"),
]


@pytest.fixture
def run():
    # not in pytest's folder, which is closed: QEMU runs as another user and must pass through to its disks
    with tempfile.TemporaryDirectory(prefix="pileus-quickstart-") as folder:
        Path(folder).chmod(0o711)
        environ = {"PILEUS_NODE_CLOUD": "quicktest", "PILEUS_NODE_EXTERNAL": "172.29.4.1/24"}
        found = CloudRun(Path(folder) / "state", **environ)
        yield found
        found("down", "--purge", code=None)


def standing() -> dict[str, set[str]]:
    """What a cloud could leave on this machine."""

    def lines(*command: str) -> set[str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return {line.strip() for line in done.stdout.splitlines() if line.strip()}

    commands = [Path(p).read_bytes().replace(b"\0", b" ").decode(errors="replace") for p in _cmdlines()]
    return {
        "links": {re.sub(r"@.*", "", line.split(": ")[1]) for line in lines("ip", "-o", "link")},
        "namespaces": {line.split()[0] for line in lines("ip", "netns", "list")},
        "tables": lines("nft", "list", "tables"),
        "domains": lines("virsh", "-q", "list", "--all", "--name"),
        "processes": {c for c in commands if "quicktest" in c and ("qemu" in c or "dnsmasq" in c)},
    }


def left_since(before: dict[str, set[str]]) -> dict[str, set[str]]:
    return {kind: there - before[kind] for kind, there in standing().items() if there - before[kind]}


def _cmdlines():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            path.read_bytes()
        except OSError:
            continue
        yield path


def test_from_nothing_to_a_login_and_back(run):
    started = not libvirtd.answers()
    before = standing()
    first = run.json("quickstart", "--outside", "172.29.4.0/24")
    assert first["real"]
    login = next(s for s in first["steps"] if s["step"].startswith("log in"))
    assert "user-data ran in quickstart" in login["result"]
    pid = run.pid()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not run.json("status", code=None)["running"])
    again = run.json("quickstart", "--outside", "172.29.4.0/24")
    assert again["server"] == first["server"], "the guest was not disturbed"
    for told in again["steps"][1:-2]:
        assert re.match(r"is there|runs", told["result"]), told
    run("down", "--purge")
    assert not run.state.exists()
    if started:
        assert not libvirtd.answers(), "those daemons that the quickstart started are gone"
    else:
        with contextlib.suppress(AssertionError):
            until(lambda: left_since(before) == {})  # the cards of a namespace end a little after it
        assert left_since(before) == {}
    assert not Path("/run/pileus-quicktest").exists()
