"""Start, stop, reboot, pause, suspend: bring the guest to what its row wants."""

from pileus.kernel.db import Tx as Transaction
from pileus.kernel.saga import Abort, Run, Saga, Tx, World
from pileus.services.compute.core import records, states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.work import ChangePower
from pileus.services.compute.db import servers
from pileus.services.compute.sagas.ensuring import ensure_guest


def begin(tx: Transaction, near: Neighbours, run: Run, p: ChangePower) -> None:
    row = servers.find(tx, p.server_id)
    if row is None:
        raise Abort("the server is gone")
    records.step(tx, row, p.request_id, p.action)


async def guest(near: Neighbours, run: Run, p: ChangePower) -> str:
    return (await ensure_guest(near, p.server_id)).state


def finish(tx: Transaction, near: Neighbours, run: Run, p: ChangePower) -> None:
    row = servers.find(tx, p.server_id)
    if row is None:
        return
    vm_state, power = states.SEEN[run.output("guest")]
    task = row.task_state if row.task_state == states.DELETING else None
    servers.change(tx, row.id, vm_state=vm_state, task_state=task, power_state=power, fault=None)
    records.end(tx, run.ctx, row, p.request_id, p.action)


def failed(tx: Transaction, near: Neighbours, run: Run, p: ChangePower, reason: str) -> None:
    """The guest could not be brought there: the server says so, and its reconciler finds out what is."""
    row = servers.find(tx, p.server_id)
    if row is None or row.task_state == states.DELETING:
        return
    if run.cancelled:
        servers.change(tx, row.id, task_state=None)
    else:
        records.fail(tx, row, reason)
    records.end(tx, run.ctx, row, p.request_id, p.action, reason)


change_power: Saga[Neighbours, ChangePower] = Saga(
    "compute.change_power",
    ChangePower,
    [Tx("begin", begin), World("guest", guest), Tx("finish", finish)],
    failed=failed,
)
