"""A router's interfaces: its ports on the networks that it joins."""

import ipaddress
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, NotFound, is_uuid
from pileus.services.network.core import port_updates
from pileus.services.network.core import ports as port_core
from pileus.services.network.core import subnets as subnet_core
from pileus.services.network.core.addresses import block_of
from pileus.services.network.core.changes import gone, touched
from pileus.services.network.core.gateways import own_port
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import find as find_network
from pileus.services.network.core.ports import INTERFACE
from pileus.services.network.core.refusals import bad_request, conflict, refused
from pileus.services.network.core.routers import legs_of
from pileus.services.network.db import floating, routers, subnets
from pileus.services.network.db.ports import PortRow
from pileus.services.network.db.routers import RouterRow
from pileus.services.network.db.subnets import SubnetRow


def add(tx: Tx, near: Near, ctx: Ctx, router: RouterRow, asked: Any) -> PortRow:
    """Join a subnet at its gateway address, or through a port that stands ready."""
    subnet_id, port_id = _asked(asked)
    if subnet_id and port_id:
        raise bad_request("router", "Cannot specify both subnet-id and port-id")
    if port_id:
        port = _through_port(tx, near, ctx, router, port_id)
    else:
        assert subnet_id is not None
        port = _on_subnet(tx, near, ctx, router, subnet_core.get(tx, near, ctx, subnet_id))
    _moved(tx, ctx, router, "router.interface.create", port)
    touched(tx, "network", port.network_id)
    return port


def remove(tx: Tx, near: Near, ctx: Ctx, router: RouterRow, asked: Any) -> PortRow:
    """Leave a subnet; the port is deleted. Raises `Conflict` while a floating IP or a route needs it."""
    subnet_id, port_id = _asked(asked)
    port = _leg(tx, near, ctx, router, subnet_id, port_id)
    for leaving, _ in port.fixed_ips:
        _judge_needed(tx, router, leaving)
    port_core.remove(tx, ctx, port)
    _moved(tx, ctx, router, "router.interface.delete", port)
    gone(tx, "network", port.network_id)
    return port


def _moved(tx: Tx, ctx: Ctx, router: RouterRow, kind: str, port: PortRow) -> None:
    tx.run(routers.UPDATE, the_id=router.id, revision_number=router.revision_number + 1, updated_at=tx.now)
    touched(tx, "router", router.id)
    data = {"port_id": port.id, "subnet_ids": [s for s, _ in port.fixed_ips], "network_id": port.network_id}
    record(tx, ctx, kind, "router", router.id, project_id=router.project_id, data=data)


def _asked(asked: Any) -> tuple[str | None, str | None]:
    given = asked if isinstance(asked, dict) else {}
    subnet_id, port_id = given.get("subnet_id"), given.get("port_id")
    if not subnet_id and not port_id:
        raise bad_request("router", "Either subnet_id or port_id must be specified")
    for value in (subnet_id, port_id):
        if value and not is_uuid(value):
            raise bad_request("router", f"'{value}' is not a valid UUID")
    return subnet_id, port_id


def _on_subnet(tx: Tx, near: Near, ctx: Ctx, router: RouterRow, subnet: SubnetRow) -> PortRow:
    if subnet.gateway_ip is None:
        raise bad_request("router", "Subnet for router interface must have a gateway IP")
    _judge_apart(tx, router, [subnet])
    network = find_network(tx, near, ctx, subnet.network_id)
    port = own_port(tx, near, network, INTERFACE, router.id, router.project_id)
    at = [{"subnet_id": subnet.id, "ip_address": subnet.gateway_ip}]
    return port_core.insert(tx, near, ctx, port, at, ())


def _through_port(tx: Tx, near: Near, ctx: Ctx, router: RouterRow, port_id: str) -> PortRow:
    port = port_core.get(tx, near, ctx, port_id)
    if port.device_id:
        raise conflict(
            "PortInUse",
            f"Unable to complete operation on port {port.id} for network {port.network_id}. Port already has an attached "
            f"device {port.device_id}.",
        )
    if not port.fixed_ips:
        raise bad_request("router", "Router port must have at least one fixed IP")
    on = tx.rows(subnets.SOME, ids=[s for s, _ in port.fixed_ips])
    if sum(1 for s, _ in port.fixed_ips if _is_v4(on, s)) > 1:
        raise bad_request("router", "Cannot have multiple IPv4 subnets on router port")
    _judge_apart(tx, router, on)
    changed = {"device_id": router.id, "device_owner": INTERFACE}
    return port_updates.apply(tx, near, ctx, port, changed)


def _is_v4(on: list[SubnetRow], subnet_id: str) -> bool:
    return any(s.id == subnet_id and s.ip_version == 4 for s in on)


def _judge_apart(tx: Tx, router: RouterRow, new: list[SubnetRow]) -> None:
    """No two networks of a router may overlap."""
    ids = {s for leg in legs_of(tx, router.id) for s, _ in leg.fixed_ips}
    there = tx.rows(subnets.SOME, ids=sorted(ids)) if ids else []
    if router.gateway_network_id:
        there += [s for s in tx.rows(subnets.OF_NETWORK, network_id=router.gateway_network_id) if s.id not in ids]
    for subnet in new:
        if subnet.id in ids:
            raise bad_request("router", f"Router already has a port on subnet {subnet.id}")
        for other in there:
            mine, its = block_of(subnet.cidr), block_of(other.cidr)
            if mine.version == its.version and mine.overlaps(its):
                raise bad_request(
                    "router",
                    f"Cidr {mine} of subnet {subnet.id} overlaps with cidr {its} of subnet {other.id}",
                )


def _leg(tx: Tx, near: Near, ctx: Ctx, router: RouterRow, subnet_id: str | None, port_id: str | None) -> PortRow:
    legs = [leg for leg in legs_of(tx, router.id) if leg.device_owner == INTERFACE]
    if port_id:
        found = next((leg for leg in legs if leg.id == port_id), None)
        if found is None:
            raise NotFound(
                f"Router {router.id} does not have an interface with id {port_id}", type="RouterInterfaceNotFound"
            )
        if subnet_id and subnet_id not in {s for s, _ in found.fixed_ips}:
            raise refused(
                "SubnetMismatchForPort",
                f"Subnet on port {port_id} does not match the requested subnet {subnet_id}.",
            )
        return found
    assert subnet_id is not None
    subnet_core.get(tx, near, ctx, subnet_id)
    found = next((leg for leg in legs if subnet_id in {s for s, _ in leg.fixed_ips}), None)
    if found is None:
        raise NotFound(
            f"Router {router.id} has no interface on subnet {subnet_id}", type="RouterInterfaceNotFoundForSubnet"
        )
    return found


def _judge_needed(tx: Tx, router: RouterRow, subnet_id: str) -> None:
    subnet = tx.row(subnets.GET, id=subnet_id)
    if subnet is None:
        return
    block = block_of(subnet.cidr)
    what = f"Router interface for subnet {subnet_id} on router {router.id} cannot be deleted, as it is required by"
    for ip in tx.rows(floating.OF_ROUTER, router_id=router.id):
        if ip.fixed_ip is not None and _inside(block, ip.fixed_ip):
            raise conflict("RouterInterfaceInUseByFloatingIP", f"{what} one or more floating IPs.")
    if any(_inside(block, hop) for _, hop in router.routes):
        raise conflict("RouterInterfaceInUseByRoute", f"{what} one or more routes.")


def _inside(block: Any, address: str) -> bool:
    return ipaddress.ip_address(address) in block


def info(router: RouterRow, port: PortRow) -> dict[str, Any]:
    """What adding and removing an interface answer."""
    ids = [s for s, _ in port.fixed_ips]
    return {
        "id": router.id,
        "tenant_id": router.project_id,
        "project_id": router.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": ids[0],
        "subnet_ids": ids,
    }
