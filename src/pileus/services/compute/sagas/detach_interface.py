"""A card less for a server. The port is given up last, when the guest has no use for it any more."""

from pileus.kernel.db import Tx as Transaction
from pileus.kernel.saga import Abort, Run, Saga, Tx, World
from pileus.services.compute.core import records
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.work import DetachInterface
from pileus.services.compute.db import servers
from pileus.services.compute.sagas.ensuring import ensure_guest, reensure_guest


def begin(tx: Transaction, near: Neighbours, run: Run, p: DetachInterface) -> None:
    row = servers.find(tx, p.server_id)
    if row is None:
        raise Abort("the server is gone")
    records.step(tx, row, p.request_id, "detach_interface")


async def unplug(near: Neighbours, run: Run, p: DetachInterface) -> None:
    await ensure_guest(near, p.server_id, without=p.port_id)


async def plug(near: Neighbours, run: Run, p: DetachInterface) -> None:
    await reensure_guest(near, p.server_id)


def finish(tx: Transaction, near: Neighbours, run: Run, p: DetachInterface) -> None:
    near.network.release_ports(tx, p.server_id, [p.port_id])
    row = servers.find(tx, p.server_id)
    if row is not None:
        records.end(tx, run.ctx, row, p.request_id, "detach_interface")


def failed(tx: Transaction, near: Neighbours, run: Run, p: DetachInterface, reason: str) -> None:
    """The card stays."""
    row = servers.find(tx, p.server_id)
    if row is not None:
        records.end(tx, run.ctx, row, p.request_id, "detach_interface", reason)


detach_interface: Saga[Neighbours, DetachInterface] = Saga(
    "compute.detach_interface",
    DetachInterface,
    [Tx("begin", begin), World("guest", unplug, undo=plug), Tx("finish", finish)],
    failed=failed,
)
