"""The one effect that most sagas have: the guest as its row and ports want it."""

from pileus.drivers.hypervisor.protocol import GuestSeen, HypervisorError
from pileus.kernel.db import Tx
from pileus.kernel.saga import Abort
from pileus.services.compute.core import guests, instance_metadata
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import servers
from pileus.services.compute.sagas.reading import site


async def ensure_guest(near: Neighbours, server_id: str, without: str = "") -> GuestSeen:
    """Plug the ports, make the guest, join it to its networks when it runs. `without`: a port that it must not have.

    Raises `Abort` when its host says no, or the guest dies at once.
    """
    at = await site(near, server_id)
    ports = tuple(port for port in at.ports if port.id != without)
    devices = await near.network.plug(server_id, attached=False)
    files = instance_metadata.config_drive(at.row, ports, near.settings) if at.row.config_drive else {}
    try:
        seen = await at.hypervisor.ensure(guests.guest(at.row, ports, devices, files, near.settings))
    except HypervisorError as problem:
        raise Abort(str(problem)) from None
    if seen.state == "crashed":
        raise Abort(f"the guest died: {seen.reason or 'no reason is known'}")
    if seen.state == "running":
        await near.network.plug(server_id, attached=True)
    return seen


async def reensure_guest(near: Neighbours, server_id: str, without: str = "") -> None:
    """The same for undoing: with a newer generation, so that hosts heed it. A server that is gone is no error."""
    if await near.db.write(_advance, server_id):
        await ensure_guest(near, server_id, without)


def _advance(tx: Tx, server_id: str) -> bool:
    row = servers.find(tx, server_id)
    if row is None or row.host is None:
        return False
    servers.change(tx, row.id, generation=row.generation + 1)
    return True
