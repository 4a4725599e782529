"""Can this machine do it? And if not, why not."""

import os
import shutil
import threading
from pathlib import Path

from pileus.drivers.network.linux.links import Links
from pileus.drivers.network.linux.namespaces import Namespace, named
from pileus.drivers.network.linux.netlink import NetlinkError
from pileus.drivers.network.linux.nft import Ruleset
from pileus.drivers.network.linux.rules import BASE
from pileus.drivers.network.protocol import NetworkError


def probe() -> str:
    """Empty: yes. Else the first thing that is missing, for people. Takes some 30 ms; leaves nothing behind."""
    if os.name != "posix" or not Path("/proc/self/ns/net").exists():
        return "this is no Linux with network namespaces"
    if os.geteuid() != 0:
        return "not root"
    for program, package in (("nft", "nftables"), ("dnsmasq", "dnsmasq-base")):
        if shutil.which(program) is None:
            return f"no program {program} (package {package})"
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(_try()))
    thread.start()
    thread.join()
    return answers[0] if answers else "the trial ended unexpectedly"


def _try() -> str:
    name = f"pileus-probe-{os.getpid()}"
    for stale in named("pileus-probe-"):
        if not Path(f"/proc/{stale.name.rpartition('-')[2]}").exists():
            stale.remove()
    namespace = Namespace(name)
    try:
        namespace.create("pileus-probe")
        with namespace.links() as links:
            return _devices(links, namespace) or _filter(namespace)
    except (NetworkError, OSError) as error:
        return str(error)
    finally:
        namespace.remove()


def _devices(links: Links, namespace: Namespace) -> str:
    try:
        links.add_bridge("probe", "0a:00:00:00:00:01", 1500)
        with namespace.opened() as file:
            links.add_veth("probe0", "probe1", file, peer_mac="", mtu=1500)
    except NetlinkError as error:
        return f"the kernel makes no bridges or cables here ({error.strerror})"
    if not Path("/dev/net/tun").exists():
        return "no /dev/net/tun (modprobe tun)"
    return ""


def _filter(namespace: Namespace) -> str:
    with namespace.entered():
        if not Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists():
            return "bridged packets cannot be filtered (modprobe br_netfilter)"
    try:
        namespace.set({"bridge/bridge-nf-call-iptables": 1})
        Ruleset(namespace, BASE).apply({})
    except (NetworkError, OSError) as error:
        return f"the packet filter refuses our rules: {error}"
    return ""
