"""What all parts of the driver stand on: settings, namespaces, memory, the packet filter, cables between namespaces."""

import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from pileus.drivers.network.linux import names, rules
from pileus.drivers.network.linux.links import Link
from pileus.drivers.network.linux.memory import Memory
from pileus.drivers.network.linux.namespaces import Namespace, named
from pileus.drivers.network.linux.nft import Ruleset
from pileus.drivers.network.linux.settings import LinuxNetworkSettings
from pileus.drivers.network.protocol import Network

EXTERNAL_BRIDGE = "br-ex"
_CLOUD_SETTINGS = {
    "bridge/bridge-nf-call-iptables": 1,
    "bridge/bridge-nf-call-ip6tables": 1,
    "bridge/bridge-nf-call-arptables": 0,
    "ipv6/conf/default/addr_gen_mode": 1,
    "ipv6/conf/default/accept_ra": 0,
    # A connection that was ended must not be taken up again in the middle by its own next packet; on the other hand
    # what offloading does to sequence numbers on the way is no reason to end one.
    "netfilter/nf_conntrack_tcp_loose": 0,
    "netfilter/nf_conntrack_tcp_be_liberal": 1,
}


class Ground:
    def __init__(self, settings: LinuxNetworkSettings) -> None:
        self.settings = settings
        self.cloud_id = names.checked_cloud(settings.cloud)
        self.host = Namespace(settings.host_namespace)
        self.cloud = Namespace(f"pileus-{self.cloud_id}")
        self.run_directory = Path("/run") / f"pileus-{self.cloud_id}"
        """Lives as long as namespaces do: until reboot. Here, not in the state directory, because dnsmasq reads it
        without root's rights."""
        self.memory = Memory(Path(settings.state) / "network")
        self.ruleset = Ruleset(self.cloud, rules.BASE)
        self._namespaces: dict[str, Namespace] = {}
        self._lock = Lock()

    def mark(self, what: str = "") -> str:
        return names.mark(self.cloud_id, what)

    def owns(self, mark: str) -> bool:
        return mark == self.mark() or mark.startswith(self.mark() + " ")

    def prepare(self) -> None:
        if not self.cloud.exists():
            self.cloud.create(self.mark())
        self.cloud.set(_CLOUD_SETTINGS)
        self.run_directory.mkdir(mode=0o755, exist_ok=True)

    def bridge_of(self, network: Network) -> str:
        if network.physical and network.physical in self.settings.physical:
            return names.physical_bridge(network.physical)
        return EXTERNAL_BRIDGE if network.kind == "external" else names.bridge(network.id)

    def namespace(self, kind: str, object_id: str) -> Namespace:
        """`qdhcp-<id>` or `qrouter-<id>`; when another cloud of this machine has that name, ours carries our cloud's."""
        plain = f"{kind}-{names.checked(kind, object_id)}"
        with self._lock:
            known = self._namespaces.get(plain)
            if known is None:
                candidates = [Namespace(plain), Namespace(f"{plain}.{self.cloud_id}")]
                ours = [one for one in candidates if one.exists() and self.owns(one.owner())]
                known = (ours or [one for one in candidates if not one.exists()] or candidates[1:])[0]
                self._namespaces[plain] = known
            return known

    def forget_namespace(self, kind: str, object_id: str) -> None:
        with self._lock:
            self._namespaces.pop(f"{kind}-{object_id}", None)

    def namespaces(self) -> Iterator[tuple[Namespace, str]]:
        """Ours of this machine, with what stands on their mark behind the cloud: `router <id> <generation>`."""
        for namespace in named("q"):
            owner = namespace.owner()
            if self.owns(owner):
                yield namespace, owner.removeprefix(self.mark()).strip()

    def cable(
        self, namespace: Namespace, outer: str, inner: str, *, mac: str, mtu: int, bridge: str, up: bool = True
    ) -> Link:
        """A veth from a bridge of the cloud's namespace (`outer`) into another one (`inner`, with that MAC), made or put
        right. Without such a bridge it hangs loose until its network comes."""
        with namespace.links() as there, self.cloud.links() as here, namespace.opened() as file:
            near, far = here.find(outer), there.find(inner)
            if near is None or far is None:
                here.delete(outer)
                there.delete(inner)
                near = here.add_veth(outer, inner, file, peer_mac=mac, mtu=mtu)
                far = there.get(inner)
            master = here.find(bridge) if bridge else None
            here.change(near, up=True, mtu=mtu, master=master.index if master else 0, no_ipv6=not near.up)
            there.change(far, up=up, mtu=mtu, mac=mac or None)
            return there.get(inner)

    def remove_namespace(self, kind: str, object_id: str, outers: Iterator[str] | list[str]) -> None:
        """Cables first: a namespace ends later, in the kernel's own time."""
        if self.cloud.exists():
            with self.cloud.links() as links:
                for outer in outers:
                    links.delete(outer)
        namespace = self.namespace(kind, object_id)
        if self.owns(namespace.owner()):
            namespace.remove()
        self.forget_namespace(kind, object_id)


def unprivileged() -> tuple[str, str, int]:
    """User, group and group number for our daemons."""
    user = next((name for name in ("dnsmasq", "nobody") if _exists(name)), "root")
    group = pwd.getpwnam(user).pw_gid
    return user, grp.getgrgid(group).gr_name, group


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return os.geteuid() == 0
