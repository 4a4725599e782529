"""Devices, addresses and routes of one network namespace, by rtnetlink."""

import array
import errno
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterable
from typing import Self

from msgspec import Struct

from pileus.drivers.network.linux import netlink
from pileus.drivers.network.linux.netlink import Netlink, NetlinkError, attribute, attributes, nested

_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _DELADDR, _GETADDR = 20, 21, 22
_NEWROUTE, _DELROUTE, _GETROUTE = 24, 25, 26
_NEWNEIGH, _DELNEIGH, _GETNEIGH = 28, 29, 30

_ADDRESS, _IFNAME, _MTU, _MASTER, _LINKINFO, _NS_FD, _AF_SPEC, _EXT_MASK = 1, 3, 4, 10, 18, 28, 26, 29
_IFALIAS, _STATS = 20, 23
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_BR_FORWARD_DELAY, _BR_STP, _BR_SNOOPING = 1, 5, 23
_UP, _LOWER_UP, _RUNNING = 0x1, 0x10000, 0x40
_ADDR_GEN_MODE, _ADDR_GEN_NONE = 8, 1
_NODAD = 0x02
_AF_BRIDGE, _PERMANENT, _NO_ARP, _SELF = 7, 0x80, 0x40, 0x02
_VX_ID, _VX_LOCAL, _VX_LEARNING, _VX_PORT, _VX_LOCAL6 = 1, 4, 7, 15, 17
_STATIC = 4
"""Routing protocol number of the routes that we put in; others (kernel's own) are left alone."""
_ONLINK = 4
_MAIN = 254
_ETHTOOL, _SET_TX_CHECKSUM = 0x8946, 0x17

Route = tuple[str, str, int]
"""(destination CIDR, next hop, metric); an empty next hop: on the link."""


class Link(Struct, frozen=True):
    index: int
    name: str
    up: bool
    carrier: bool
    mtu: int
    mac: str
    master: int
    kind: str
    alias: str
    counters: tuple[int, ...] = ()
    """Received and sent packets, received and sent bytes, received and sent errors, received and sent drops."""


class Links:
    """Devices of the namespace in which the calling thread stands when this is made. Close after use: an open socket
    keeps a removed namespace alive."""

    def __init__(self) -> None:
        self._netlink = Netlink(netlink.ROUTE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._netlink.close()

    def find(self, name: str) -> Link | None:
        try:
            answer = self._netlink.request(_GETLINK, _info() + attribute(_IFNAME, name) + attribute(_EXT_MASK, 0))
        except NetlinkError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
        return _link(answer) if answer else None

    def get(self, name: str) -> Link:
        link = self.find(name)
        if link is None:
            raise NetlinkError(errno.ENODEV, f"There is no device {name}")
        return link

    def all(self) -> list[Link]:
        return [_link(data) for data in self._netlink.dump(_GETLINK, _info())]

    def add_bridge(self, name: str, mac: str, mtu: int) -> Link:
        """A bridge without spanning tree and without snooping (which, with no querier about, loses IPv6 neighbours). Its
        own MAC is given: a bridge without one takes its lowest port's and changes as ports come and go."""
        data = nested(
            _INFO_DATA,
            attribute(_BR_FORWARD_DELAY, 0),
            attribute(_BR_STP, 0),
            attribute(_BR_SNOOPING, b"\0"),
        )
        body = attribute(_IFNAME, name) + attribute(_ADDRESS, _mac(mac)) + attribute(_MTU, mtu)
        body += nested(_LINKINFO, attribute(_INFO_KIND, "bridge"), data)
        self._create(body)
        return self.get(name)

    def add_veth(self, name: str, peer: str, peer_namespace: int, *, peer_mac: str, mtu: int) -> Link:
        """A cable from here into another namespace (an open file of it)."""
        far = _info() + attribute(_IFNAME, peer) + attribute(_MTU, mtu) + attribute(_NS_FD, peer_namespace)
        if peer_mac:
            far += attribute(_ADDRESS, _mac(peer_mac))
        body = attribute(_IFNAME, name) + attribute(_MTU, mtu)
        body += nested(_LINKINFO, attribute(_INFO_KIND, "veth"), nested(_INFO_DATA, attribute(_VETH_PEER, far)))
        self._create(body)
        return self.get(name)

    def add_vxlan(self, name: str, *, vni: int, local: str, port: int, mtu: int) -> Link:
        """A tunnel without fixed peers; it learns who is behind whom."""
        address = ipaddress.ip_address(local)
        data = nested(
            _INFO_DATA,
            attribute(_VX_ID, vni),
            attribute(_VX_LOCAL if address.version == 4 else _VX_LOCAL6, address.packed),
            attribute(_VX_LEARNING, b"\1"),
            attribute(_VX_PORT, struct.pack(">H", port)),
        )
        info = nested(_LINKINFO, attribute(_INFO_KIND, "vxlan"), data)
        self._create(attribute(_IFNAME, name) + attribute(_MTU, mtu) + info)
        return self.get(name)

    def flood_targets(self, link: Link) -> set[str]:
        """Peers that get a tunnel's frames for nobody in particular."""
        found: set[str] = set()
        body = struct.pack("=BxxxiHBB", _AF_BRIDGE, link.index, 0, 0, 0)
        for data in self._netlink.dump(_GETNEIGH, body):
            index = struct.unpack_from("=i", data, 4)[0]
            parts = attributes(data[12:])
            if index == link.index and parts.get(2) == bytes(6) and 1 in parts:
                found.add(str(ipaddress.ip_address(parts[1])))
        return found

    def set_flood_target(self, link: Link, peer: str, *, wanted: bool) -> None:
        body = struct.pack("=BxxxiHBB", _AF_BRIDGE, link.index, _PERMANENT | _NO_ARP, _SELF, 0)
        body += attribute(1, ipaddress.ip_address(peer).packed) + attribute(2, bytes(6))
        flags = netlink.CREATE | netlink.APPEND if wanted else 0
        self._netlink.request(_NEWNEIGH if wanted else _DELNEIGH, body, flags)

    def change(
        self,
        link: Link,
        *,
        up: bool | None = None,
        mtu: int | None = None,
        mac: str | None = None,
        master: int | None = None,
        alias: str | None = None,
        no_ipv6: bool = False,
    ) -> None:
        """Make a device be so; sends nothing for what is so already."""
        body = b""
        if mtu is not None and mtu != link.mtu:
            body += attribute(_MTU, mtu)
        if mac is not None and mac != link.mac:
            body += attribute(_ADDRESS, _mac(mac))
        if master is not None and master != link.master:
            body += attribute(_MASTER, master)
        if alias is not None and alias != link.alias:
            body += attribute(_IFALIAS, alias.encode())
        if no_ipv6:
            mode = attribute(_ADDR_GEN_MODE, bytes([_ADDR_GEN_NONE]))
            body += nested(_AF_SPEC, nested(socket.AF_INET6, mode))
        flags = change = 0
        if up is not None and up != link.up:
            flags, change = (_UP if up else 0), _UP
        if body or change:
            self._netlink.request(_SETLINK, _info(link.index, flags, change) + body)

    def move(self, link: Link, namespace: int) -> None:
        self._netlink.request(_SETLINK, _info(link.index) + attribute(_NS_FD, namespace))

    def delete(self, name: str) -> bool:
        """False when there was none."""
        try:
            self._netlink.request(_DELLINK, _info() + attribute(_IFNAME, name))
        except NetlinkError as error:
            if error.errno == errno.ENODEV:
                return False
            raise
        return True

    def addresses(self, link: Link) -> set[str]:
        """With prefix length; without link-local IPv6, which the kernel keeps."""
        found: set[str] = set()
        for data in self._netlink.dump(_GETADDR, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
            family, prefix, _, _, index = struct.unpack_from("=BBBBI", data)
            if index != link.index:
                continue
            parts = attributes(data[8:])
            address = _text(family, parts.get(2) or parts[1])
            if not address.startswith("fe80:"):
                found.add(f"{address}/{prefix}")
        return found

    def set_addresses(self, link: Link, wanted: Iterable[str]) -> list[str]:
        """Exactly these (link-local ones aside); returns the new ones, without prefix length."""
        want = {str(ipaddress.ip_interface(one)) for one in wanted}
        have = self.addresses(link)
        for one in have - want:
            self._address(_DELADDR, link, one, 0)
        for one in sorted(want - have):
            self._address(_NEWADDR, link, one, netlink.CREATE | netlink.REPLACE)
        return [one.partition("/")[0] for one in sorted(want - have)]

    def routes(self, link: Link | None = None) -> set[Route]:
        """Those that we made, of one device or of all."""
        found: set[Route] = set()
        for data in self._netlink.dump(_GETROUTE, _route_header(0, 0, 0)):
            family, bits, _, _, table, protocol = struct.unpack_from("=BBBBBB", data)
            parts = attributes(data[12:])
            index = struct.unpack("=I", parts.get(4, b"\0\0\0\0"))[0]
            if table != _MAIN or protocol != _STATIC or (link and index != link.index):
                continue
            target = _text(family, parts[1]) if 1 in parts else ("0.0.0.0" if family == socket.AF_INET else "::")  # noqa: S104
            hop = _text(family, parts[5]) if 5 in parts else ""
            found.add((f"{target}/{bits}", hop, struct.unpack("=I", parts.get(6, b"\0\0\0\0"))[0]))
        return found

    def delete_route(self, route: Route) -> None:
        self._route(_DELROUTE, route, 0, 0, 0)

    def add_route(self, route: Route, link: Link | None = None, *, onlink: bool = False) -> None:
        index = link.index if link else 0
        self._route(_NEWROUTE, route, index, netlink.CREATE | netlink.REPLACE, _ONLINK if onlink else 0)

    def set_default(self, link: Link, hops: Iterable[str], others: Iterable[Route] = ()) -> None:
        """Default routes by these next hops (the first of each family counts most), and `others`; no further ones of ours.
        Hops of default routes need not lie in a subnet of the device."""
        defaults: dict[Route, bool] = {}
        for hop in hops:
            six = ":" in hop
            metric = sum(1 for target, _, _ in defaults if (target == "::/0") == six) + (1024 if six else 0)
            defaults["::/0" if six else "0.0.0.0/0", str(ipaddress.ip_address(hop)), metric] = True
        wanted = {**dict.fromkeys(others, False), **defaults}
        have = self.routes()
        for route in have - set(wanted):
            self.delete_route(route)
        for route, default in wanted.items():
            if route not in have:
                self.add_route(route, link if default else None, onlink=default)

    def _create(self, body: bytes) -> None:
        self._netlink.request(_NEWLINK, _info() + body, netlink.CREATE | netlink.EXCL)

    def _address(self, kind: int, link: Link, cidr: str, flags: int) -> None:
        value = ipaddress.ip_interface(cidr)
        family = socket.AF_INET if value.version == 4 else socket.AF_INET6
        own = _NODAD if value.version == 6 else 0
        body = struct.pack("=BBBBI", family, value.network.prefixlen, own, 0, link.index)
        body += attribute(2, value.packed) + attribute(1, value.packed)
        if value.version == 4 and value.network.prefixlen < 31:
            body += attribute(4, value.network.broadcast_address.packed)
        self._netlink.request(kind, body, flags)

    def _route(self, kind: int, route: Route, index: int, flags: int, hop_flags: int) -> None:
        target, hop, metric = route
        network = ipaddress.ip_network(target)
        family = socket.AF_INET if network.version == 4 else socket.AF_INET6
        body = _route_header(family, network.prefixlen, hop_flags, scope=0 if hop else 253)
        if network.prefixlen:
            body += attribute(1, network.network_address.packed)
        if hop:
            body += attribute(5, ipaddress.ip_address(hop).packed)
        if index:
            body += attribute(4, index)
        if metric:
            body += attribute(6, metric)
        self._netlink.request(kind, body, flags)


def _info(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, change)


def _route_header(family: int, bits: int, flags: int, scope: int = 0) -> bytes:
    return struct.pack("=BBBBBBBBI", family, bits, 0, 0, _MAIN, _STATIC, scope, 1, flags)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _text(family: int, packed: bytes) -> str:
    return socket.inet_ntop(family, packed)


def _link(data: bytes) -> Link:
    _, _, index, flags, _ = struct.unpack_from("=BxHiII", data)
    parts = attributes(data[16:])
    info = attributes(parts.get(_LINKINFO, b""))
    return Link(
        index,
        _string(parts.get(_IFNAME)),
        bool(flags & _UP),
        bool(flags & _LOWER_UP),
        struct.unpack("=I", parts[_MTU])[0] if _MTU in parts else 0,
        ":".join(f"{byte:02x}" for byte in parts.get(_ADDRESS, b"")),
        struct.unpack("=I", parts[_MASTER])[0] if _MASTER in parts else 0,
        _string(info.get(_INFO_KIND)),
        _string(parts.get(_IFALIAS)),
        struct.unpack_from("=8Q", parts[_STATS]) if _STATS in parts else (),
    )


def _string(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode(errors="replace")


def no_checksum_offload(device: str) -> None:
    """Packets from here leave with whole checksums: DHCP clients that read raw frames check them."""
    words = array.array("B", struct.pack("=II", _SET_TX_CHECKSUM, 0))
    pointer, _ = words.buffer_info()
    request = struct.pack("16sP", device.encode(), pointer) + bytes(16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _ETHTOOL, request)
