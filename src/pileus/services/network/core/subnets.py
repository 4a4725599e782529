"""Subnets: what makes one, changes it and takes it away."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, Listing, new_id
from pileus.services.network.core import dhcp, subnetpools, tags
from pileus.services.network.core import subnet_rules as rules
from pileus.services.network.core.access import scope, sees
from pileus.services.network.core.addresses import block_of, eui64, holder, is_automatic, take
from pileus.services.network.core.changes import touched
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import bumped, columns, find, judge_mtu
from pileus.services.network.core.refusals import bad_request, conflict, missing, refused
from pileus.services.network.db import allocations, networks, ports, subnets
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.subnets import SubnetRow
from pileus.services.network.db.tags import tags_of

_NO_COLUMNS = ("shared", "external", "network_project_id", "tags")
_SPEC = frozenset({"gateway_ip", "dns_nameservers", "host_routes", "enable_dhcp"})


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> SubnetRow:
    row = tx.row(subnets.GET, id=id)
    if row is None or not (row.shared or row.external or sees(near, ctx, row.project_id, row.network_project_id)):
        raise missing("Subnet", id)
    return structs.replace(row, tags=tags.of(tx, "subnets", id))


def page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[SubnetRow]:
    """Subnets that the caller may see."""
    found = subnets.list_subnets(tx, listing, scope(near, ctx))
    tagged = tags_of(tx, "subnets", [r.id for r in found.rows])
    return Page([structs.replace(r, tags=tagged[r.id]) if r.id in tagged else r for r in found.rows], found.more)


def create(tx: Tx, near: Near, ctx: Ctx, want: dict[str, Any]) -> SubnetRow:
    """Make a subnet. Ports that stand on the network already get their automatic addresses of it."""
    network: NetworkRow = want.get("network") or find(tx, near, ctx, want["network_id"])
    project_id = want.get("project_id", network.project_id if network.external else ctx.project_id)
    near.quotas.check(tx, project_id, {"subnet": 1})
    others = tx.rows(subnets.OF_NETWORK, network_id=network.id)
    row = _made(near, network, project_id, _with_block(tx, near, ctx, project_id, want, others), others, tx.now)
    tx.run(subnets.INSERT, **columns(row, *_NO_COLUMNS))
    bumped(tx, network)
    if is_automatic(row):
        _give_automatic(tx, row)
    dhcp.follow(tx, network, row)
    touched(tx, "network", network.id)
    record(tx, ctx, "subnet.create.end", "subnet", row.id, project_id=project_id, after=row)
    return row


def _with_block(
    tx: Tx, near: Near, ctx: Ctx, project_id: str, want: dict[str, Any], others: Sequence[SubnetRow]
) -> dict[str, Any]:
    """The want with a block: its own, or one cut from a pool."""
    pool = subnetpools.pool_of(tx, near, ctx, want)
    cidr, prefixlen = want.get("cidr"), want.get("prefixlen")
    if cidr is not None and prefixlen is not None:
        raise bad_request("subnets", "cidr and prefixlen must not be supplied together")
    if pool is None and cidr is None:
        raise bad_request("subnets", "a subnetpool must be specified in the absence of a cidr")
    pool_id = None if pool is None else pool.id
    if any(o.ip_version == want["ip_version"] and o.subnetpool_id != pool_id for o in others):
        raise refused(
            "NetworkSubnetPoolAffinityError",
            "Subnets hosted on the same network must be allocated from the same subnet pool.",
        )
    if pool is None:
        return {**want, "subnetpool_id": None}
    return {**want, "subnetpool_id": pool_id, "cidr": subnetpools.cut(tx, pool, project_id, cidr, prefixlen)}


def _made(
    near: Near, network: NetworkRow, project_id: str, want: dict[str, Any], others: Sequence[SubnetRow], now: int
) -> SubnetRow:
    ip_version, with_dhcp = want["ip_version"], want["enable_dhcp"]
    block = _judged(near, network, want, others)
    gateway: str | None = rules.default_gateway(block)
    if "gateway_ip" in want:
        gateway = None if want["gateway_ip"] is None else rules.judge_gateway(block, want["gateway_ip"])
    if want.get("pools") is not None:
        pools = rules.judge_pools(block, want["pools"], gateway)
    else:
        pools = rules.default_pools(block, gateway)
    return SubnetRow(
        id=new_id(),
        project_id=project_id,
        network_id=network.id,
        name=want["name"],
        description=want["description"],
        ip_version=ip_version,
        cidr=str(block),
        gateway_ip=gateway,
        pools=pools,
        dns_nameservers=tuple(want["dns_nameservers"]),
        host_routes=tuple((r["destination"], r["nexthop"]) for r in want["host_routes"]),
        service_types=tuple(want["service_types"]),
        enable_dhcp=with_dhcp,
        ipv6_ra_mode=want.get("ipv6_ra_mode"),
        ipv6_address_mode=want.get("ipv6_address_mode"),
        subnetpool_id=want["subnetpool_id"],
        revision_number=0,
        created_at=now,
        updated_at=now,
        shared=network.shared,
        external=network.external,
        network_project_id=network.project_id,
    )


def _judged(near: Near, network: NetworkRow, want: dict[str, Any], others: Sequence[SubnetRow]) -> rules.Block:
    """The block that is asked for, if this network may have such a subnet."""
    cidr, ip_version, with_dhcp = want["cidr"], want["ip_version"], want["enable_dhcp"]
    block = rules.judge_block(cidr, ip_version, with_dhcp)
    rules.judge_modes(ip_version, with_dhcp, want.get("ipv6_ra_mode"), want.get("ipv6_address_mode"), block)
    rules.judge_extras(near, ip_version, want["dns_nameservers"], want["host_routes"], "new subnet")
    rules.judge_overlap(network.id, block, others)
    judge_mtu(network.id, network.mtu, ip_version)
    return block


def _give_automatic(tx: Tx, subnet: SubnetRow) -> None:
    for port in tx.rows(ports.OF_NETWORK, network_id=subnet.network_id):
        if not port.device_owner.startswith("network:router") and port.device_owner != "network:floatingip":
            take(tx, subnet, eui64(subnet.cidr, port.mac_address), port.id, 1 << 10)
            touched(tx, "port", port.id)


def update(tx: Tx, near: Near, ctx: Ctx, row: SubnetRow, want: dict[str, Any]) -> SubnetRow:
    """Change what may change. Raises `Conflict` when a port holds the new or the old gateway."""
    block = block_of(row.cidr)
    changed: dict[str, Any] = {k: want[k] for k in ("name", "description") if k in want}
    for name in ("dns_nameservers", "service_types"):
        if name in want:
            changed[name] = tuple(want[name])
    if "host_routes" in want:
        changed["host_routes"] = tuple((r["destination"], r["nexthop"]) for r in want["host_routes"])
    rules.judge_extras(near, row.ip_version, want.get("dns_nameservers", ()), want.get("host_routes", ()), row.id)
    if "enable_dhcp" in want:
        changed["enable_dhcp"] = want["enable_dhcp"]
        rules.judge_block(row.cidr, row.ip_version, want["enable_dhcp"])
        rules.judge_modes(row.ip_version, want["enable_dhcp"], row.ipv6_ra_mode, row.ipv6_address_mode, block)
    gateway = row.gateway_ip
    if "gateway_ip" in want:
        gateway = changed["gateway_ip"] = _new_gateway(tx, row, want["gateway_ip"])
    if want.get("pools") is not None:
        changed["pools"] = rules.judge_pools(block, want["pools"], gateway)
    elif "gateway_ip" in want:
        rules.judge_gateway_apart(gateway, row.pools)
    changed = {k: v for k, v in changed.items() if v != getattr(row, k)}
    return _changed(tx, ctx, row, changed) if changed else row


def _new_gateway(tx: Tx, row: SubnetRow, asked: str | None) -> str | None:
    if asked == row.gateway_ip:
        return asked
    if row.gateway_ip is not None:
        used = holder(tx, row.id, row.gateway_ip)
        port = tx.row(ports.GET, id=used) if used else None
        if port is not None and port.device_owner == "network:router_interface":
            raise conflict(
                "GatewayIpInUse",
                f"Current gateway ip {row.gateway_ip} already in use by port {port.id}. Unable to update.",
            )
    if asked is None:
        return None
    return rules.judge_gateway(block_of(row.cidr), asked)


def _changed(tx: Tx, ctx: Ctx, row: SubnetRow, changed: dict[str, Any]) -> SubnetRow:
    new = structs.replace(row, **changed, revision_number=row.revision_number + 1, updated_at=tx.now)
    tx.run(subnets.UPDATE, the_id=row.id, revision_number=new.revision_number, updated_at=tx.now, **changed)
    if _SPEC & changed.keys():
        network = tx.row(networks.GET, id=row.network_id)
        assert network is not None
        dhcp.follow(tx, network, new)
        touched(tx, "network", row.network_id)
    record(tx, ctx, "subnet.update.end", "subnet", row.id, project_id=row.project_id, before=row, after=new)
    return new


def delete(tx: Tx, near: Near, ctx: Ctx, row: SubnetRow) -> None:
    """Take a subnet away. Raises `Conflict` while a port holds an address of it that it did not give itself."""
    for port_id, _ in tx.rows(allocations.ON_SUBNET, subnet_id=row.id):
        port = tx.row(ports.GET, id=port_id)
        if port is not None and port.device_owner != "network:dhcp" and not _gives_itself(row, port.device_owner):
            raise conflict(
                "SubnetInUse",
                f"Unable to complete operation on subnet {row.id}: One or more ports have an IP allocation from this "
                "subnet.",
            )
    remove(tx, ctx, row)
    network = tx.row(networks.GET, id=row.network_id)
    if network is not None:
        bumped(tx, network)
        dhcp.retire(tx, ctx, network)
        touched(tx, "network", row.network_id)


def _gives_itself(subnet: SubnetRow, owner: str) -> bool:
    return is_automatic(subnet) and not owner.startswith("network:router")


def remove(tx: Tx, ctx: Ctx, row: SubnetRow) -> None:
    """The row and what hangs on it."""
    for port_id, address in tx.rows(allocations.ON_SUBNET, subnet_id=row.id):
        tx.run(allocations.FREE, port_id=port_id, subnet_id=row.id, address=address)
        touched(tx, "port", port_id)
    tags.drop_all(tx, "subnets", row.id)
    tx.run(subnets.DELETE, id=row.id)
    record(tx, ctx, "subnet.delete.end", "subnet", row.id, project_id=row.project_id, before=row)
