"""The machine: what it would need for real virtual machines, and what was left on it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from pileus.cli import libvirtd
from pileus.cli.checks.findings import Finding, Patient, ok, problem, warning

PROGRAMS = {
    "ip": "iproute2",
    "nft": "nftables",
    "dnsmasq": "dnsmasq-base",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "libvirtd": "libvirt-daemon-system",
}
"""Program to Debian package."""
FEATURES = {
    "bridge": "ip link add pxb type bridge",
    "veth": "ip link add pxv0 type veth peer name pxv1",
    "vxlan": "ip link add pxx type vxlan id 7 dstport 4789 local 127.0.0.1",
    "tap": "ip tuntap add pxt mode tap",
    "nftables": "nft add table inet px",
    "nftables bridge": "nft add table bridge px",
}
"""Kernel feature to a command that needs it, tried in a network namespace that ends with it."""


def simulated(patient: Patient) -> bool:
    return any("fake" in str(d) or "simulat" in str(d) for d in patient.facts.get("drivers", {}).values())


def drivers(patient: Patient) -> list[Finding]:
    """What the running process chose, in its own words (accelerator and why)."""
    return [ok(family, str(chosen)) for family, chosen in patient.facts.get("drivers", {}).items()]


def virtualization(patient: Patient) -> list[Finding]:
    if simulated(patient):
        return [ok("libvirt", "not used: hypervisors are simulated")]
    found = []
    if not libvirtd.installed():
        advice = "make setup as root (apt-get install libvirt-daemon-system qemu-system-x86), or pileus up --simulate N"
        found.append(warning("libvirt", "not installed: only simulated machines are possible", advice))
    elif not libvirtd.answers():
        start = "systemctl start libvirtd" if Path("/run/systemd/system").exists() else "virtlogd -d; libvirtd -d"
        found.append(problem("libvirt", f"nothing answers at {libvirtd.SOCKET}", start))
    else:
        found.append(ok("libvirt", "answers"))
    kvm = Path("/dev/kvm")
    if not kvm.exists():
        advice = "switch on VMX/SVM in the firmware (or nested virtualisation), load kvm_intel or kvm_amd"
        found.append(warning("kvm", "there is no /dev/kvm: machines run under TCG, about ten times slower", advice))
    elif not os.access(kvm, os.R_OK | os.W_OK):
        found.append(warning("kvm", "/dev/kvm is closed to this user", "join the group kvm, or run as root"))
    elif libvirtd.kvm_misses_its_group():
        said = (
            "/dev/kvm does not belong to the group kvm: libvirt asks QEMU anew for every machine, which takes seconds"
        )
        found.append(warning("kvm", said, "chgrp kvm /dev/kvm, and restart libvirtd"))
    elif Path("/sys/module/kvm_pvm").exists() and not _any_module("kvm_intel", "kvm_amd"):
        found.append(
            warning("kvm", "/dev/kvm is software (kvm_pvm) and runs no real guest: TCG is used", "nothing to do here")
        )
    else:
        found.append(ok("kvm", "/dev/kvm is there; the process tries it at start and says above what it uses"))
    return found


def _any_module(*names: str) -> bool:
    return any(Path("/sys/module", name).exists() for name in names)


def programs(patient: Patient) -> list[Finding]:
    if simulated(patient):
        return []
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = {package: name for name, package in PROGRAMS.items() if shutil.which(name, path=path) is None}
    if not missing:
        return [ok("programs", "all there")]
    return [warning("programs", f"missing: {', '.join(missing.values())}", f"apt-get install {' '.join(missing)}")]


def kernel(patient: Patient) -> list[Finding]:
    if simulated(patient):
        return []
    if os.geteuid() != 0:
        return [warning("kernel", "not looked at: that needs root", "run pileus doctor as root")]
    missing = [name for name, command in FEATURES.items() if not _works(command)]
    findings = []
    if missing:
        advice = "load the modules (bridge, veth, vxlan, tun, nf_tables), or give the container these rights"
        findings.append(problem("kernel", f"does not offer: {', '.join(missing)}", advice))
    if not Path("/dev/net/tun").exists():
        findings.append(problem("kernel", "there is no /dev/net/tun", "modprobe tun; in containers pass the device in"))
    return findings or [ok("kernel", f"offers {', '.join(FEATURES)}")]


def _works(command: str) -> bool:
    try:
        done = subprocess.run(
            ["unshare", "--net", *command.split()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def leftovers(patient: Patient) -> list[Finding]:
    """Namespaces and devices that carry our mark although no cloud of this state could need them."""
    marked = _marked_links() + _marked_namespaces()
    if patient.pid is not None or patient.state.database_file.exists():
        return [ok("leftovers", f"{len(marked)} devices and namespaces carry the mark of Pileus")]
    if not marked:
        return [ok("leftovers", "none")]
    said = f"{', '.join(marked[:8])}{' …' if len(marked) > 8 else ''}: no cloud in {patient.state.path}"
    return [
        warning(
            "leftovers",
            said,
            "if no other state uses them: pileus down --purge --state THEIRS, or ip netns del / ip link del",
        )
    ]


def _marked_links() -> list[str]:
    return [
        str(link["ifname"]) for link in _ip("-j", "link", "show") if str(link.get("ifalias", "")).startswith("pileus:")
    ]


def _marked_namespaces() -> list[str]:
    names = [str(n["name"]) for n in _ip("-j", "netns", "list")]
    return [
        n
        for n in names
        if any(str(x.get("ifalias", "")).startswith("pileus:") for x in _ip("-n", n, "-j", "link", "show", "lo"))
    ]


def _ip(*arguments: str) -> list[dict[str, object]]:
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=10, check=False)
        return list(json.loads(done.stdout or "[]"))
    return []
