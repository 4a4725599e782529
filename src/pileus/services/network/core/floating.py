"""Floating IPs: what makes one, moves it and takes it away."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, Listing, NotFound, new_id
from pileus.services.network.core import ports as port_core
from pileus.services.network.core import tags
from pileus.services.network.core.access import scope, sees
from pileus.services.network.core.changes import touched
from pileus.services.network.core.gateways import own_port
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import columns, find
from pileus.services.network.core.ports import FLOATING
from pileus.services.network.core.refusals import bad_request, conflict, missing
from pileus.services.network.db import floating, ports, routers, subnets
from pileus.services.network.db.floating import FloatingRow
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.ports import PortRow
from pileus.services.network.db.tags import tags_of

_NO_COLUMNS = ("port_details", "tags")
_FREE: dict[str, Any] = {"port_id": None, "fixed_ip": None, "router_id": None, "status": "DOWN"}


def get(tx: Tx, near: Near, ctx: Ctx, id: str) -> FloatingRow:
    row = tx.row(floating.GET, id=id)
    if row is None or not sees(near, ctx, row.project_id):
        raise missing("FloatingIP", id)
    return whole(tx, [row])[0]


def page(tx: Tx, near: Near, ctx: Ctx, listing: Listing) -> Page[FloatingRow]:
    """Floating IPs that the caller may see."""
    found = floating.list_floating(tx, listing, scope(near, ctx))
    return Page(whole(tx, found.rows), found.more)


def whole(tx: Tx, rows: Sequence[FloatingRow]) -> list[FloatingRow]:
    """Rows with what is shown of their ports, and tags: two queries for any number."""
    if not rows:
        return []
    ids = [r.port_id for r in rows if r.port_id]
    there = {p.id: p for p in tx.rows(ports.SOME, ids=ids)} if ids else {}
    tagged = tags_of(tx, "floatingips", [r.id for r in rows])
    return [
        structs.replace(r, port_details=_details(there.get(r.port_id or "")), tags=tagged.get(r.id, ())) for r in rows
    ]


def _details(port: PortRow | None) -> dict[str, Any] | None:
    if port is None:
        return None
    names = ("name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner")
    return {n: getattr(port, n) for n in names}


def create(tx: Tx, near: Near, ctx: Ctx, want: dict[str, Any]) -> FloatingRow:
    """Take an address of an external network, and let it stand for a port's when one is named."""
    network = find(tx, near, ctx, want["network_id"])
    if not network.external:
        raise bad_request("floatingip", f"Network {network.id} is not a valid external network")
    project_id = want.get("project_id", ctx.project_id)
    near.quotas.check(tx, project_id, {"floatingip": 1})
    id = new_id()
    port = _port(tx, near, ctx, network, id, want)
    row = FloatingRow(
        id=id,
        project_id=project_id,
        description=want["description"],
        network_id=network.id,
        address=port.fixed_ips[0][1],
        floating_port_id=port.id,
        port_id=None,
        fixed_ip=None,
        router_id=None,
        status="DOWN",
        dns_name=want["dns_name"],
        dns_domain=want["dns_domain"],
        revision_number=0,
        created_at=tx.now,
        updated_at=tx.now,
    )
    row = structs.replace(row, **_association(tx, near, ctx, row, want))
    tx.run(floating.INSERT, **columns(row, *_NO_COLUMNS))
    if row.router_id:
        touched(tx, "router", row.router_id)
    record(tx, ctx, "floatingip.create.end", "floatingip", row.id, project_id=project_id, after=row)
    return whole(tx, [row])[0]


def _port(tx: Tx, near: Near, ctx: Ctx, network: NetworkRow, id: str, want: dict[str, Any]) -> PortRow:
    """The port that holds the address: nobody's, on the external network."""
    asked: dict[str, Any] = {}
    if want.get("subnet_id"):
        asked["subnet_id"] = want["subnet_id"]
    if want.get("address"):
        asked["ip_address"] = want["address"]
    if not asked and not any(s.ip_version == 4 for s in tx.rows(subnets.OF_NETWORK, network_id=network.id)):
        raise bad_request("floatingip", f"Network {network.id} does not contain any IPv4 subnet")
    port = own_port(tx, near, network, FLOATING, id, "")
    made = port_core.insert(tx, near, ctx, port, [asked] if asked else None, ())
    return structs.replace(made, fixed_ips=tuple(sorted(made.fixed_ips, key=lambda a: ":" in a[1])))


def update(tx: Tx, near: Near, ctx: Ctx, row: FloatingRow, want: dict[str, Any]) -> FloatingRow:
    """Describe, or move to another port: null frees it."""
    changed: dict[str, Any] = {k: want[k] for k in ("description",) if k in want}
    if "port_id" in want or "fixed_ip" in want:
        changed.update(_association(tx, near, ctx, row, want))
    changed = {k: v for k, v in changed.items() if v != getattr(row, k)}
    if not changed:
        return row
    new = structs.replace(row, **changed, revision_number=row.revision_number + 1, updated_at=tx.now)
    tx.run(floating.UPDATE, the_id=row.id, revision_number=new.revision_number, updated_at=tx.now, **changed)
    for router_id in {row.router_id, new.router_id} - {None}:
        touched(tx, "router", str(router_id))
    record(tx, ctx, "floatingip.update.end", "floatingip", row.id, project_id=row.project_id, before=row, after=new)
    return whole(tx, [new])[0]


def delete(tx: Tx, near: Near, ctx: Ctx, row: FloatingRow) -> None:
    """Give the address back."""
    tags.drop_all(tx, "floatingips", row.id)
    tx.run(floating.DELETE, id=row.id)
    port = tx.row(ports.GET, id=row.floating_port_id)
    if port is not None:
        port_core.remove(tx, ctx, port_core.whole(tx, [port])[0])
    if row.router_id:
        touched(tx, "router", row.router_id)
    record(tx, ctx, "floatingip.delete.end", "floatingip", row.id, project_id=row.project_id, before=row)


def _association(tx: Tx, near: Near, ctx: Ctx, row: FloatingRow, want: dict[str, Any]) -> dict[str, Any]:
    """The columns that follow from the port that is asked for."""
    port_id, fixed = want.get("port_id"), want.get("fixed_ip")
    if fixed is not None and "port_id" not in want and row.port_id:
        port_id = row.port_id
    if port_id is None:
        if fixed is not None:
            raise bad_request("floatingip", "fixed_ip_address cannot be specified without a port_id")
        return dict(_FREE)
    port = port_core.get(tx, near, ctx, port_id)
    subnet_id, address = _fixed(port, fixed)
    taken = tx.row(floating.ASSOCIATED, port_id=port.id, fixed_ip=address, network_id=row.network_id)
    if taken is not None and taken[0] != row.id:
        raise conflict(
            "FloatingIPPortAlreadyAssociated",
            f"Cannot associate floating IP {row.address} ({row.id}) with port {port.id} using fixed IP {address}, as that "
            f"fixed IP already has a floating IP on external network {row.network_id}.",
        )
    serving = tx.row(routers.SERVING, subnet_id=subnet_id, gateway_network_id=row.network_id)
    if serving is None:
        raise NotFound(
            f"External network {row.network_id} is not reachable from subnet {subnet_id}.  Therefore, cannot associate "
            f"Port {port.id} with a Floating IP.",
            type="ExternalGatewayForFloatingIPNotFound",
        )
    same = row.port_id == port.id and row.fixed_ip == address and row.router_id == serving[0]
    return {
        "port_id": port.id,
        "fixed_ip": address,
        "router_id": serving[0],
        "status": row.status if same else "DOWN",
    }


def _fixed(port: PortRow, asked: str | None) -> tuple[str, str]:
    """Which address of the port the floating one stands for."""
    on = [(s, a) for s, a in port.fixed_ips if ":" not in a]
    if asked is not None:
        for subnet_id, address in on:
            if address == asked:
                return subnet_id, address
        raise bad_request("floatingip", f"Port {port.id} does not have fixed ip {asked}")
    if not on:
        raise bad_request("floatingip", f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses")
    if len(on) > 1:
        raise bad_request(
            "floatingip",
            f"Port {port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a "
            "floating IP",
        )
    return on[0]
