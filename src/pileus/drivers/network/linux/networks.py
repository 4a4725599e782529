"""A network on this host: its bridge, and DHCP, DNS and metadata in `qdhcp-<id>`."""

import ipaddress
from pathlib import Path

from pileus.drivers.network.linux import dhcp, names
from pileus.drivers.network.linux.dnsmasq import Dnsmasq
from pileus.drivers.network.linux.filters import Filters
from pileus.drivers.network.linux.ground import EXTERNAL_BRIDGE, Ground, unprivileged
from pileus.drivers.network.linux.links import no_checksum_offload
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.linux.overlay import Overlay
from pileus.drivers.network.linux.ports import Ports
from pileus.drivers.network.linux.uplink import Uplink
from pileus.drivers.network.protocol import Network

_DHCP_SETTINGS = {
    "ipv4/ip_forward": 0,
    "ipv6/conf/all/accept_ra": 0,
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/all/forwarding": 0,
}


class Networks:
    def __init__(self, ground: Ground, filters: Filters, ports: Ports, uplink: Uplink) -> None:
        self._ground = ground
        self._filters = filters
        self._ports = ports
        self._uplink = uplink
        self._overlay = Overlay(ground)

    def ensure(self, network: Network, *, again: bool = False) -> bool:
        """Whether anything changed that routers and ports on it must follow. `again`: at our start, from memory."""
        shelf = self._ground.memory.networks
        if not shelf.newest(network):
            return False
        before = shelf.get(network.id)
        reshaped = again or before is None or _shape(before) != _shape(network) or not self.stands(network)
        bridge = self._ground.bridge_of(network)
        if before and self._ground.bridge_of(before) != bridge:
            self.remove(network.id)
        shelf.keep(network)
        self._filters.set_zone(bridge, self._ground.memory.zone(bridge))
        shared = bridge == EXTERNAL_BRIDGE
        mark = "" if shared else f"network {network.id}"
        link = self._uplink.bridge(bridge, 1500 if shared else network.mtu, mark)
        if network.physical in self._ground.settings.physical:
            self._uplink.physical(network.physical, link)
        self._overlay.ensure(network, link)
        if dhcp.served(network):
            self._serve(network, before)
        else:
            self._stop_serving(network.id)
        if reshaped:
            self._ports.rejoin(network.id)
        return reshaped

    def remove(self, network_id: str) -> None:
        ground = self._ground
        network = ground.memory.networks.get(network_id)
        self._stop_serving(network_id)
        self._overlay.remove(network_id)
        bridge = ground.bridge_of(network) if network else names.bridge(names.checked("network", network_id))
        ground.memory.networks.forget(network_id)
        shared = [one for one in ground.memory.networks.all() if ground.bridge_of(one) == bridge]
        if shared or bridge == EXTERNAL_BRIDGE:
            return
        if network and network.physical in ground.settings.physical:
            self._uplink.release(network.physical)
        with ground.cloud.links() as links:
            links.delete(bridge)
        self._filters.set_zone(bridge, None)
        ground.memory.free_zone(bridge)

    def dnsmasq(self, network_id: str) -> Dnsmasq:
        return Dnsmasq(self._directory(network_id), self.namespace(network_id))

    def namespace(self, network_id: str) -> Namespace:
        return self._ground.namespace("qdhcp", network_id)

    def stands(self, network: Network) -> bool:
        with self._ground.cloud.links() as links:
            bridge = links.find(self._ground.bridge_of(network))
        return bridge is not None and bridge.up

    def _serve(self, network: Network, before: Network | None) -> None:
        ground, settings = self._ground, self._ground.settings
        namespace = self.namespace(network.id)
        mark = ground.mark(f"network {network.id}")
        if not namespace.exists():
            namespace.create(mark)
            namespace.set(_DHCP_SETTINGS)
        inner = self._cable(network, namespace)
        user, group, _ = unprivileged()
        daemon = self.dnsmasq(network.id)
        files = dhcp.files(
            network, inner, daemon.directory, (user, group), dhcp.resolvers(settings.dns), settings.lease_seconds
        )
        self._clear_leases(daemon, before, network)
        daemon.ensure(files)

    def _cable(self, network: Network, namespace: Namespace) -> str:
        end = names.short(network.dhcp_port_id or network.id)
        outer, inner = f"dhc{end}", f"ns-{end}"
        bridge = self._ground.bridge_of(network)
        mac = network.dhcp_mac or names.stable_mac(network.id, "dhcp")
        link = self._ground.cable(namespace, outer, inner, mac=mac, mtu=network.mtu, bridge=bridge)
        subnets = dhcp.served(network)
        addresses = [f"{one.dhcp_address}/{ipaddress.ip_network(one.cidr, strict=False).prefixlen}" for one in subnets]
        if any(":" not in one.cidr for one in subnets):
            addresses.append(f"{dhcp.METADATA}/32")
        with namespace.entered():
            no_checksum_offload(inner)
        ours = {one.dhcp_address for one in subnets}
        hops = [one.gateway for one in subnets if one.gateway and one.gateway not in ours]
        with namespace.links() as links:
            links.set_addresses(link, addresses)
            links.set_default(link, hops)
        return inner

    def _clear_leases(self, daemon: Dnsmasq, before: Network | None, network: Network) -> None:
        path = daemon.directory / dhcp.LEASES
        if path.is_file():
            kept = dhcp.moved_leases(before, network, path.read_text())
            if kept is not None:
                daemon.stop()
                path.write_text(kept)

    def _stop_serving(self, network_id: str) -> None:
        Dnsmasq(self._directory(network_id), self._ground.cloud).remove()
        namespace = self.namespace(network_id)
        outers = []
        if namespace.exists():
            with namespace.links() as links:
                outers = [f"dhc{link.name[3:]}" for link in links.all() if link.name.startswith("ns-")]
        self._ground.remove_namespace("qdhcp", network_id, outers)

    def _directory(self, network_id: str) -> Path:
        return self._ground.run_directory / f"dhcp-{names.checked('network', network_id)}"


def _shape(network: Network) -> tuple[object, ...]:
    return network.kind, network.physical, network.mtu, network.subnets
