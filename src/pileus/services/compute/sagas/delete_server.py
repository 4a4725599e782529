"""Take a guest away, then everything that was its own. There is no way back, so nothing is undone: steps are retried."""

from pileus.drivers.hypervisor.protocol import Hypervisor
from pileus.kernel.db import Tx as Transaction
from pileus.kernel.saga import Run, Saga, Tx, World
from pileus.services.compute.core import records
from pileus.services.compute.core import servers as core
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.work import DeleteServer
from pileus.services.compute.db import servers


def begin(tx: Transaction, near: Neighbours, run: Run, p: DeleteServer) -> str | None:
    row = servers.find(tx, p.server_id)
    if row is not None:
        records.step(tx, row, p.request_id, "delete")
    return row.host if row is not None else None


async def remove_guest(near: Neighbours, run: Run, p: DeleteServer) -> None:
    host = run.output("begin")
    if host:
        await near.nodes.on(host, Hypervisor).remove(p.server_id)


async def unplug_ports(near: Neighbours, run: Run, p: DeleteServer) -> None:
    await near.network.unplug(p.server_id)


def finish(tx: Transaction, near: Neighbours, run: Run, p: DeleteServer) -> None:
    row = servers.find(tx, p.server_id)
    if row is not None:
        core.forget(tx, near, row)
        records.end(tx, run.ctx, row, p.request_id, "delete")


def failed(tx: Transaction, near: Neighbours, run: Run, p: DeleteServer, reason: str) -> None:
    """No step says no by itself; an operator who gives up finds a server that still holds all its own and can be deleted again."""
    row = servers.find(tx, p.server_id)
    if row is not None:
        records.fail(tx, row, reason)
        records.end(tx, run.ctx, row, p.request_id, "delete", reason)


delete_server: Saga[Neighbours, DeleteServer] = Saga(
    "compute.delete_server",
    DeleteServer,
    [Tx("begin", begin), World("guest", remove_guest), World("unplug_ports", unplug_ports), Tx("finish", finish)],
    failed=failed,
)
