"""Routers: what makes one, changes it and takes it away."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, Listing, OverQuota, new_id
from pileus.services.network.core import gateways, tags
from pileus.services.network.core.access import scope, sees
from pileus.services.network.core.addresses import Address, block_of
from pileus.services.network.core.changes import gone, touched
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import columns, judge_zones
from pileus.services.network.core.ports import GATEWAY, INTERFACE
from pileus.services.network.core.ports import whole as whole_ports
from pileus.services.network.core.refusals import conflict, missing, refused
from pileus.services.network.db import allocations, ports, routers, subnets
from pileus.services.network.db.ports import PortRow
from pileus.services.network.db.routers import RouterRow
from pileus.services.network.db.tags import tags_of

Route = tuple[str, str]


def find(tx: Tx, near: Near, ctx: Ctx, id: str) -> RouterRow:
    row = tx.row(routers.GET, id=id)
    if row is None or not sees(near, ctx, row.project_id):
        raise missing("Router", id)
    return row


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> RouterRow:
    return whole(tx, [find(tx, near, ctx, id)])[0]


def page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[RouterRow]:
    """Routers that the caller may see."""
    found = routers.list_routers(tx, listing, scope(near, ctx))
    return Page(whole(tx, found.rows), found.more)


def whole(tx: Tx, rows: Sequence[RouterRow]) -> list[RouterRow]:
    """Rows with their gateways' addresses and tags: two queries for any number."""
    if not rows:
        return []
    held: dict[str, list[Address]] = {}
    gateway_ports = [r.gateway_port_id for r in rows if r.gateway_port_id]
    if gateway_ports:
        for one in tx.rows(allocations.OF_PORTS, ids=gateway_ports):
            held.setdefault(one.port_id, []).append((one.subnet_id, one.address))
    tagged = tags_of(tx, "routers", [r.id for r in rows])
    return [
        structs.replace(r, gateway_ips=tuple(held.get(r.gateway_port_id, ())), tags=tagged.get(r.id, ())) for r in rows
    ]


def create(tx: Tx, near: Near, ctx: Ctx, want: dict[str, Any]) -> RouterRow:
    """Make a router, with a gateway when one is asked for."""
    project_id = want.get("project_id", ctx.project_id)
    near.quotas.check(tx, project_id, {"router": 1})
    judge_zones(near, want.get("zone_hints", ()))
    row = RouterRow(
        id=new_id(),
        project_id=project_id,
        name=want["name"],
        description=want["description"],
        admin_state_up=want["admin_state_up"],
        status="ACTIVE",
        gateway_port_id="",
        gateway_network_id="",
        enable_snat=True,
        routes=(),
        zone_hints=",".join(want.get("zone_hints", ())),
        generation=1,
        revision_number=1,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.run(routers.INSERT, **columns(row, "gateway_ips", "tags"))
    if want.get("gateway"):
        row = structs.replace(row, **gateways.set_gateway(tx, near, ctx, row, want["gateway"]))
        row = structs.replace(row, revision_number=2)
        _store(tx, row)
        touched(tx, "router", row.id)
        row = whole(tx, [row])[0]
    record(tx, ctx, "router.create.end", "router", row.id, project_id=project_id, after=row)
    return row


def update(tx: Tx, near: Near, ctx: Ctx, row: RouterRow, want: dict[str, Any]) -> RouterRow:
    """Change a router's own things, its gateway and its routes, all or none."""
    changed: dict[str, Any] = {k: want[k] for k in ("name", "description", "admin_state_up") if k in want}
    if "gateway" in want:
        changed.update(gateways.set_gateway(tx, near, ctx, row, want["gateway"] or {}))
    if "routes" in want:
        changed["routes"] = judge_routes(tx, near, row, [(r["destination"], r["nexthop"]) for r in want["routes"]])
    changed = {k: v for k, v in changed.items() if v != getattr(row, k)}
    new = structs.replace(row, **changed)
    moved = bool(want.get("gateway")) and not changed
    if not changed and not moved:
        return row
    new = structs.replace(new, revision_number=row.revision_number + 1, updated_at=tx.now)
    _store(tx, new)
    touched(tx, "router", row.id)
    new = whole(tx, [new])[0]
    record(tx, ctx, "router.update.end", "router", row.id, project_id=row.project_id, before=row, after=new)
    return new


def _store(tx: Tx, row: RouterRow) -> None:
    values = columns(row, "id", "gateway_ips", "tags", "generation", "created_at")
    tx.run(routers.UPDATE, the_id=row.id, **values)


def delete(tx: Tx, near: Near, ctx: Ctx, row: RouterRow) -> None:
    """Delete a router without interfaces; its gateway goes with it."""
    legs = [p.id for p in legs_of(tx, row.id) if p.device_owner == INTERFACE]
    if legs:
        raise conflict("RouterInUse", f"Router {row.id} has ports still attached: {', '.join(sorted(legs))}")
    gateways.set_gateway(tx, near, ctx, row, {})
    tags.drop_all(tx, "routers", row.id)
    tx.run(routers.DELETE, id=row.id)
    gone(tx, "router", row.id)
    record(tx, ctx, "router.delete.end", "router", row.id, project_id=row.project_id, before=row)


def legs_of(tx: Tx, router_id: str) -> list[PortRow]:
    """Interface and gateway ports, with their addresses."""
    found = tx.rows(ports.OF_DEVICES, ids=[router_id])
    return whole_ports(tx, [p for p in found if p.device_owner in (INTERFACE, GATEWAY)])


def add_routes(tx: Tx, near: Near, ctx: Ctx, row: RouterRow, more: Sequence[Route]) -> RouterRow:
    """Routes beside those that are there; one that is there already is no error."""
    wanted = [*row.routes, *(r for r in dict.fromkeys(more) if r not in row.routes)]
    return update(tx, near, ctx, row, {"routes": _said(wanted)})


def drop_routes(tx: Tx, near: Near, ctx: Ctx, row: RouterRow, less: Sequence[Route]) -> RouterRow:
    """Take routes away; one that is not there is no error."""
    return update(tx, near, ctx, row, {"routes": _said([r for r in row.routes if r not in set(less)])})


def _said(routes: Sequence[Route]) -> list[dict[str, str]]:
    return [{"destination": d, "nexthop": n} for d, n in routes]


def judge_routes(tx: Tx, near: Near, row: RouterRow, asked: Sequence[Route]) -> tuple[Route, ...]:
    """Every next hop must stand on a subnet of the router and be no address of its own."""
    if len(asked) > near.settings.max_routes:
        raise OverQuota("Quota exceeded for resources: ['router_route'].", details={"resources": ["router_route"]})
    legs = legs_of(tx, row.id)
    own = {address for leg in legs for _, address in leg.fixed_ips}
    ids = sorted({subnet_id for leg in legs for subnet_id, _ in leg.fixed_ips})
    blocks = [block_of(s.cidr) for s in tx.rows(subnets.SOME, ids=ids)] if ids else []
    if row.gateway_network_id:
        blocks += [block_of(s.cidr) for s in tx.rows(subnets.OF_NETWORK, network_id=row.gateway_network_id)]
    for _, hop in asked:
        ip = ipaddress.ip_address(hop)
        if not any(ip in block for block in blocks):
            raise _bad_routes(asked, "the nexthop is not connected with router")
        if str(ip) in own:
            raise _bad_routes(asked, "the nexthop is used by router")
    return tuple(sorted(asked))


def _bad_routes(asked: Sequence[Route], reason: str) -> Exception:
    return refused("InvalidRoutes", f"Invalid format for routes: {_said(asked)}, {reason}")
