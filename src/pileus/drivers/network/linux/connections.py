"""Known connections (conntrack) of a namespace, and ending those that nothing allows any more."""

import errno
import ipaddress
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from pileus.drivers.network.linux import netlink
from pileus.drivers.network.linux.namespaces import Namespace
from pileus.drivers.network.linux.netlink import Netlink, NetlinkError, attribute, attributes
from pileus.drivers.network.linux.rules import ICMP, WITH_PORTS, protocol_number
from pileus.drivers.network.protocol import Group, Port, Rule

_GET, _DELETE = (1 << 8) | 1, (1 << 8) | 2
_ORIGINAL, _REPLY, _ZONE, _ID = 1, 2, 18, 12


class Flow(Struct, frozen=True):
    """A connection as its opener sent it; `answer_to`: whom the answers are sent to (another one after translation)."""

    family: int
    zone: int
    source: str
    target: str
    protocol: int
    port: int
    """Destination port; of ICMP the type."""
    code: int
    answer_to: str
    key: bytes
    """What the kernel wants back to delete it."""


def end(namespace: Namespace, doomed: Callable[[Flow], bool]) -> int:
    """Forget the connections for which `doomed` says yes; returns how many."""
    with namespace.entered():
        socket = Netlink(netlink.NETFILTER)
    try:
        chosen = [flow for flow in _read(socket) if doomed(flow)]
        for flow in chosen:
            try:
                socket.request(_DELETE, struct.pack("=BBH", flow.family, 0, 0) + flow.key)
            except NetlinkError as error:
                if error.errno != errno.ENOENT:
                    raise
        return len(chosen)
    finally:
        socket.close()


def _read(socket: Netlink) -> Iterator[Flow]:
    for data in socket.dump(_GET, b"\0\0\0\0"):
        parts = attributes(data[4:])
        there, back = attributes(parts[_ORIGINAL]), attributes(parts[_REPLY])
        ends, back_ends, transport = attributes(there[1]), attributes(back[1]), attributes(there[2])
        zone = parts.get(_ZONE, b"\0\0")
        protocol = transport[1][0]
        port, code = _port(protocol, transport)
        key = attribute(_ORIGINAL | 0x8000, parts[_ORIGINAL]) + attribute(_ZONE, zone)
        if _ID in parts:
            key += attribute(_ID, parts[_ID])
        yield Flow(
            data[0],
            struct.unpack(">H", zone)[0],
            _address(ends.get(1) or ends[3]),
            _address(ends.get(2) or ends[4]),
            protocol,
            port,
            code,
            _address(back_ends.get(2) or back_ends[4]),
            key,
        )


def _port(protocol: int, transport: Mapping[int, bytes]) -> tuple[int, int]:
    if protocol in WITH_PORTS and 3 in transport:
        return struct.unpack(">H", transport[3])[0], -1
    if protocol in ICMP:
        kind = transport.get(5) or transport.get(8) or b"\0"
        code = transport.get(6) or transport.get(9) or b"\0"
        return kind[0], code[0]
    return -1, -1


def _address(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


class Judge:
    """Says which connections of a zone the groups allow: what the chains of `rules` do to a first packet, for packets
    that are long through."""

    def __init__(self, ports: Iterable[Port], group_of: Callable[[str], Group | None]) -> None:
        self._port_of = {address: port for port in ports for address in port.addresses if port.filtered}
        self._group_of = group_of
        self._members: dict[str, tuple[frozenset[str], tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]]] = {}

    def allows(self, flow: Flow) -> bool:
        arriving, leaving = self._port_of.get(flow.target), self._port_of.get(flow.source)
        if arriving and not self._passes(arriving, "ingress", flow, flow.source):
            return False
        return not leaving or self._passes(leaving, "egress", flow, flow.target)

    def _passes(self, port: Port, direction: str, flow: Flow, remote: str) -> bool:
        if flow.protocol == 17 and flow.port in (67, 547):
            return True
        groups = [group for group in map(self._group_of, port.groups) if group]
        return any(
            rule.direction == direction and self._matches(rule, flow, remote)
            for group in groups
            for rule in group.rules
        )

    def _matches(self, rule: Rule, flow: Flow, remote: str) -> bool:
        if (rule.ethertype == "IPv6") != (":" in remote):
            return False
        number = protocol_number(rule)
        if number is not None and (number != flow.protocol or not _port_matches(rule, number, flow)):
            return False
        if rule.group_id:
            return self._is_member(rule.group_id, remote)
        return not rule.cidr or ipaddress.ip_address(remote) in ipaddress.ip_network(rule.cidr, strict=False)

    def _is_member(self, group_id: str, remote: str) -> bool:
        if group_id not in self._members:
            group = self._group_of(group_id)
            networks = [ipaddress.ip_network(one, strict=False) for one in (group.members if group else ())]
            single = frozenset(str(one.network_address) for one in networks if one.prefixlen == one.max_prefixlen)
            self._members[group_id] = single, tuple(one for one in networks if one.prefixlen != one.max_prefixlen)
        single, prefixes = self._members[group_id]
        return remote in single or any(ipaddress.ip_address(remote) in one for one in prefixes)


def _port_matches(rule: Rule, number: int, flow: Flow) -> bool:
    if number in ICMP:
        return (rule.port_min < 0 or rule.port_min == flow.port) and (
            rule.port_min < 0 or rule.port_max < 0 or rule.port_max == flow.code
        )
    if number in WITH_PORTS and (rule.port_min >= 0 or rule.port_max >= 0):
        return max(rule.port_min, 0) <= flow.port <= (rule.port_max if rule.port_max >= 0 else 65535)
    return True
