"""A router on this host: the namespace `qrouter-<id>` with a leg (`qr-…`) in each network and a gateway (`qg-…`)."""

import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from threading import Lock, Thread

from pileus.drivers.network.linux import connections, dhcp, names, translation
from pileus.drivers.network.linux.dnsmasq import Dnsmasq
from pileus.drivers.network.linux.ground import Ground, unprivileged
from pileus.drivers.network.linux.links import Link, Links
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.linux.netlink import NetlinkError
from pileus.drivers.network.linux.nft import Ruleset
from pileus.drivers.network.protocol import NetworkError, Router, RouterLeg, Subnet

_SETTINGS = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    # An address is answered for on its own leg only.
    "ipv4/conf/all/arp_ignore": 1,
    "ipv4/conf/all/arp_announce": 2,
    "ipv6/conf/all/forwarding": 1,
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/addr_gen_mode": 0,
}


class Routers:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._rulesets: dict[str, Ruleset] = {}
        self._lock = Lock()

    def ensure(self, router: Router) -> bool:
        """False: something newer is known, nothing was done."""
        shelf = self._ground.memory.routers
        if not shelf.newest(router):
            return False
        outside = f"qg-{names.short(router.gateway.port_id)}" if router.gateway else ""
        pieces = translation.router_pieces(router, outside)
        before = shelf.get(router.id)
        shelf.keep(router)
        namespace = self.namespace(router.id)
        if not namespace.exists():
            namespace.create(self._ground.mark(f"router {router.id}"))
            namespace.set(_SETTINGS)
            self._forget_ruleset(router.id)
        self._ruleset(router.id, namespace).apply(pieces)
        legs = {f"qr-{names.short(leg.port_id)}": leg for leg in router.legs}
        if router.gateway:
            legs[outside] = router.gateway
        self._drop_others(namespace, set(legs))
        self._plug(namespace, router, legs, outside)
        self._advertise(router, namespace)
        if before:
            self._end_lost(before, router, namespace)
        return True

    def remove(self, router_id: str) -> None:
        namespace = self.namespace(router_id)
        Dnsmasq(self._directory(router_id), namespace).remove()
        self._ground.memory.routers.forget(router_id)
        self._forget_ruleset(router_id)
        outers = []
        if namespace.exists():
            with namespace.links() as links:
                outers = [_outer(link.name) for link in links.all() if link.name.startswith(("qr-", "qg-"))]
        self._ground.remove_namespace("qrouter", router_id, outers)

    def rejoin(self, network_id: str) -> list[Router]:
        """Routers with a leg in that network, whose bridge, MTU or subnets may have changed."""
        return [
            router
            for router in self._ground.memory.routers.all()
            if any(leg.network_id == network_id for leg in _all_legs(router))
        ]

    def namespace(self, router_id: str) -> Namespace:
        return self._ground.namespace("qrouter", router_id)

    def advertiser(self, router_id: str) -> Dnsmasq:
        return Dnsmasq(self._directory(router_id), self.namespace(router_id))

    def _plug(self, namespace: Namespace, router: Router, legs: dict[str, RouterLeg], outside: str) -> None:
        announced: list[tuple[str, str, list[str]]] = []
        gateway: Link | None = None
        for device, leg in legs.items():
            link = self._leg(namespace, device, leg, router.up)
            addresses = list(leg.addresses)
            if device == outside:
                gateway = link
                addresses += [f"{address}/{128 if ':' in address else 32}" for address, _ in router.floating]
            with namespace.links() as links:
                fresh = links.set_addresses(link, addresses)
            announced.append((device, link.mac, fresh))
        if router.up:
            with namespace.links() as links:
                links.set_addresses(links.get("lo"), ["127.0.0.1/8", "::1/128", f"{dhcp.METADATA}/32"])
                self._routes(links, router, gateway)
            with namespace.entered():
                for device, mac, fresh in announced:
                    announce(device, mac, fresh)

    def _leg(self, namespace: Namespace, device: str, leg: RouterLeg, up: bool) -> Link:
        network = self._ground.memory.networks.get(leg.network_id)
        bridge = self._ground.bridge_of(network) if network else ""
        mtu = network.mtu if network else 1500
        return self._ground.cable(namespace, _outer(device), device, mac=leg.mac, mtu=mtu, bridge=bridge, up=up)

    def _routes(self, links: Links, router: Router, gateway: Link | None) -> None:
        others = [(target, hop, 0) for target, hop in router.routes]
        any_link = gateway or links.get("lo")
        try:
            links.set_default(any_link, router.next_hops if gateway else (), others)
        except NetlinkError as error:
            raise NetworkError(f"Router {router.id}: a route was refused: {error.strerror}") from error

    def _drop_others(self, namespace: Namespace, wanted: set[str]) -> None:
        with namespace.links() as links:
            gone = [one.name for one in links.all() if one.name.startswith(("qr-", "qg-")) and one.name not in wanted]
        with self._ground.cloud.links() as links:
            for device in gone:
                links.delete(_outer(device))

    def _advertise(self, router: Router, namespace: Namespace) -> None:
        user, group, _ = unprivileged()
        daemon = Dnsmasq(self._directory(router.id), namespace)
        lines: list[str] = []
        for leg in router.legs if router.up else ():
            lines += dhcp.advertisement(f"qr-{names.short(leg.port_id)}", self._subnets(leg))
        if lines:
            daemon.ensure(dhcp.advertisement_files(lines, daemon.directory, (user, group)))
        else:
            daemon.remove()

    def _subnets(self, leg: RouterLeg) -> list[Subnet]:
        network = self._ground.memory.networks.get(leg.network_id)
        own = {address.partition("/")[0] for address in leg.addresses}
        return [subnet for subnet in (network.subnets if network else ()) if subnet.gateway in own]

    def _end_lost(self, before: Router, after: Router, namespace: Namespace) -> None:
        """Translations that are no more end with their connections."""
        lost = {address for address, _ in set(before.floating) - set(after.floating)}
        if before.snat and not after.snat:
            lost |= {one.partition("/")[0] for one in (before.gateway.addresses if before.gateway else ())}
        if lost:
            connections.end(namespace, lambda flow: flow.target in lost or flow.answer_to in lost)

    def _ruleset(self, router_id: str, namespace: Namespace) -> Ruleset:
        with self._lock:
            if router_id not in self._rulesets:
                self._rulesets[router_id] = Ruleset(namespace, {})
            return self._rulesets[router_id]

    def _forget_ruleset(self, router_id: str) -> None:
        with self._lock:
            self._rulesets.pop(router_id, None)

    def _directory(self, router_id: str) -> Path:
        return self._ground.run_directory / f"ra-{names.checked('router', router_id)}"


def announce(device: str, mac: str, addresses: Iterable[str]) -> None:
    """Gratuitous ARP: neighbours that knew another owner of these addresses learn the new one at once."""
    four = [socket.inet_aton(address) for address in addresses if ":" not in address]
    if not four:
        return
    own = bytes.fromhex(mac.replace(":", ""))
    head = b"\xff" * 6 + own + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + own
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    try:
        wire.bind((device, 0))
        for packed in four:
            wire.send(head + packed + bytes(6) + packed)
    finally:
        # The kernel takes 25 ms to close a packet socket; nobody should wait for that.
        Thread(target=wire.close, daemon=True).start()


def _outer(device: str) -> str:
    """The cable's end on the bridge."""
    return f"rt{device[1]}{device[3:]}"


def _all_legs(router: Router) -> list[RouterLeg]:
    return [*router.legs, *([router.gateway] if router.gateway else [])]
