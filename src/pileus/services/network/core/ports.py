"""Ports: what makes one and takes it away."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, Listing, new_id
from pileus.services.network.core import dhcp, macs, port_security, tags
from pileus.services.network.core.access import is_admin, scope, sees
from pileus.services.network.core.addresses import Address, Placing
from pileus.services.network.core.changes import gone, touched
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import columns, find
from pileus.services.network.core.refusals import conflict, missing, refused
from pileus.services.network.db import allocations, floating, ports, routers, subnets
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.ports import PortRow
from pileus.services.network.db.tags import tags_of

NO_COLUMNS = ("network_project_id", "shared", "fixed_ips", "groups", "tags")
INTERFACE, GATEWAY, FLOATING = "network:router_interface", "network:router_gateway", "network:floatingip"
_SERVICE = (INTERFACE, GATEWAY, FLOATING)


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> PortRow:
    row = tx.row(ports.GET, id=id)
    if row is None or not sees(near, ctx, row.project_id, row.network_project_id):
        raise missing("Port", id)
    return whole(tx, [row])[0]


def page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[PortRow]:
    """Ports that the caller may see."""
    found = ports.list_ports(tx, listing, scope(near, ctx))
    return Page(whole(tx, found.rows), found.more)


def whole(tx: Tx, rows: Sequence[PortRow]) -> list[PortRow]:
    """Rows with their addresses, groups and tags: three queries for any number."""
    if not rows:
        return []
    ids = [r.id for r in rows]
    held: dict[str, list[Address]] = {}
    for one in tx.rows(allocations.OF_PORTS, ids=ids):
        held.setdefault(one.port_id, []).append((one.subnet_id, one.address))
    carried: dict[str, list[str]] = {}
    for port_id, group_id in tx.rows(ports.GROUPS_OF, ids=ids):
        carried.setdefault(port_id, []).append(group_id)
    tagged = tags_of(tx, "ports", ids)
    return [
        structs.replace(
            r,
            fixed_ips=tuple(held.get(r.id, ())),
            groups=tuple(carried.get(r.id, ())),
            tags=tagged.get(r.id, ()),
        )
        for r in rows
    ]


def create(tx: Tx, near: Near, ctx: Ctx, want: dict[str, Any]) -> PortRow:
    """Make a port with its addresses and groups."""
    network: NetworkRow = want.get("network") or find(tx, near, ctx, want["network_id"])
    project_id = want.get("project_id", ctx.project_id)
    near.quotas.check(tx, project_id, {"port": 1})
    owner = want.get("device_owner", "")
    _judge_device(tx, near, ctx, project_id, owner, want.get("device_id", ""))
    filtered = want.get("port_security_enabled")
    if filtered is None:
        filtered = network.port_security_enabled and not port_security.is_trusted(owner)
    groups = port_security.groups_for(tx, near, ctx, project_id, want.get("groups"), filtered)
    pairs = port_security.judge_pairs(near, want.get("pairs", ()), filtered)
    row = made(tx, near, network, project_id, {**want, "port_security_enabled": filtered, "pairs": pairs})
    return insert(tx, near, ctx, row, want.get("fixed_ips"), groups, want.get("tags", ()))


def made(tx: Tx, near: Near, network: NetworkRow, project_id: str, want: dict[str, Any]) -> PortRow:
    """The row of a port to be, with a MAC address that is free; not written down yet."""
    asked_mac = want.get("mac_address")
    return PortRow(
        id=new_id(),
        project_id=project_id,
        network_id=network.id,
        name=want.get("name", ""),
        description=want.get("description", ""),
        admin_state_up=want.get("admin_state_up", True),
        status=want.get("status", "DOWN"),
        mac_address=macs.claim(tx, network.id, asked_mac) if asked_mac else macs.choose(tx, near, network.id),
        device_id=want.get("device_id", ""),
        device_owner=want.get("device_owner", ""),
        host=want.get("host", ""),
        vnic_type=want.get("vnic_type", "normal"),
        profile=want.get("profile", {}),
        port_security_enabled=want["port_security_enabled"],
        pairs=want["pairs"],
        dhcp_options=tuple(want.get("dhcp_options", ())),
        dns_name=want.get("dns_name", ""),
        dns_domain=want.get("dns_domain", ""),
        position=want.get("position", 0),
        owned=want.get("owned", False),
        device_tag=want.get("device_tag", ""),
        generation=1,
        revision_number=1,
        created_at=tx.now,
        updated_at=tx.now,
        network_project_id=network.project_id,
        shared=network.shared,
    )


def insert(
    tx: Tx,
    near: Near,
    ctx: Ctx,
    row: PortRow,
    asked: Sequence[dict[str, Any]] | None,
    groups: Sequence[str],
    tagged: Sequence[str] = (),
) -> PortRow:
    """Write a port down with its addresses; hosts hear of it when it lives on one."""
    _judge_count(near, asked)
    on = tx.rows(subnets.OF_NETWORK, network_id=row.network_id)
    fixed_ips = Placing(tx, row.network_id, on, row.id, row.mac_address, row.device_owner).all(asked)
    tx.run(ports.INSERT, **columns(row, *NO_COLUMNS))
    tx.run_many(ports.ADD_GROUP, [{"port_id": row.id, "group_id": g} for g in groups])
    row = structs.replace(row, fixed_ips=fixed_ips, groups=tuple(groups), tags=tuple(sorted(tagged)))
    if tagged:
        tags.replace(tx, "ports", row.id, tagged)
    if row.host:
        dhcp.serve(tx, near, ctx, row.network_id)
        stirred(tx, row)
    record(tx, ctx, "port.create.end", "port", row.id, project_id=row.project_id, after=row)
    return row


def stirred(tx: Tx, row: PortRow, *more_groups: str) -> None:
    """A port that lives on a host has changed: its device, its lease, and who belongs to its groups."""
    if row.device_owner in _SERVICE:
        return
    touched(tx, "port", row.id)
    touched(tx, "network", row.network_id)
    for group_id in dict.fromkeys((*row.groups, *more_groups)):
        touched(tx, "group", group_id)


def delete(tx: Tx, near: Near, ctx: Ctx, row: PortRow) -> None:
    """Delete a port that no router and no floating IP owns."""
    if row.device_owner in _SERVICE and _device_there(tx, row):
        raise conflict(
            "ServicePortInUse",
            f"Port {row.id} cannot be deleted directly via the port API: has device owner {row.device_owner}.",
        )
    remove(tx, ctx, row)


def _device_there(tx: Tx, row: PortRow) -> bool:
    if row.device_owner == FLOATING:
        return tx.row(floating.GET, id=row.device_id) is not None
    return tx.row(routers.GET, id=row.device_id) is not None


def remove(tx: Tx, ctx: Ctx, row: PortRow) -> None:
    """The port and all that hangs on it. `row` must be whole."""
    for ip in tx.rows(floating.OF_PORTS, ids=[row.id]):
        tx.run(
            floating.UPDATE,
            the_id=ip.id,
            port_id=None,
            fixed_ip=None,
            router_id=None,
            status="DOWN",
            revision_number=ip.revision_number + 1,
            updated_at=tx.now,
        )
        if ip.router_id:
            touched(tx, "router", ip.router_id)
    tx.run(allocations.FREE_PORT, port_id=row.id)
    tx.run(ports.DROP_GROUPS, port_id=row.id)
    tags.drop_all(tx, "ports", row.id)
    tx.run(ports.DELETE, id=row.id)
    if row.host:
        gone(tx, "port", row.id)
        touched(tx, "network", row.network_id)
        for group_id in row.groups:
            touched(tx, "group", group_id)
    record(tx, ctx, "port.delete.end", "port", row.id, project_id=row.project_id, before=row)


def _judge_count(near: Near, asked: Sequence[dict[str, Any]] | None) -> None:
    if asked is not None and len(asked) > near.settings.max_fixed_ips:
        raise refused(
            "InvalidInput",
            f"Invalid input for operation: Exceeded maximum amount of fixed ips per port ({near.settings.max_fixed_ips}).",
        )


def _judge_device(tx: Tx, near: Near, ctx: Ctx, project_id: str, owner: str, device_id: str) -> None:
    """A tenant's port may not pass for a leg of somebody else's router."""
    if owner not in (INTERFACE, GATEWAY) or not device_id or is_admin(near, ctx):
        return
    router = tx.row(routers.GET, id=device_id)
    if router is None or router.project_id != project_id:
        raise conflict(
            "DeviceIDNotOwnedByTenant",
            f"The following device_id {device_id} is not owned by your tenant or matches another tenants router.",
        )
