"""A real guest, from the host: what its security group lets through, the cloud killed beside it, off and on again.

One guest for all of it, in this order; `down --purge` at the end leaves nothing.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import openstack
import pytest

import invariants
from cloud_runs import CloudRun, until

CLOUD, OUTSIDE = "prooflife", "172.29.5"
BOOT = "cat /proc/sys/kernel/random/boot_id"
"""Tells one boot of the guest from another."""
pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("libvirtd") is None, reason="libvirt is not installed"),
]


class Life:
    """The cloud, its guest, and two ways to it: the APIs and ssh."""

    def __init__(self, state: Path) -> None:
        self.run = CloudRun(state, PILEUS_NODE_CLOUD=CLOUD, PILEUS_NODE_EXTERNAL=f"{OUTSIDE}.1/24")
        self.told: dict = {}

    def begin(self) -> None:
        self.told = self.run.json("quickstart", "--outside", f"{OUTSIDE}.0/24")
        assert self.told["real"], self.told
        self.address, self.server = self.told["address"], self.told["server"]

    @property
    def cloud(self):
        config = openstack.config.OpenStackConfig(
            config_files=[str(self.run.state / "clouds.yaml")], load_envvars=False
        )
        return openstack.connection.Connection(config=config.get_one("pileus"))

    def ssh(self, words: str, timeout: float = 300) -> str:
        done = subprocess.run(
            [self.told["login"], words], capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def answers(self, port: int) -> bool:
        try:
            socket.create_connection((self.address, port), 2).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        os.kill(self.run.pid(), 9)
        until(lambda: not self.run.json("status", code=None)["running"])

    def kill_and_start(self) -> None:
        self.kill()
        self.run("up", "--detach")

    def rule(self, port: int):
        """Opens a port of the guest; returns the rule."""
        network = self.cloud.network
        group = network.find_security_group("quickstart")
        return network.create_security_group_rule(
            security_group_id=group.id, direction="ingress", protocol="tcp", port_range_min=port, port_range_max=port
        )


@pytest.fixture(scope="module")
def life():
    place = Path(tempfile.mkdtemp(prefix="pileus-life-"))  # pytest closes its own folders to others, QEMU is another
    place.chmod(0o711)
    found = Life(place / "state")
    try:
        found.begin()
        yield found
    finally:
        found.run("down", "--purge", code=None)
        shutil.rmtree(place, ignore_errors=True)


class Session:
    """An ssh login that tells the guest's uptime ten times a second."""

    def __init__(self, life: Life) -> None:
        self.process = subprocess.Popen(
            [life.told["login"], "while :; do cat /proc/uptime; sleep 0.1; done"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.ticks: list[float] = []
        threading.Thread(target=self._read, daemon=True).start()
        until(lambda: self.ticks, 300)

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.ticks.append(float(line.split()[0]))

    def goes_on(self, seconds: float = 300) -> bool:
        before, end = len(self.ticks), time.monotonic() + seconds
        while len(self.ticks) < before + 5 and time.monotonic() < end:
            time.sleep(0.05)
        return len(self.ticks) >= before + 5

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def test_a_port_is_closed_opened_and_cut(life):
    life.ssh("busybox httpd -p 8080 -h /etc || httpd -p 8080 -h /etc")
    assert "8080" in life.ssh("netstat -ltn 2>/dev/null || cat /proc/net/tcp | sed s/1F90/8080/")
    assert not life.answers(8080), "no rule lets it in"
    rule = life.rule(8080)
    until(lambda: life.answers(8080))
    held = socket.create_connection((life.address, 8080), 60)
    life.cloud.network.delete_security_group_rule(rule)
    until(lambda: not life.answers(8080))
    assert not _talks(held), "the connection that stood is cut as well"
    held.close()
    until(lambda: life.answers(22), 60)  # the others go on


def _talks(held: socket.socket) -> bool:
    held.settimeout(3)
    try:
        held.sendall(b"GET /hostname HTTP/1.0\r\n\r\n")
        return held.recv(100) != b""
    except OSError:
        return False


def test_killed_beside_a_running_guest(life):
    """The guest and a login to it feel nothing of kill -9, of the time without a cloud, and of the new one."""
    session = Session(life)
    for _ in range(2):
        life.kill()
        assert session.goes_on(), "without a cloud"
        life.run("up", "--detach")
        assert session.goes_on()
    time.sleep(3)  # what reconciles at start has been there
    assert session.goes_on()
    ups = list(session.ticks)
    session.end()
    assert ups == sorted(ups)
    assert life.cloud.compute.get_server(life.server).status == "ACTIVE"
    assert invariants.settled(life.run.state) == []


def test_killed_while_it_is_stopped(life):
    """The cloud dies just after it promised: the new one does it."""
    before = life.ssh(BOOT)
    life.cloud.compute.stop_server(life.server)
    life.kill_and_start()
    server = life.cloud.compute.wait_for_server(life.cloud.compute.get_server(life.server), "SHUTOFF", wait=300)
    assert server.status == "SHUTOFF"
    assert not life.answers(22)
    life.cloud.compute.start_server(life.server)
    life.kill_and_start()
    life.cloud.compute.wait_for_server(server, "ACTIVE", wait=300)
    until(lambda: life.answers(22), 300)
    assert life.ssh(BOOT) != before
    assert "user-data ran" in life.ssh("cat /var/lib/quickstart"), "the disk is the same"


@pytest.mark.parametrize("kind", ["SOFT", "HARD"])
def test_reboot(life, kind):
    before = life.ssh(BOOT)
    life.cloud.compute.reboot_server(life.server, kind)

    def anew() -> bool:
        try:
            return life.ssh(BOOT, 60) != before
        except (AssertionError, subprocess.TimeoutExpired):
            return False

    until(anew, 600)
    life.cloud.compute.wait_for_server(life.cloud.compute.get_server(life.server), "ACTIVE", wait=300)
    assert invariants.settled(life.run.state) == []


def test_purge_leaves_nothing(life):
    """Told by this cloud's own marks, so that others on this machine do not matter."""
    ports = list(life.cloud.network.ports())
    networks = list(life.cloud.network.networks())
    routers = list(life.cloud.network.routers())
    ids = [thing.id for thing in (*ports, *networks, *routers)] + [life.server]
    life.run("down", "--purge")
    assert not life.run.state.exists()
    ours = re.compile(
        "|".join([CLOUD, OUTSIDE.replace(".", r"\."), *(i[:11] for i in ids), *(i[:12].replace("-", "") for i in ids)])
    )
    commands = (
        ("ip", "-o", "link"), ("ip", "-o", "addr"), ("ip", "route"), ("ip", "netns", "list"), ("nft", "list", "tables"),
        ("virsh", "-q", "list", "--all"), ("ps", "-eo", "args"),
    )  # fmt: skip

    def left() -> list[str]:
        found = []
        for command in commands:
            told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            found += [f"{' '.join(command)}: {line.strip()}" for line in told.splitlines() if ours.search(line)]
        return [line for line in found if "pytest" not in line]

    with contextlib.suppress(AssertionError):
        until(lambda: not left())  # the cards of a namespace end a little after it
    assert not left(), "\n".join(left())
    assert not list(Path("/run").glob(f"*{CLOUD}*"))
