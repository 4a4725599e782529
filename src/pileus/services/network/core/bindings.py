"""Ports of servers: compute reserves, binds and releases them."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import structs

from pileus.contracts.network import PortInfo, PortWish
from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Ctx, Forbidden, Invalid, NotFound, cloud, is_uuid
from pileus.services.network.core import port_updates
from pileus.services.network.core import ports as port_core
from pileus.services.network.core.access import is_admin
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import find as find_network
from pileus.services.network.core.refusals import conflict
from pileus.services.network.db import allocations, floating, groups, networks, ports, subnets
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.ports import PortRow
from pileus.services.network.db.subnets import SubnetRow

_BLANK: dict[str, Any] = {
    "device_id": "",
    "device_owner": "",
    "host": "",
    "position": 0,
    "device_tag": "",
    "status": "DOWN",
}


def reserve(
    tx: Tx,
    near: Near,
    ctx: Ctx,
    device_id: str,
    host: str,
    zone: str,
    wishes: Sequence[PortWish] | None,
    named: Sequence[str],
) -> list[PortRow]:
    """Make or take the ports of a server. See `contracts.network.Network.reserve_ports`."""
    if wishes is None:
        wishes = _only_network(tx, ctx)
    carried = _groups(tx, near, ctx, named)
    return [_one(tx, near, ctx, device_id, host, zone, wish, at, carried) for at, wish in enumerate(wishes)]


def add(tx: Tx, near: Near, ctx: Ctx, device_id: str, host: str, zone: str, wish: PortWish) -> PortRow:
    """One more card for a server that is there."""
    last = tx.row(ports.LAST_POSITION, device_id=device_id)
    at = 0 if last is None or last[0] is None else int(last[0]) + 1
    if not wish.network_id and not wish.port_id:
        wish = structs.replace(wish, network_id=_only_network(tx, ctx, required=True)[0].network_id)
    return _one(tx, near, ctx, device_id, host, zone, wish, at, None)


def _only_network(tx: Tx, ctx: Ctx, required: bool = False) -> tuple[PortWish, ...]:
    found = tx.rows(networks.VISIBLE, project_id=ctx.project_id)
    own = [n for n in found if n.project_id == ctx.project_id] or found
    if not own:
        if required:
            raise Conflict("No networks are available to this project.", type="NetworkNotFound")
        return ()
    if len(own) > 1:
        raise Conflict(
            "Multiple possible networks found, use a Network ID to be more specific.", type="NetworkAmbiguous"
        )
    return (PortWish(network_id=own[0].id),)


def _groups(tx: Tx, near: Near, ctx: Ctx, named: Sequence[str]) -> list[str] | None:
    """Ids of groups that are named by id or by a name that is unique in the project; None: the default group."""
    wanted = [n for n in dict.fromkeys(named) if n]
    if not wanted or wanted == ["default"]:
        return None
    return [named_group(tx, near, ctx, name) for name in wanted]


def named_group(tx: Tx, near: Near, ctx: Ctx, name: str) -> str:
    """The id of a group that is named by id, or by a name that is unique in the project."""
    if is_uuid(name):
        group = tx.row(groups.GET, id=name)
        if group is not None and (group.project_id == ctx.project_id or is_admin(near, ctx)):
            return group.id
    found = tx.rows(groups.NAMED, project_id=ctx.project_id, name=name)
    if not found:
        raise NotFound(f"Security group {name} not found.", type="SecurityGroupNotFound")
    if len(found) > 1:
        raise Conflict(
            f"Multiple security groups found matching '{name}'. Use an ID to be more specific.",
            type="NoUniqueMatch",
        )
    return found[0].id


def _one(
    tx: Tx,
    near: Near,
    ctx: Ctx,
    device_id: str,
    host: str,
    zone: str,
    wish: PortWish,
    at: int,
    carried: Sequence[str] | None,
) -> PortRow:
    device = {
        "device_id": device_id,
        "device_owner": f"compute:{zone or near.settings.zone}",
        "host": host,
        "position": at,
        "device_tag": wish.tag,
    }
    if wish.port_id:
        return _take(tx, near, ctx, wish, device)
    network = find_network(tx, near, ctx, wish.network_id)
    if network.external and not network.shared and not is_admin(near, ctx) and network.project_id != ctx.project_id:
        raise Forbidden(
            f"It is not allowed to create an interface on external network {network.id}",
            type="ExternalNetworkAttachForbidden",
        )
    want: dict[str, Any] = {"network": network, "owned": True, **device}
    filtered = network.port_security_enabled
    if carried is not None and filtered:
        want["groups"] = list(carried)
    if wish.fixed_ip:
        want["fixed_ips"] = [{"ip_address": wish.fixed_ip}]
    _judge_addresses(tx, network)
    return port_core.create(tx, near, ctx, want)


def _judge_addresses(tx: Tx, network: NetworkRow) -> None:
    if network.port_security_enabled and not tx.rows(subnets.OF_NETWORK, network_id=network.id):
        raise Invalid(
            f"Network {network.id} requires a subnet in order to boot instances on.", type="NetworkRequiresSubnet"
        )


def _take(tx: Tx, near: Near, ctx: Ctx, wish: PortWish, device: dict[str, Any]) -> PortRow:
    row = port_core.get(tx, near, ctx, wish.port_id)
    if row.device_id and row.device_id != device["device_id"]:
        raise conflict("PortInUse", f"Port {row.id} is still in use.")
    if wish.fixed_ip and wish.fixed_ip not in {a for _, a in row.fixed_ips}:
        raise Invalid(f"Fixed IP address {wish.fixed_ip} is not one of port {row.id}.", type="FixedIpInvalidOnHost")
    return port_updates.apply(tx, near, ctx, row, device)


def release(tx: Tx, near: Near, device_id: str, port_ids: Sequence[str] | None) -> None:
    """Delete ports that compute made, unbind the others. Those that are gone already are no error."""
    ctx = cloud()
    for row in port_core.whole(tx, of_server(tx, [device_id])):
        if port_ids is not None and row.id not in port_ids:
            continue
        if row.owned:
            port_core.remove(tx, ctx, row)
        else:
            port_updates.apply(tx, near, ctx, row, dict(_BLANK))


def bind(tx: Tx, near: Near, device_id: str, host: str) -> None:
    """All ports of the device live on `host` from now on (empty: nowhere)."""
    ctx = cloud()
    for row in port_core.whole(tx, of_server(tx, [device_id])):
        if row.host != host:
            port_updates.apply(tx, near, ctx, row, {"host": host})


def of_server(tx: Tx, device_ids: Sequence[str]) -> list[PortRow]:
    """Bare rows of servers' ports, in the order of their cards."""
    found = tx.rows(ports.OF_DEVICES, ids=list(device_ids)) if device_ids else []
    return [p for p in found if not p.device_owner.startswith("network:")]


def device_of(tx: Tx, network_id: str, address: str) -> str:
    """The server that has this address on this network; empty when none."""
    found = tx.row(allocations.BY_ADDRESS, network_id=network_id, address=address)
    port = None if found is None else tx.row(ports.GET, id=found[0])
    return "" if port is None or port.device_owner.startswith("network:") else port.device_id


def infos(tx: Tx, rows: Sequence[PortRow]) -> list[PortInfo]:
    """What compute shows and uses of ports: five queries for any number. `rows` must be whole."""
    if not rows:
        return []
    on = {n.id: n for n in tx.rows(networks.SOME, ids=_ids(r.network_id for r in rows))}
    subnet_ids = _ids(s for r in rows for s, _ in r.fixed_ips)
    blocks = {s.id: s for s in tx.rows(subnets.SOME, ids=subnet_ids)} if subnet_ids else {}
    group_ids = _ids(g for r in rows for g in r.groups)
    names = {g.id: g.name for g in tx.rows(groups.SOME, ids=group_ids)} if group_ids else {}
    standing: dict[str, list[tuple[str, str]]] = {}
    for ip in tx.rows(floating.OF_PORTS, ids=[r.id for r in rows]):
        standing.setdefault(str(ip.port_id), []).append((str(ip.fixed_ip), ip.address))
    return [
        PortInfo(
            id=r.id,
            network_id=r.network_id,
            network_name=on[r.network_id].name,
            mac=r.mac_address,
            fixed_ips=r.fixed_ips,
            floating=tuple(standing.get(r.id, ())),
            mtu=on[r.network_id].mtu,
            status=r.status,
            security_groups=tuple((g, names.get(g, "")) for g in r.groups),
            subnets=tuple(_described(blocks[s]) for s in dict.fromkeys(s for s, _ in r.fixed_ips) if s in blocks),
            owned=r.owned,
            tag=r.device_tag,
        )
        for r in rows
    ]


def _ids(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(found))


def _described(subnet: SubnetRow) -> dict[str, Any]:
    return {
        "id": subnet.id,
        "cidr": subnet.cidr,
        "gateway": subnet.gateway_ip or "",
        "dns": list(subnet.dns_nameservers),
        "routes": [{"destination": d, "nexthop": n} for d, n in subnet.host_routes],
        "dhcp": subnet.enable_dhcp,
        "version": subnet.ip_version,
    }
