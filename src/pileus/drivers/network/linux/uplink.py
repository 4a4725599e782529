"""The way out: the external bridge, the one cable to the host, masquerade, and physical networks."""

import ipaddress

from pileus.drivers.network.linux import names
from pileus.drivers.network.linux.ground import EXTERNAL_BRIDGE, Ground
from pileus.drivers.network.linux.links import Link
from pileus.drivers.network.protocol import NetworkError

_INNER = "ex-host"


class Uplink:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._cable = names.host_cable(ground.cloud_id)
        self._table = f"ip pileus_{names.plain(ground.cloud_id)}"

    def prepare(self) -> None:
        """The built-in external network: bridge, cable, the host's addresses, masquerade."""
        ground = self._ground
        bridge = self.bridge(EXTERNAL_BRIDGE, 1500)
        with ground.host.links() as host, ground.cloud.links() as links, ground.cloud.opened() as file:
            near = host.find(self._cable)
            if near and not ground.owns(near.alias):
                raise NetworkError(f"The host has a device {self._cable} that is not ours; choose another cloud id")
            far = links.find(_INNER)
            if near is None or far is None:
                host.delete(self._cable)
                links.delete(_INNER)
                near = host.add_veth(self._cable, _INNER, file, peer_mac="", mtu=1500)
                far = links.get(_INNER)
            mac = names.stable_mac(ground.cloud_id, "host")
            host.change(near, up=True, mac=mac, alias=ground.mark("external"), no_ipv6=not near.up)
            links.change(far, up=True, master=bridge.index, no_ipv6=not far.up)
            self._refuse_taken(host.all())
            host.set_addresses(near, ground.settings.external)
        self._masquerade()

    def bridge(self, name: str, mtu: int, what: str = "") -> Link:
        with self._ground.cloud.links() as links:
            mac = names.stable_mac(self._ground.cloud_id, name)
            bridge = links.find(name) or links.add_bridge(name, mac, mtu)
            links.change(bridge, up=True, mtu=mtu, alias=self._ground.mark(what), no_ipv6=not bridge.up)
            return links.get(name)

    def physical(self, physical: str, bridge: Link) -> None:
        """Put the host's device of a physical network onto its bridge."""
        ground, device = self._ground, self._ground.settings.physical[physical]
        with ground.host.links() as host, ground.cloud.links() as links, ground.cloud.opened() as file:
            ours = links.find(device)
            if ours is None:
                theirs = host.find(device)
                if theirs is None:
                    raise NetworkError(f"Physical network {physical}: the host has no device {device}")
                if theirs.kind == "bridge":
                    cable, inner = _physical_cable(ground.cloud_id, physical)
                    near = host.find(cable) or host.add_veth(cable, inner, file, peer_mac="", mtu=theirs.mtu)
                    host.change(
                        near, up=True, master=theirs.index, alias=ground.mark(f"physical {physical}"), no_ipv6=True
                    )
                    ours = links.get(inner)
                else:
                    if host.addresses(theirs):
                        raise NetworkError(
                            f"Physical network {physical}: {device} carries the host's own addresses; give it a bridge"
                        )
                    host.move(theirs, file)
                    ours = links.get(device)
            links.change(ours, up=True, master=bridge.index, no_ipv6=True)

    def release(self, physical: str) -> None:
        """Give the host its device back."""
        ground, device = self._ground, self._ground.settings.physical.get(physical, "")
        cable, _ = _physical_cable(ground.cloud_id, physical)
        with ground.host.links() as host, ground.host.opened() as home:
            near = host.find(cable)
            if near and ground.owns(near.alias):
                host.delete(cable)
            if device and ground.cloud.exists():
                with ground.cloud.links() as links:
                    ours = links.find(device)
                    if ours:
                        links.change(ours, master=0)
                        links.move(ours, home)

    def purge(self) -> None:
        """All devices of the cloud's namespace go now; those that outlive their namespace (a guest still holds them) too."""
        ground = self._ground
        for physical in ground.settings.physical:
            self.release(physical)
        if ground.cloud.exists():
            with ground.cloud.links() as links:
                for link in links.all():
                    if link.kind in ("veth", "bridge", "tun", "vxlan"):
                        links.delete(link.name)
        with ground.host.links() as links:
            for link in links.all():
                if ground.owns(link.alias):
                    links.delete(link.name)
        ground.host.run("nft", "-f", "-", given=f"add table {self._table}\ndelete table {self._table}\n")

    def _refuse_taken(self, links: list[Link]) -> None:
        wanted = {ipaddress.ip_interface(one).ip for one in self._ground.settings.external}
        with self._ground.host.links() as host:
            for link in links:
                taken = {ipaddress.ip_interface(one).ip for one in host.addresses(link)} & wanted
                if taken and link.name != self._cable:
                    raise NetworkError(
                        f"{taken.pop()} is the host's on {link.name} already; set another external address"
                    )

    def _masquerade(self) -> None:
        networks = [str(ipaddress.ip_interface(one).network) for one in self._ground.settings.external]
        four = [one for one in networks if ":" not in one]
        lines = [f"add table {self._table}", f"delete table {self._table}", f"add table {self._table}"]
        if four:
            chain = f"{self._table} outwards"
            lines += [
                f"add chain {chain} {{ type nat hook postrouting priority 100; }}",
                f'add rule {chain} ip saddr {{ {", ".join(four)} }} oifname != "{self._cable}" masquerade',
            ]
            self._ground.host.set({"ipv4/ip_forward": 1})
        self._ground.host.run("nft", "-f", "-", given="\n".join(lines) + "\n")


def _physical_cable(cloud: str, physical: str) -> tuple[str, str]:
    end = names.short(f"{cloud}/{physical}")
    return f"pxp{end}", f"php{end}"
