"""What ports and security groups mean in nft's words: pure functions from specs to chains and sets.

Everything happens in the cloud's own namespace. br_netfilter runs bridged IP through the inet hooks before the bridge
decides, with the bridge as input interface: there each bridge gets its connection tracking zone and each packet a mark
(1 belongs to a known connection, 2 to none that could be). The bridge table, where `ct` does not work, then decides by
that mark and by tap. Taps are known by name, so rules stand before and after the device.

    inet   prerouting -300  zoning   iifname -> zone
    inet   prerouting -150  marks    established 1, invalid 2
    bridge prerouting -250  spoof    tap -> s_<tap>: own MAC and addresses only, no DHCP or router service
    bridge forward      90  leaving  tap -> e_<tap>: mark, then ge_<group> of each group, else drop
    bridge forward     100  arriving tap -> i_<tap>: mark, then gi_<group> of each group, else drop
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping

from pileus.drivers.network.linux.names import checked, plain, tap
from pileus.drivers.network.linux.nft import Chain, Key, Patches, Piece, Set
from pileus.drivers.network.protocol import Group, NetworkError, Port, Rule

INET, BRIDGE = "inet pileus", "bridge pileus"
ZONES: Key = (INET, "zones")
SPOOF, LEAVING, ARRIVING = (BRIDGE, "from_spoof"), (BRIDGE, "from_guest"), (BRIDGE, "to_guest")

_VERDICTS = Set("type ifname : verdict;", {}, map=True)
_UNKNOWN_TAP = 'ifname "tap*" drop'
"""A tap that nobody has told us about carries nothing."""

_BY_MARK = ("meta mark 1 accept", "meta mark 2 drop")
_NEIGHBOURS = "icmpv6 type { 130, 131, 132, 133, 135, 136, 143 } accept"
_SHARED: Mapping[Key, Piece] = {
    (BRIDGE, "no_service"): Chain(
        (
            "ip protocol udp udp sport 67 udp dport 68 drop",
            "ip6 nexthdr udp udp sport 547 udp dport 546 drop",
            "icmpv6 type { 134, 137 } drop",
        )
    ),
    (BRIDGE, "from_nobody"): Chain(
        ("ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept", "ip6 saddr :: icmpv6 type { 131, 133, 135, 143 } accept")
    ),
    (BRIDGE, "always_out"): Chain(
        (
            "ether type arp accept",
            "ip protocol udp udp sport 68 udp dport 67 accept",
            _NEIGHBOURS,
            "ip6 nexthdr udp udp sport 546 udp dport 547 accept",
        )
    ),
    (BRIDGE, "always_in"): Chain(
        (
            "ether type arp accept",
            "ip protocol udp udp sport 67 udp dport 68 accept",
            _NEIGHBOURS,
            "icmpv6 type 134 accept",
            "ip6 nexthdr udp udp sport 547 udp dport 546 accept",
        )
    ),
}
"""What every port's chains jump to. Shared, and hence without a set of constants in each port: nft reads every set of the
table at every change, and thousands of them made a change take 100 ms."""

BASE: Mapping[Key, Piece] = {
    ZONES: Set("typeof iifname : ct zone;", {}, map=True),
    (INET, "zoning"): Chain(("ct zone set iifname map @zones",), "type filter hook prerouting priority -300"),
    (INET, "marks"): Chain(
        ("ct state established,related meta mark set 1", "ct state invalid meta mark set 2"),
        "type filter hook prerouting priority -150",
    ),
    **_SHARED,
    SPOOF: _VERDICTS,
    LEAVING: _VERDICTS,
    ARRIVING: _VERDICTS,
    (BRIDGE, "spoof"): Chain(
        ("iifname vmap @from_spoof", f"i{_UNKNOWN_TAP}"), "type filter hook prerouting priority -250"
    ),
    (BRIDGE, "leaving"): Chain(
        ("iifname vmap @from_guest", f"i{_UNKNOWN_TAP}"), "type filter hook forward priority 90"
    ),
    (BRIDGE, "arriving"): Chain(
        ("oifname vmap @to_guest", f"o{_UNKNOWN_TAP}"), "type filter hook forward priority 100"
    ),
}

PROTOCOLS = {
    "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6-encap": 41, "ipv6-route": 43,
    "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "ipv6-nonxt": 59,
    "ipv6-opts": 60, "ospf": 89, "vrrp": 112, "pgm": 113, "sctp": 132, "udplite": 136,
}  # fmt: skip
WITH_PORTS = frozenset({6, 17, 33, 132, 136})
ICMP = frozenset({1, 58})

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")

IP = ipaddress.IPv4Network | ipaddress.IPv6Network


def protocol_number(rule: Rule) -> int | None:
    """None: any. `icmp` in an IPv6 rule is ICMPv6."""
    name = rule.protocol.lower()
    if name in ("", "any"):
        return None
    number = PROTOCOLS.get(name, int(name) if name.isdecimal() else -1)
    if not 0 <= number <= 255:
        raise NetworkError(f"Unknown protocol {rule.protocol!r} in a security group rule")
    return 58 if number == 1 and rule.ethertype == "IPv6" else number


def group_pieces(group_id: str, group: Group | None) -> dict[Key, Piece]:
    """Chains and sets of a group; of one that is only known by name, empty ones."""
    rules = group.rules if group else ()
    pieces: dict[Key, Piece] = {}
    for direction, name in (("ingress", "gi"), ("egress", "ge")):
        lines = tuple(line for rule in rules if rule.direction == direction for line in rule_lines(rule))
        pieces[BRIDGE, f"{name}_{plain(group_id)}"] = Chain(lines)
    pieces.update(_members(group_id, group.members if group else ()))
    return pieces


def group_key(group_id: str) -> Key:
    """One of the pieces that every group has."""
    return BRIDGE, f"gi_{plain(group_id)}"


def rule_lines(rule: Rule) -> list[str]:
    family = "ip" if rule.ethertype == "IPv4" else "ip6"
    start = f"ether type {family}{_transport(rule)}"
    end = "saddr" if rule.direction == "ingress" else "daddr"
    if rule.group_id:
        checked("group", rule.group_id)
        version = "4" if family == "ip" else "6"
        sets = (f"m{version}_{plain(rule.group_id)}", f"n{version}_{plain(rule.group_id)}")
        return [f"{start} {family} {end} @{name} accept" for name in sets]
    if rule.cidr:
        network = ipaddress.ip_network(rule.cidr, strict=False)
        if network.version != (4 if family == "ip" else 6):
            raise NetworkError(f"Rule for {rule.ethertype} names {rule.cidr}")
        if network.prefixlen:
            return [f"{start} {family} {end} {network} accept"]
    return [f"{start} accept"]


def _transport(rule: Rule) -> str:
    number = protocol_number(rule)
    if number is None:
        return ""
    text = f" meta l4proto {number}"
    if number in ICMP:
        word = "icmp" if number == 1 else "icmpv6"
        text += f" {word} type {int(rule.port_min)}" if rule.port_min >= 0 else ""
        text += f" {word} code {int(rule.port_max)}" if rule.port_min >= 0 and rule.port_max >= 0 else ""
    elif number in WITH_PORTS and (rule.port_min >= 0 or rule.port_max >= 0):
        low = max(rule.port_min, 0)
        high = rule.port_max if rule.port_max >= 0 else 65535
        text += f" th dport {low}-{high}" if low != high else f" th dport {low}"
    return text


def _members(group_id: str, members: Iterable[str]) -> dict[Key, Piece]:
    """Single addresses in hash sets, prefixes (from allowed pairs) apart in interval sets: they are slower to change."""
    single: dict[int, list[str]] = {4: [], 6: []}
    prefixes: dict[int, list[IP]] = {4: [], 6: []}
    for member in members:
        network = ipaddress.ip_network(member, strict=False)
        if network.prefixlen == network.max_prefixlen:
            single[network.version].append(str(network.network_address))
        else:
            prefixes[network.version].append(network)
    pieces: dict[Key, Piece] = {}
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        merged = [str(network) for network in ipaddress.collapse_addresses(prefixes[version])]  # type: ignore[type-var]
        pieces[BRIDGE, f"m{version}_{plain(group_id)}"] = Set(f"type {kind};", dict.fromkeys(single[version], ""))
        pieces[BRIDGE, f"n{version}_{plain(group_id)}"] = Set(
            f"type {kind}; flags interval;", dict.fromkeys(merged, "")
        )
    return pieces


def port_chains(port_id: str) -> dict[str, Key]:
    end = plain(tap(port_id))
    return {letter: (BRIDGE, f"{letter}_{end}") for letter in "sei"}


def port_pieces(port: Port, stateful: bool) -> tuple[dict[Key, Piece | None], Patches]:
    keys = port_chains(port.id)
    device = f'"{tap(port.id)}"'
    for group in port.groups:
        checked("group", group)
    if not port.filtered:
        open_door: Patches = {key: {device: "accept"} for key in (SPOOF, LEAVING, ARRIVING)}
        return dict.fromkeys(keys.values()), open_door
    by_mark = _BY_MARK if stateful else ()
    leaving = tuple(f"jump ge_{plain(group)}" for group in port.groups)
    arriving = tuple(f"jump gi_{plain(group)}" for group in port.groups)
    pieces: dict[Key, Piece | None] = {
        keys["s"]: Chain(_own_addresses(port)),
        keys["e"]: Chain((*by_mark, "jump always_out", *leaving, "drop")),
        keys["i"]: Chain((*by_mark, "jump always_in", *arriving, "drop")),
    }
    return pieces, {
        SPOOF: {device: f"goto {keys['s'][1]}"},
        LEAVING: {device: f"goto {keys['e'][1]}"},
        ARRIVING: {device: f"goto {keys['i'][1]}"},
    }


def no_port(port_id: str) -> tuple[dict[Key, Piece | None], Patches]:
    device = f'"{tap(port_id)}"'
    gone: Patches = {key: {device: None} for key in (SPOOF, LEAVING, ARRIVING)}
    return dict.fromkeys(port_chains(port_id).values()), gone


def _own_addresses(port: Port) -> tuple[str, ...]:
    allowed: dict[str, list[str]] = {_mac_text(port.mac.lower()): list(port.addresses)}
    for mac, cidr in port.pairs:
        allowed.setdefault(_mac_text((mac or port.mac).lower()), []).append(cidr)
    claims = [line for mac, cidrs in allowed.items() for line in _neighbour_adverts(mac, cidrs)]
    senders = [line for mac, cidrs in allowed.items() for line in _from_mac(mac, cidrs)]
    return ("jump no_service", *claims, "icmpv6 type 136 drop", *senders, "drop")


def _from_mac(mac: str, cidrs: Iterable[str]) -> list[str]:
    own = f"ether saddr {mac}"
    four, six = _collapsed(cidrs, 4), _collapsed([*cidrs, link_local(mac)], 6)
    if any(not network.prefixlen for network in four):
        lines = [f"{own} ether type ip accept", f"{own} arp saddr ether {mac} accept"]
    else:
        lines = [f"{own} ip saddr {one} accept" for one in _alternatives(four)]
        asking = [*_alternatives(four), "0.0.0.0"]  # noqa: S104
        lines += [f"{own} arp saddr ether {mac} arp saddr ip {one} accept" for one in asking]
    if any(not network.prefixlen for network in six):
        lines.append(f"{own} ether type ip6 accept")
    else:
        lines += [f"{own} ip6 saddr {one} accept" for one in _alternatives(six)]
    return [*lines, f"{own} jump from_nobody"]


def _alternatives(networks: list[IP]) -> list[str]:
    """A few addresses are a rule each, many a set in one."""
    texts = [str(one.network_address if one.prefixlen == one.max_prefixlen else one) for one in networks]
    return texts if len(texts) <= 8 else [f"{{ {', '.join(texts)} }}"]


def _neighbour_adverts(mac: str, cidrs: Iterable[str]) -> list[str]:
    """A guest may only claim its own IPv6 addresses; the claimed one stands 8 bytes into the message."""
    lines = []
    for network in _collapsed([*cidrs, link_local(mac)], 6):
        claim = f"ether saddr {mac} icmpv6 type 136"
        if network.prefixlen:
            value = int(network.network_address) >> (128 - network.prefixlen)
            claim += f" @th,64,{network.prefixlen} {value:#x}"
        lines.append(f"{claim} accept")
    return lines


def _collapsed(cidrs: Iterable[str], version: int) -> list[IP]:
    networks = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    wanted = [network for network in networks if network.version == version]
    return list(ipaddress.collapse_addresses(wanted))  # type: ignore[type-var]


def link_local(mac: str) -> str:
    """The IPv6 address that a card gives itself."""
    parts = [int(part, 16) for part in mac.split(":")]
    parts[0] ^= 2
    tail = bytes([*parts[:3], 0xFF, 0xFE, *parts[3:]])
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + tail))


def _mac_text(mac: str) -> str:
    if not _MAC.fullmatch(mac):
        raise NetworkError(f"{mac!r} is not a MAC address")
    return mac
