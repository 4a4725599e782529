"""Writing back what stands: statuses of ports, routers' legs and floating IPs, once each."""

from collections.abc import Mapping

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import cloud
from pileus.services.network.db import ports, wanted


def ports_seen(tx: Tx, seen: Mapping[str, str]) -> None:
    """`seen` is port id -> status. A change is an event: `port.bound` when a port becomes ACTIVE."""
    if not seen:
        return
    for before in tx.rows(ports.SOME, ids=list(seen)):
        port_id, status = before.id, seen[before.id]
        if before.status in (status, "N/A"):
            continue
        tx.run(wanted.SET_PORT_STATUS, the_id=port_id, new_status=status, now=tx.now)
        record(
            tx,
            cloud(),
            "port.bound" if status == "ACTIVE" else "port.unbound",
            "port",
            port_id,
            project_id=before.project_id,
            data={"device_id": before.device_id, "host": before.host, "status": status},
        )


def router_stands(tx: Tx, router_id: str) -> None:
    """The router's driver has made it: its legs and floating IPs carry traffic."""
    tx.run(wanted.SET_LEG_STATUS, router_id=router_id, new_status="ACTIVE", now=tx.now)
    tx.run(wanted.SET_FLOATING_STATUS, router_id=router_id, new_status="ACTIVE", now=tx.now)


def dhcp_stands(tx: Tx, port_id: str) -> None:
    tx.run(wanted.SET_PORT_STATUS, the_id=port_id, new_status="ACTIVE", now=tx.now)
