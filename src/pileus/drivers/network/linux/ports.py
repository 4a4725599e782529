"""Guests' devices: made by the hypervisor, put into their place by us."""

from pileus.drivers.network.linux import names
from pileus.drivers.network.linux.filters import Filters
from pileus.drivers.network.linux.ground import Ground
from pileus.drivers.network.linux.links import Link
from pileus.drivers.network.linux.netlink import NetlinkError
from pileus.drivers.network.protocol import NetworkError, Port, PortSeen, Traffic


class Ports:
    def __init__(self, ground: Ground, filters: Filters) -> None:
        self._ground = ground
        self._filters = filters

    def ensure(self, port: Port) -> PortSeen:
        shelf = self._ground.memory.ports
        before = shelf.get(port.id)
        if not shelf.newest(port):
            assert before is not None
            return self.seen(before, self._in_place(before.id))
        self._filters.ensure_port(port)
        link = self._in_place(port.id)
        if link or port.attached:
            link = self._place(port)
        return self.seen(port, link)

    def remove(self, port_id: str) -> None:
        device = names.tap(names.checked("port", port_id))
        if self._ground.memory.ports.get(port_id):
            with self._ground.host.links() as links:
                links.delete(device)
        with self._ground.cloud.links() as links:
            links.delete(device)
        self._filters.remove_port(port_id)

    def join(self, device: str) -> None:
        port = next((one for one in self._ground.memory.ports.all() if names.tap(one.id) == device), None)
        if port is None:
            raise NetworkError(f"No port of this host has the device {device!r}")
        if self._place(port) is None:
            raise NetworkError(f"There is no device {device} for port {port.id}")

    def seen(self, port: Port, link: Link | None) -> PortSeen:
        state = "ready" if link is None else "active" if link.up and link.carrier and link.master else "down"
        return PortSeen(id=port.id, generation=port.generation, device=names.tap(port.id), state=state)  # type: ignore[arg-type]

    def rejoin(self, network_id: str) -> None:
        """The devices of a network whose bridge has come or changed."""
        for port in self._ground.memory.ports.all():
            if port.network_id == network_id and self._in_place(port.id):
                self._place(port)

    def observe(self) -> list[PortSeen]:
        """Also devices whose port we have forgotten (a lost state directory), by what is written on them."""
        with self._ground.cloud.links() as links:
            found = {link.name: link for link in links.all()}
        known = {port.id: port for port in self._ground.memory.ports.all()}
        for link in found.values():
            port_id = link.alias.removeprefix(self._ground.mark("port")).strip()
            if link.alias.startswith(self._ground.mark("port")) and port_id not in known:
                known[port_id] = Port(id=port_id, generation=0, network_id="", mac="")
        return [self.seen(port, found.get(names.tap(port.id))) for port in known.values()]

    def traffic(self) -> dict[str, Traffic]:
        with self._ground.cloud.links() as links:
            found = {link.name: link.counters for link in links.all()}
        counted = {port.id: found.get(names.tap(port.id)) for port in self._ground.memory.ports.all()}
        return {port_id: _from_the_guest(counters) for port_id, counters in counted.items() if counters}

    def _in_place(self, port_id: str) -> Link | None:
        with self._ground.cloud.links() as links:
            return links.find(names.tap(port_id))

    def _place(self, port: Port) -> Link | None:
        """Into our namespace and onto its bridge; None when there is no such device."""
        device = names.tap(port.id)
        with self._ground.host.links() as host, self._ground.cloud.links() as links:
            fresh = host.find(device)
            if fresh:
                links.delete(device)
                with self._ground.cloud.opened() as file:
                    host.move(fresh, file)
            link = links.find(device)
            if link is None:
                return None
            network = self._ground.memory.networks.get(port.network_id)
            bridge = links.find(self._ground.bridge_of(network)) if network else None
            mtu = network.mtu if network else port.mtu
            try:
                mark = self._ground.mark(f"port {port.id}")
                master = bridge.index if bridge else 0
                links.change(link, up=port.up, mtu=mtu, master=master, alias=mark, no_ipv6=not link.master)
            except NetlinkError as error:
                raise NetworkError(f"{device}: {error.strerror}") from error
            return links.find(device)


def _from_the_guest(counters: tuple[int, ...]) -> Traffic:
    """What the tap receives, the guest has sent."""
    sent, received, sent_bytes, received_bytes, sent_errors, received_errors, sent_drops, received_drops = counters
    return Traffic(
        received_bytes=received_bytes,
        received_packets=received,
        received_errors=received_errors,
        received_drops=received_drops,
        sent_bytes=sent_bytes,
        sent_packets=sent,
        sent_errors=sent_errors,
        sent_drops=sent_drops,
    )
