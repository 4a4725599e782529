"""What a subnet may look like: blocks, gateways, pools, routes and IPv6 modes."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from pileus.services.network.core.addresses import block_of, number, text, usable_in
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.refusals import bad_input, conflict, refused

Block = ipaddress.IPv4Network | ipaddress.IPv6Network
Pool = tuple[str, str]


def judge_block(cidr: str, ip_version: int, dhcp: bool) -> Block:
    """The block, if a subnet may have it."""
    block = block_of(cidr)
    if block.version != ip_version:
        raise bad_input(f"cidr '{cidr}' does not match the ip_version '{ip_version}'")
    if not dhcp:
        return block
    if (block.version == 4 and block.prefixlen > 30) or (block.version == 6 and block.prefixlen > 126):
        raise bad_input("Subnet has a prefix length that is incompatible with DHCP service enabled")
    if int(block.network_address) == 0:
        raise bad_input(f"First IP '{block.network_address}' of network is not supported if enable_dhcp is True.")
    if block.network_address.is_multicast:
        raise bad_input("Multicast IP subnet is not supported if enable_dhcp is True")
    if block.network_address.is_loopback:
        raise bad_input("Loopback IP subnet is not supported if enable_dhcp is True")
    return block


def judge_modes(ip_version: int, dhcp: bool, ra_mode: str | None, address_mode: str | None, block: Block) -> None:
    """IPv6 modes: alike when both are given, only with DHCP, and /64 where addresses follow from MACs."""
    for name, value in (("ipv6_ra_mode", ra_mode), ("ipv6_address_mode", address_mode)):
        if value is not None and ip_version == 4:
            raise bad_input(f"{name} is not valid when ip_version is 4")
    if (ra_mode or address_mode) and not dhcp:
        raise bad_input("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if ra_mode and address_mode and ra_mode != address_mode:
        raise bad_input(
            f"ipv6_ra_mode set to '{ra_mode}' with ipv6_address_mode set to '{address_mode}' is not valid. If both "
            "attributes are set, they must be the same value"
        )
    if address_mode in ("slaac", "dhcpv6-stateless") and block.prefixlen != 64:
        raise bad_input(
            f"Invalid CIDR {block} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the "
            "prefix to be /64"
        )


def judge_overlap(network_id: str, block: Block, others: Sequence[Any]) -> None:
    for other in others:
        there = block_of(other.cidr)
        if there.version == block.version and block.overlaps(there):
            raise bad_input(
                f"Requested subnet with cidr: {block} for network: {network_id} overlaps with another subnet"
            )


def default_gateway(block: Block) -> str:
    """The first address: of IPv6 blocks the routers' anycast address, of IPv4 blocks the one behind the network's own."""
    at = int(block.network_address)
    if block.version == 4 and block.prefixlen < 31:
        at += 1
    return text(at, block.version)


def judge_gateway(block: Block, gateway: str) -> str:
    """The gateway in canonical form. It may lie outside of its block (guests then need a route to it)."""
    ip = ipaddress.ip_address(gateway)
    if ip.version != block.version:
        raise bad_input(f"gateway_ip '{gateway}' does not match the ip_version '{block.version}'")
    if ip in block and not usable_in(block, ip):
        raise bad_input("Gateway is not valid on subnet")
    return str(ip)


def default_pools(block: Block, gateway: str | None) -> tuple[Pool, ...]:
    """All addresses that cards may have, less the gateway."""
    first, last = int(block.network_address), int(block.broadcast_address)
    if block.version == 4 and block.prefixlen < 31:
        first, last = first + 1, last - 1
    elif block.version == 6 and block.prefixlen < 127:
        first += 1
    spans = [(first, last)]
    if (
        gateway is not None
        and first <= number(gateway) <= last
        and ipaddress.ip_address(gateway).version == block.version
    ):
        at = number(gateway)
        spans = [(first, at - 1), (at + 1, last)]
    return tuple((text(a, block.version), text(b, block.version)) for a, b in spans if a <= b)


def judge_pools(block: Block, asked: Sequence[dict[str, str]], gateway: str | None) -> tuple[Pool, ...]:
    """Pools in order: inside the block, apart from one another and from the gateway."""
    spans: list[tuple[int, int]] = []
    for pool in asked:
        start, end = ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])
        if start.version != block.version or end.version != block.version or int(start) > int(end):
            shown = {"start": pool["start"], "end": pool["end"]}
            raise refused("InvalidAllocationPool", f"The allocation pool {shown} is not valid.")
        if not (usable_in(block, start) and usable_in(block, end)):
            raise refused(
                "OutOfBoundsAllocationPool",
                f"The allocation pool {start}-{end} spans beyond the subnet cidr {block}.",
            )
        spans.append((int(start), int(end)))
    spans.sort()
    made = tuple((text(a, block.version), text(b, block.version)) for a, b in spans)
    for at in range(1, len(spans)):
        if spans[at][0] <= spans[at - 1][1]:
            raise conflict(
                "OverlappingAllocationPools",
                f"Found overlapping allocation pools: {_shown(made[at - 1])} {_shown(made[at])} for subnet {block}.",
            )
    judge_gateway_apart(gateway, made)
    return made


def judge_gateway_apart(gateway: str | None, pools: Sequence[Pool]) -> None:
    if gateway is None:
        return
    version = ipaddress.ip_address(gateway).version
    for start, end in pools:
        if ipaddress.ip_address(start).version == version and number(start) <= number(gateway) <= number(end):
            raise conflict(
                "GatewayConflictWithAllocationPools",
                f"Gateway ip {gateway} conflicts with allocation pool {start}-{end}.",
            )


def judge_extras(
    near: Near, ip_version: int, servers: Sequence[str], routes: Sequence[dict[str, str]], id: str
) -> None:
    """Name servers and host routes: not too many, of the subnet's IP version."""
    if len(servers) > near.settings.max_nameservers:
        raise refused(
            "DNSNameServersExhausted",
            f"Unable to complete operation for {id}. The number of DNS nameservers exceeds the limit "
            f"{near.settings.max_nameservers}.",
        )
    if len(routes) > near.settings.max_host_routes:
        raise refused(
            "HostRoutesExhausted",
            f"Unable to complete operation for {id}. The number of host routes exceeds the limit "
            f"{near.settings.max_host_routes}.",
        )
    for server in servers:
        if ipaddress.ip_address(server).version != ip_version:
            raise bad_input(f"dns_nameserver '{server}' does not match the ip_version '{ip_version}'")
    for route in routes:
        if block_of(route["destination"]).version != ip_version:
            raise bad_input(f"destination '{route['destination']}' does not match the ip_version '{ip_version}'")
        if ipaddress.ip_address(route["nexthop"]).version != ip_version:
            raise bad_input(f"nexthop '{route['nexthop']}' does not match the ip_version '{ip_version}'")


def _shown(pool: Pool) -> str:
    return f"{pool[0]}-{pool[1]}"
