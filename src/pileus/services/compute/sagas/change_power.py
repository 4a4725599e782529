"""Start, stop, reboot: bring the guest to what its row wants."""

from pileus.drivers.hypervisor.protocol import HypervisorError
from pileus.kernel.db import Tx as Transaction
from pileus.kernel.saga import Abort, Run, Saga, Tx, World
from pileus.services.compute.core import guests, instance_metadata, records, states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.work import ChangePower
from pileus.services.compute.db import servers
from pileus.services.compute.sagas.reading import site


def begin(tx: Transaction, near: Neighbours, run: Run, p: ChangePower) -> None:
    row = servers.find(tx, p.server_id)
    if row is None:
        raise Abort("the server is gone")
    records.step(tx, row, p.request_id, p.action)


async def guest(near: Neighbours, run: Run, p: ChangePower) -> str:
    at = await site(near, p.server_id)
    devices = await near.network.plug(p.server_id, attached=False)
    files = instance_metadata.config_drive(at.row, at.ports, near.settings) if at.row.config_drive else {}
    try:
        seen = await at.hypervisor.ensure(guests.guest(at.row, at.ports, devices, files, near.settings))
    except HypervisorError as problem:
        raise Abort(str(problem)) from None
    if seen.state == "running":
        await near.network.plug(p.server_id, attached=True)
    return seen.state


def finish(tx: Transaction, near: Neighbours, run: Run, p: ChangePower) -> None:
    row = servers.find(tx, p.server_id)
    if row is None:
        return
    off = run.output("guest") == "off"
    task = row.task_state if row.task_state == states.DELETING else None
    servers.change(
        tx, row.id, vm_state=states.STOPPED if off else states.ACTIVE, task_state=task,
        power_state=states.SHUTDOWN if off else states.RUNNING, fault=None,
    )  # fmt: skip
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
