"""The ways to the guest: outside network, tenant network, router, group, floating address."""

from __future__ import annotations

import ipaddress
from typing import Any

from pileus.cli.output import Failure
from pileus.cli.walk.walker import NAME, Walker

OUTSIDE = "public"
TENANT_CIDR = "192.168.77.0/24"
OPEN = (("tcp", 22), ("icmp", None))
"""What the group lets in: (protocol, port)."""


def outside(walker: Walker) -> str:
    """The external network, whose gateway is this host."""
    flat = {"provider_network_type": "flat", "provider_physical_network": OUTSIDE}
    network, made = _network(walker, OUTSIDE, is_router_external=True, **flat)
    cidr = ipaddress.ip_network(walker.found["outside_cidr"])
    if walker.cloud.network.find_subnet(OUTSIDE, network_id=network.id) is None:
        first, last = cidr[10], cidr[min(250, cidr.num_addresses - 2)]
        walker.cloud.network.create_subnet(
            name=OUTSIDE,
            network_id=network.id,
            ip_version=4,
            cidr=str(cidr),
            gateway_ip=str(cidr[1]),
            allocation_pools=[{"start": str(first), "end": str(last)}],
            enable_dhcp=False,
        )
        made = True
    walker.found["outside"] = network
    return f"{'made' if made else 'is there'}, {cidr}, gateway {cidr[1]} is this host"


def tenant(walker: Walker) -> str:
    network, made = _network(walker, NAME)
    subnet = walker.cloud.network.find_subnet(NAME, network_id=network.id)
    if subnet is None:
        subnet = walker.cloud.network.create_subnet(name=NAME, network_id=network.id, ip_version=4, cidr=TENANT_CIDR)
        made = True
    walker.found.update(network=network, subnet=subnet)
    return f"{'made' if made else 'is there'}, {TENANT_CIDR}"


def router(walker: Walker) -> str:
    network = walker.cloud.network
    gateway = {"network_id": walker.found["outside"].id}
    found = network.find_router(NAME)
    made = found is None
    if found is None:
        found = network.create_router(name=NAME, external_gateway_info=gateway)
    elif not found.external_gateway_info:
        found = network.update_router(found, external_gateway_info=gateway)
    subnet = walker.found["subnet"]
    legs = [ip["subnet_id"] for port in network.ports(device_id=found.id) for ip in port.fixed_ips]
    if subnet.id not in legs:
        network.add_interface_to_router(found, subnet_id=subnet.id)
        made = True
    return f"{'made' if made else 'is there'}, {NAME} <-> {OUTSIDE}"


def group(walker: Walker) -> str:
    network = walker.cloud.network
    project = walker.cloud.current_project_id
    found = network.find_security_group(NAME, project_id=project)
    made = found is None
    if found is None:
        found = network.create_security_group(name=NAME, description="ssh and ping from everywhere")
    have = {
        (r.protocol, r.port_range_min)
        for r in network.security_group_rules(security_group_id=found.id, direction="ingress")
        if r.ether_type == "IPv4"
    }
    for protocol, port in OPEN:
        if (protocol, port) not in have:
            network.create_security_group_rule(
                security_group_id=found.id,
                direction="ingress",
                ether_type="IPv4",
                protocol=protocol,
                port_range_min=port,
                port_range_max=port,
            )
            made = True
    walker.found["group"] = found
    return f"{'made' if made else 'is there'}, lets in tcp 22 and icmp"


def floating(walker: Walker) -> str:
    """A floating address on the server's port."""
    network, server = walker.cloud.network, walker.found["server"]
    port = next(iter(network.ports(device_id=server.id, network_id=walker.found["network"].id)), None)
    if port is None:
        raise Failure(f"server {server.id} has no port on network {NAME}")
    found = next(iter(network.ips(port_id=port.id)), None)
    made = found is None
    if found is None:
        found = network.create_ip(floating_network_id=walker.found["outside"].id, port_id=port.id)
    walker.found["address"] = found.floating_ip_address
    return f"{'made' if made else 'is there'}, {found.floating_ip_address} -> {found.fixed_ip_address}"


def _network(walker: Walker, name: str, **more: Any) -> tuple[Any, bool]:
    found = next(iter(walker.cloud.network.networks(name=name)), None)
    if found is not None:
        return found, False
    return walker.cloud.network.create_network(name=name, **more), True
