"""A card more for a server: its port is reserved already."""

from pileus.kernel.db import Tx as Transaction
from pileus.kernel.saga import Abort, Run, Saga, Tx, World
from pileus.services.compute.core import records
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.work import AttachInterface
from pileus.services.compute.db import servers
from pileus.services.compute.sagas.ensuring import ensure_guest, reensure_guest


def begin(tx: Transaction, near: Neighbours, run: Run, p: AttachInterface) -> None:
    row = servers.find(tx, p.server_id)
    if row is None:
        raise Abort("the server is gone")
    records.step(tx, row, p.request_id, "attach_interface")


async def plug(near: Neighbours, run: Run, p: AttachInterface) -> None:
    await ensure_guest(near, p.server_id)


async def unplug(near: Neighbours, run: Run, p: AttachInterface) -> None:
    await reensure_guest(near, p.server_id, without=p.port_id)


def finish(tx: Transaction, near: Neighbours, run: Run, p: AttachInterface) -> None:
    row = servers.find(tx, p.server_id)
    if row is not None:
        records.end(tx, run.ctx, row, p.request_id, "attach_interface")


def failed(tx: Transaction, near: Neighbours, run: Run, p: AttachInterface, reason: str) -> None:
    """The port goes back to where it came from; the server stays as it was."""
    near.network.release_ports(tx, p.server_id, [p.port_id])
    row = servers.find(tx, p.server_id)
    if row is not None:
        records.end(tx, run.ctx, row, p.request_id, "attach_interface", reason)


attach_interface: Saga[Neighbours, AttachInterface] = Saga(
    "compute.attach_interface",
    AttachInterface,
    [Tx("begin", begin), World("guest", plug, undo=unplug), Tx("finish", finish)],
    failed=failed,
)
