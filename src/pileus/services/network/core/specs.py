"""From rows to what a driver must make true. Every spec is told from one snapshot."""

from collections.abc import Mapping
from typing import NamedTuple

from pileus.drivers.network import protocol as spec_of
from pileus.kernel.db import Tx
from pileus.services.network.core.addresses import block_of
from pileus.services.network.core.group_rules import normalized
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.ports import GATEWAY, INTERFACE
from pileus.services.network.core.ports import whole as whole_ports
from pileus.services.network.db import allocations, changes, floating, groups, networks, ports, routers, subnets, wanted
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.ports import PortRow
from pileus.services.network.db.subnets import SubnetRow

Wanted = dict[str, dict[str, int]]
"""kind -> id -> generation."""


class Thing(NamedTuple):
    """One network, group, port or router. `generation` is None where no host must carry it."""

    kind: str
    id: str
    generation: int | None
    hosts: frozenset[str]


def on_host(tx: Tx, near: Near, host: str) -> Wanted:
    """All that must stand on a host. Where no port lives nothing else does: most of a large fleet costs one query each."""
    living = dict(tx.rows(wanted.PORTS_ON, host=host))
    if not living and host != near.gateway_host:
        return {"network": {}, "group": {}, "port": {}, "router": {}}
    found: Wanted = {
        "network": dict(tx.rows(wanted.NETWORKS_ON, host=host)),
        "group": {**dict(tx.rows(wanted.GROUPS_ON, host=host)), **dict(tx.rows(wanted.REMOTES_ON, host=host))},
        "port": living,
        "router": {},
    }
    if host == near.gateway_host:
        found["network"].update(tx.rows(wanted.NETWORKS_SERVED))
        found["router"] = dict(tx.rows(wanted.ROUTERS))
    return found


def hosts_of(tx: Tx, near: Near, kind: str, id: str) -> set[str]:
    """The hosts on which this must stand."""
    if kind == "port":
        port = tx.row(ports.GET, id=id)
        return {port.host} if port is not None and lives(port) else set()
    if kind == "router":
        return {near.gateway_host} if tx.row(routers.GET, id=id) is not None else set()
    if kind == "group":
        queries = (wanted.HOSTS_OF_GROUP, wanted.HOSTS_OF_REMOTE)
        return {h for q in queries for (h,) in tx.rows(q, id=id)}
    found = {h for (h,) in tx.rows(wanted.HOSTS_OF_NETWORK, id=id)}
    return found | {near.gateway_host} if tx.row(wanted.SERVED, id=id) is not None else found


def thing(tx: Tx, near: Near, kind: str, id: str) -> Thing:
    """What there is to tell of it, and to whom."""
    found = tx.row(changes.GENERATIONS[kind], id=id)
    if found is None:
        return Thing(kind, id, None, frozenset())
    return Thing(kind, id, int(found[0]), frozenset(hosts_of(tx, near, kind, id)))


def spec(
    tx: Tx, near: Near, kind: str, id: str, serving: bool
) -> spec_of.Network | spec_of.Group | spec_of.Port | spec_of.Router | None:
    """What a driver is told; `serving` is the gateway host's variant."""
    if kind == "network":
        return network(tx, near, id, serving)
    if kind == "group":
        return group(tx, id)
    return port(tx, id) if kind == "port" else router(tx, id)


def lives(port: PortRow) -> bool:
    """Whether a hypervisor makes this port's device."""
    return port.host != "" and not port.device_owner.startswith("network:")


def network(tx: Tx, near: Near, id: str, served: bool) -> spec_of.Network | None:
    """A network as a host must carry it: DHCP and leases are the gateway host's (`served`)."""
    row = tx.row(networks.GET, id=id)
    if row is None:
        return None
    on = tx.rows(subnets.OF_NETWORK, network_id=id)
    port = tx.row(ports.GET, id=row.dhcp_port_id) if served and row.dhcp_port_id else None
    at = {a.subnet_id: a.address for a in tx.rows(allocations.OF_PORTS, ids=[port.id])} if port is not None else {}
    return spec_of.Network(
        id=id,
        generation=row.generation,
        kind="external" if row.network_type == "flat" else "tenant",
        vni=row.segmentation_id,
        physical=row.physical_network,
        mtu=row.mtu,
        domain=(row.dns_domain or near.settings.dns_domain).rstrip("."),
        subnets=tuple(_subnet(s, at.get(s.id, "")) for s in on),
        leases=_leases(tx, near, id) if served else (),
        dhcp_port_id="" if port is None else port.id,
        dhcp_mac="" if port is None else port.mac_address,
    )


def _subnet(row: SubnetRow, dhcp_address: str) -> spec_of.Subnet:
    return spec_of.Subnet(
        id=row.id,
        cidr=row.cidr,
        gateway=row.gateway_ip or "",
        dns=row.dns_nameservers,
        routes=row.host_routes,
        dhcp=row.enable_dhcp and bool(dhcp_address),
        dhcp_address=dhcp_address if row.enable_dhcp else "",
        ra_mode=row.ipv6_ra_mode or "",
        address_mode=row.ipv6_address_mode or "",
    )


def hostname(near: Near, dns_name: str, address: str) -> str:
    """The short name of a port: its own, or one made of its address."""
    if dns_name:
        suffix = "." + near.settings.dns_domain.rstrip(".") + "."
        return dns_name.removesuffix(suffix)
    return "host-" + address.replace(".", "-").replace(":", "-")


def _leases(tx: Tx, near: Near, network_id: str) -> tuple[spec_of.Lease, ...]:
    found: dict[str, spec_of.Lease] = {}
    for port_id, mac, device, project_id, dns_name, options, subnet_id, address in tx.rows(
        wanted.LEASES, id=network_id
    ):
        there = found.get(port_id)
        found[port_id] = spec_of.Lease(
            port_id=port_id,
            mac=mac,
            addresses=(*(there.addresses if there else ()), (subnet_id, address)),
            hostname=there.hostname if there else hostname(near, dns_name, address),
            device_id=device,
            project_id=project_id,
            options=tuple((name, value) for name, value, _ in options),
        )
    return tuple(found.values())


def group(tx: Tx, id: str) -> spec_of.Group | None:
    """A group with its rules, and the addresses of all its members."""
    row = tx.row(groups.GET, id=id)
    if row is None:
        return None
    members = {a for (a,) in tx.rows(wanted.MEMBERS, id=id)}
    members |= {cidr for (pairs,) in tx.rows(wanted.PAIRED_MEMBERS, id=id) for _, cidr in pairs}
    return spec_of.Group(
        id=id,
        generation=row.generation,
        stateful=row.stateful,
        rules=tuple(_rule(r) for r in tx.rows(groups.RULES_OF, ids=[id])),
        members=tuple(sorted(members)),
    )


def _rule(row: groups.RuleRow) -> spec_of.Rule:
    return spec_of.Rule(
        direction="ingress" if row.direction == "ingress" else "egress",
        ethertype="IPv4" if row.ethertype == "IPv4" else "IPv6",
        protocol=row.protocol or "",
        port_min=-1 if row.port_range_min is None else row.port_range_min,
        port_max=-1 if row.port_range_max is None else row.port_range_max,
        cidr=normalized(row) or "",
        group_id=row.remote_group_id or "",
    )


def port(tx: Tx, id: str, attached: bool = True) -> spec_of.Port | None:
    """A port that lives on a host; None when it does not live anywhere."""
    row = tx.row(ports.GET, id=id)
    if row is None or not lives(row):
        return None
    on = tx.row(networks.GET, id=row.network_id)
    assert on is not None
    return described(whole_ports(tx, [row])[0], on, attached)


def described(row: PortRow, on: NetworkRow, attached: bool) -> spec_of.Port:
    """A whole row as its host's driver must know it."""
    return spec_of.Port(
        id=row.id,
        generation=row.generation,
        network_id=row.network_id,
        mac=row.mac_address,
        addresses=tuple(address for _, address in row.fixed_ips),
        pairs=row.pairs,
        groups=row.groups,
        filtered=row.port_security_enabled,
        up=row.admin_state_up and on.admin_state_up,
        attached=attached,
        mtu=on.mtu,
    )


def router(tx: Tx, id: str) -> spec_of.Router | None:
    """A router with its legs, gateway, translations and routes."""
    row = tx.row(routers.GET, id=id)
    if row is None:
        return None
    legs = whole_ports(tx, tx.rows(ports.OF_DEVICES, ids=[id]))
    ids = sorted({s for leg in legs for s, _ in leg.fixed_ips})
    blocks = {s.id: s for s in tx.rows(subnets.SOME, ids=ids)} if ids else {}
    gateway = next((leg for leg in legs if leg.device_owner == GATEWAY), None)
    hops = tuple(
        str(blocks[s].gateway_ip)
        for s, _ in (gateway.fixed_ips if gateway else ())
        if s in blocks and blocks[s].gateway_ip
    )
    return spec_of.Router(
        id=id,
        generation=row.generation,
        up=row.admin_state_up,
        legs=tuple(_leg(leg, blocks) for leg in legs if leg.device_owner == INTERFACE),
        gateway=None if gateway is None else _leg(gateway, blocks),
        next_hops=hops,
        snat=row.enable_snat,
        floating=tuple((ip.address, str(ip.fixed_ip)) for ip in tx.rows(floating.OF_ROUTER, router_id=id)),
        routes=row.routes,
    )


def networks_of(router: spec_of.Router) -> list[str]:
    """Ids of the networks that a router stands on."""
    legs = [*router.legs, *([router.gateway] if router.gateway else [])]
    return list(dict.fromkeys(leg.network_id for leg in legs))


def _leg(row: PortRow, blocks: Mapping[str, SubnetRow]) -> spec_of.RouterLeg:
    return spec_of.RouterLeg(
        port_id=row.id,
        network_id=row.network_id,
        mac=row.mac_address,
        addresses=tuple(f"{a}/{block_of(blocks[s].cidr).prefixlen}" for s, a in row.fixed_ips if s in blocks),
    )
