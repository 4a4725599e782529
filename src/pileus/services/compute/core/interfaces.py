"""Network cards of a server that is there already."""

from pileus.contracts.network import PortInfo, PortWish
from pileus.kernel.db import Tx
from pileus.kernel.saga import start
from pileus.kernel.types import Ctx, NotFound
from pileus.services.compute.core import records, states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.servers import refuse_locked, refuse_state
from pileus.services.compute.core.work import AttachInterface, DetachInterface
from pileus.services.compute.db import servers
from pileus.services.compute.db.servers import ServerRow

_STATES = (states.ACTIVE, states.PAUSED_STATE, states.STOPPED)


def of(tx: Tx, near: Neighbours, row: ServerRow) -> tuple[PortInfo, ...]:
    return near.network.ports_of(tx, [row.id]).get(row.id, ())


def one(tx: Tx, near: Neighbours, row: ServerRow, port_id: str) -> PortInfo:
    """Raises `NotFound` for a port that the server does not have."""
    for port in of(tx, near, row):
        if port.id == port_id:
            return port
    raise NotFound(f"Port id {port_id} could not be found.", type="PortNotFound")


def attach(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow, wish: PortWish) -> PortInfo:
    """Reserve the port, and let a saga plug it in. Raises `Conflict`, `Invalid`, `NotFound`, `OverQuota`."""
    refuse_locked(ctx, row)
    refuse_state(row, "attach_interface", _STATES)
    port = near.network.add_port(tx, ctx, row.id, row.host or "", row.zone, wish)
    servers.change(tx, row.id, generation=row.generation + 1)
    records.begin(tx, ctx, row, "attach_interface")
    start(tx, AttachInterface(row.id, ctx.request_id, port.id), key=row.id, ctx=ctx)
    return port


def detach(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow, port_id: str) -> None:
    refuse_locked(ctx, row)
    refuse_state(row, "detach_interface", _STATES)
    one(tx, near, row, port_id)
    servers.change(tx, row.id, generation=row.generation + 1)
    records.begin(tx, ctx, row, "detach_interface")
    start(tx, DetachInterface(row.id, ctx.request_id, port_id), key=row.id, ctx=ctx)
