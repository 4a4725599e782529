"""A router's gateway: its port on an external network."""

from typing import Any, Final

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx
from pileus.services.network.core import ports as port_core
from pileus.services.network.core.changes import gone
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.networks import find
from pileus.services.network.core.ports import GATEWAY
from pileus.services.network.core.refusals import bad_request, conflict
from pileus.services.network.db import floating, ports
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.ports import PortRow
from pileus.services.network.db.routers import RouterRow

UNSET: Final = {"gateway_port_id": "", "gateway_network_id": "", "enable_snat": True}


def set_gateway(tx: Tx, near: Near, ctx: Ctx, row: RouterRow, info: dict[str, Any]) -> dict[str, Any]:
    """Make the gateway be as `info` says (`{}`: none). Returns the router's columns that follow from it."""
    network_id = info.get("network_id")
    if not network_id:
        if row.gateway_port_id:
            _judge_free(tx, row)
            _remove(tx, ctx, row)
        return dict(UNSET)
    network = find(tx, near, ctx, network_id)
    if not network.external:
        raise bad_request("router", f"Network {network_id} is not an external network")
    snat = info.get("enable_snat", True)
    asked = info.get("external_fixed_ips")
    if row.gateway_network_id == network_id and _stays(tx, row, asked):
        return {"gateway_port_id": row.gateway_port_id, "gateway_network_id": network_id, "enable_snat": snat}
    if row.gateway_port_id:
        if row.gateway_network_id != network_id:
            _judge_free(tx, row)
        _remove(tx, ctx, row)
    port = _make(tx, near, ctx, row, network, asked)
    return {"gateway_port_id": port, "gateway_network_id": network_id, "enable_snat": snat}


def _stays(tx: Tx, row: RouterRow, asked: list[dict[str, Any]] | None) -> bool:
    """Whether the addresses that the gateway has answer to those asked for."""
    if not asked:
        return True
    port = tx.row(ports.GET, id=row.gateway_port_id)
    if port is None:
        return False
    held = port_core.whole(tx, [port])[0].fixed_ips
    return len(asked) == len(held) and all(
        any(a.get("ip_address") in (None, ip) and a.get("subnet_id") in (None, s) for s, ip in held) for a in asked
    )


def _judge_free(tx: Tx, row: RouterRow) -> None:
    if tx.row(floating.OF_ROUTER, router_id=row.id) is not None:
        raise conflict(
            "RouterExternalGatewayInUseByFloatingIp",
            f"Gateway cannot be updated for router {row.id}, since a gateway to external network "
            f"{row.gateway_network_id} is required by one or more floating IPs.",
        )


def _remove(tx: Tx, ctx: Ctx, row: RouterRow) -> None:
    port = tx.row(ports.GET, id=row.gateway_port_id)
    if port is not None:
        port_core.remove(tx, ctx, port_core.whole(tx, [port])[0])
        gone(tx, "network", row.gateway_network_id)


def _make(tx: Tx, near: Near, ctx: Ctx, row: RouterRow, network: NetworkRow, asked: list[dict[str, Any]] | None) -> str:
    port = own_port(tx, near, network, GATEWAY, row.id, "")
    made = port_core.insert(tx, near, ctx, port, asked or None, ())
    return made.id


def own_port(tx: Tx, near: Near, network: NetworkRow, owner: str, device_id: str, project_id: str) -> PortRow:
    """A port of the cloud's own, not written down yet: unfiltered."""
    return port_core.made(
        tx,
        near,
        network,
        project_id,
        {
            "device_owner": owner,
            "device_id": device_id,
            "port_security_enabled": False,
            "pairs": (),
            "status": "N/A" if owner == port_core.FLOATING else "DOWN",
        },
    )
