"""What most steps read first: the server, its ports, its host."""

from msgspec import Struct

from pileus.contracts.network import PortInfo
from pileus.drivers.hypervisor.protocol import Hypervisor
from pileus.kernel.db import Tx
from pileus.kernel.saga import Abort
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import servers
from pileus.services.compute.db.servers import ServerRow


class Site(Struct, frozen=True):
    row: ServerRow
    ports: tuple[PortInfo, ...]
    hypervisor: Hypervisor


async def site(near: Neighbours, server_id: str) -> Site:
    """Raises `Abort` when the server is gone or has no host; `NodeMissing` (tried again) when its host is away."""
    row, ports = await near.db.read(_read, near, server_id)
    if row is None or row.host is None:
        raise Abort("the server is gone")
    return Site(row, ports, near.nodes.on(row.host, Hypervisor))


def _read(tx: Tx, near: Neighbours, server_id: str) -> tuple[ServerRow | None, tuple[PortInfo, ...]]:
    return servers.find(tx, server_id), near.network.ports_of(tx, [server_id]).get(server_id, ())
