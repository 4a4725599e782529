"""Taking a network away with everything that it alone holds."""

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx
from pileus.services.network.core import ports as port_core
from pileus.services.network.core import subnets as subnet_core
from pileus.services.network.core import tags
from pileus.services.network.core.changes import gone
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.refusals import conflict
from pileus.services.network.db import networks, ports, subnets
from pileus.services.network.db.networks import NetworkRow


def delete(tx: Tx, near: Near, ctx: Ctx, row: NetworkRow) -> None:
    """Take a network away with its subnets and DHCP port. Raises `Conflict` while other ports stand on it."""
    used = [p for (p,) in tx.rows(ports.IN_USE_ON_NETWORK, network_id=row.id)]
    if used:
        raise conflict(
            "NetworkInUse",
            f"Unable to complete operation on network {row.id}. There are one or more ports still in use on the "
            f"network, id for these ports is: {','.join(used)}.",
        )
    for port in tx.rows(ports.OF_NETWORK, network_id=row.id):
        port_core.remove(tx, ctx, port_core.whole(tx, [port])[0])
    for subnet in tx.rows(subnets.OF_NETWORK, network_id=row.id):
        subnet_core.remove(tx, ctx, subnet)
    tags.drop_all(tx, "networks", row.id)
    tx.run(networks.DELETE, id=row.id)
    gone(tx, "network", row.id)
    record(tx, ctx, "network.delete.end", "network", row.id, project_id=row.project_id, before=row)
