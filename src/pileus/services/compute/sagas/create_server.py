"""From an accepted server to a running guest."""

from pileus.drivers.hypervisor.protocol import BadImage, Hypervisor, HypervisorError
from pileus.kernel.db import Tx as Transaction
from pileus.kernel.saga import Abort, Run, Saga, Tx, World
from pileus.services.compute.core import guests, instance_metadata, records, states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.work import CreateServer
from pileus.services.compute.db import servers
from pileus.services.compute.db.servers import ServerRow
from pileus.services.compute.sagas.reading import site


def begin(tx: Transaction, near: Neighbours, run: Run, p: CreateServer) -> None:
    row = servers.find(tx, p.server_id)
    if row is None:
        raise Abort("the server is gone")
    records.step(tx, row, p.request_id, "create")


async def fetch_image(near: Neighbours, run: Run, p: CreateServer) -> None:
    row = await near.db.read(servers.find, p.server_id)
    if row is None or row.host is None:
        raise Abort("the server is gone")
    hypervisor = near.nodes.on(row.host, Hypervisor)
    for image in guests.images_of(row):
        try:
            await hypervisor.fetch(image)
        except BadImage as problem:
            raise Abort(f"Image {image.id} is unacceptable: {problem}") from None


async def plug_ports(near: Neighbours, run: Run, p: CreateServer) -> dict[str, str]:
    return await near.network.plug(p.server_id, attached=False)


async def unplug_ports(near: Neighbours, run: Run, p: CreateServer) -> None:
    await near.network.unplug(p.server_id)


async def start_guest(near: Neighbours, run: Run, p: CreateServer) -> str:
    at = await site(near, p.server_id)
    devices: dict[str, str] = run.output("plug_ports") or {}
    files = instance_metadata.config_drive(at.row, at.ports, near.settings) if at.row.config_drive else {}
    try:
        seen = await at.hypervisor.ensure(guests.guest(at.row, at.ports, devices, files, near.settings))
    except HypervisorError as problem:
        raise Abort(str(problem)) from None
    if seen.state == "crashed":
        raise Abort(f"the guest died while it started: {seen.reason}")
    return seen.state


async def remove_guest(near: Neighbours, run: Run, p: CreateServer) -> None:
    host = await near.db.read(_host, p.server_id)
    if host:
        await near.nodes.on(host, Hypervisor).remove(p.server_id)


async def join_ports(near: Neighbours, run: Run, p: CreateServer) -> None:
    await near.network.plug(p.server_id, attached=True)


def finish(tx: Transaction, near: Neighbours, run: Run, p: CreateServer) -> None:
    row = servers.find(tx, p.server_id)
    if row is None:
        raise Abort("the server is gone")
    servers.change(
        tx,
        row.id,
        vm_state=states.ACTIVE,
        task_state=None,
        power_state=states.RUNNING,
        launched_at=tx.now,
        admin_pass=None,
    )
    fresh = servers.find(tx, row.id)
    assert fresh is not None
    records.end(tx, run.ctx, fresh, p.request_id, "create")


def failed(tx: Transaction, near: Neighbours, run: Run, p: CreateServer, reason: str) -> None:
    """Free what the decision reserved; the row stays, in ERROR, unless it is being deleted."""
    row = servers.find(tx, p.server_id)
    if row is None:
        return
    near.placement.release(tx, row.id)
    near.network.release_ports(tx, row.id)
    if row.task_state == states.DELETING:
        servers.change(tx, row.id, host=None, node_id=None, admin_pass=None)
        records.end(tx, run.ctx, row, p.request_id, "create", reason)
        return
    records.fail(tx, row, f"Build of instance {row.id} aborted: {reason}", host=None, node_id=None, admin_pass=None)
    records.end(tx, run.ctx, row, p.request_id, "create", reason)


def _host(tx: Transaction, server_id: str) -> str | None:
    row: ServerRow | None = servers.find(tx, server_id)
    return row.host if row is not None else None


create_server: Saga[Neighbours, CreateServer] = Saga(
    "compute.create_server",
    CreateServer,
    [
        Tx("begin", begin),
        World("fetch_image", fetch_image),
        World("plug_ports", plug_ports, undo=unplug_ports),
        World("guest", start_guest, undo=remove_guest),
        World("join_ports", join_ports),
        Tx("finish", finish),
    ],
    failed=failed,
)
