"""A network over several hosts: a VXLAN device on its bridge, which sends to the hosts that carry it too.

The device's outer packets stay in the host's namespace, where it is made; its inner side is moved to the bridge. Frames for
nobody in particular go to every peer; who is where is learnt from what comes back. What a guest may send is judged before
it enters the tunnel, so what comes out of it is believed."""

import ipaddress

from pileus.drivers.network.linux import names
from pileus.drivers.network.linux.ground import Ground
from pileus.drivers.network.linux.links import Link
from pileus.drivers.network.protocol import Network


class Overlay:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def ensure(self, network: Network, bridge: Link) -> None:
        own = self._ground.settings.underlay
        peers = {str(ipaddress.ip_address(one)) for one in network.peers} - {own}
        if not (own and network.vni and peers):
            self.remove(network.id)
            return
        link = self._device(network, own)
        with self._ground.cloud.links() as links:
            links.change(link, up=True, mtu=network.mtu, master=bridge.index, no_ipv6=not link.up)
            have = links.flood_targets(link)
            for peer in have - peers:
                links.set_flood_target(link, peer, wanted=False)
            for peer in peers - have:
                links.set_flood_target(link, peer, wanted=True)

    def remove(self, network_id: str) -> None:
        with self._ground.cloud.links() as links:
            links.delete(_name(network_id))

    def _device(self, network: Network, own: str) -> Link:
        name, port = _name(network.id), self._ground.settings.vxlan_port
        mark = self._ground.mark(f"overlay {network.vni} {own} {port}")
        with self._ground.cloud.links() as links, self._ground.cloud.opened() as file:
            there = links.find(name)
            if there and there.alias == mark:
                return there
            links.delete(name)
            with self._ground.host.links() as host:
                host.delete(name)
                made = host.add_vxlan(name, vni=network.vni, local=own, port=port, mtu=network.mtu)
                host.change(made, alias=mark)
                host.move(made, file)
            return links.get(name)


def _name(network_id: str) -> str:
    return f"vx-{names.short(names.checked('network', network_id))}"
