"""Start, stop, reboot, pause, suspend."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.saga import start as start_saga
from pileus.kernel.types import Conflict, Ctx
from pileus.services.compute.core import records, states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.servers import refuse_locked, refuse_state
from pileus.services.compute.core.work import ChangePower
from pileus.services.compute.db import servers
from pileus.services.compute.db.servers import ServerRow


def start(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow, want: Any = None) -> None:
    refuse_locked(ctx, row)
    refuse_state(row, "start", [states.STOPPED])
    _change(tx, ctx, row, "start", task_state=states.POWERING_ON, wanted_power="on")


def stop(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow, want: Any = None) -> None:
    refuse_locked(ctx, row)
    refuse_state(row, "stop", [states.ACTIVE, states.ERROR])
    _change(tx, ctx, row, "stop", task_state=states.POWERING_OFF, wanted_power="off")


def reboot(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow, want: dict[str, str]) -> None:
    """Soft asks the guest, hard recreates its process; a hard one also brings back a stopped or failed server."""
    refuse_locked(ctx, row)
    hard = want["type"].upper() == "HARD"
    if hard:
        refuse_state(
            row,
            "reboot",
            [states.ACTIVE, states.STOPPED, states.PAUSED_STATE, states.SUSPENDED_STATE, states.ERROR],
            [None, states.REBOOTING, states.REBOOTING_HARD],
        )
    else:
        refuse_state(row, "reboot", [states.ACTIVE])
    task = states.REBOOTING_HARD if hard else states.REBOOTING
    _change(
        tx,
        ctx,
        row,
        "reboot",
        task_state=task,
        wanted_power="on",
        boots=row.boots + 1,
        reboot="hard" if hard else "soft",
    )


def pause(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow) -> None:
    """Stop its CPUs, keep its memory."""
    refuse_locked(ctx, row)
    refuse_state(row, "pause", [states.ACTIVE])
    _change(tx, ctx, row, "pause", task_state=states.PAUSING, wanted_power="paused")


def unpause(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow) -> None:
    """Let its CPUs go on."""
    refuse_locked(ctx, row)
    refuse_state(row, "unpause", [states.PAUSED_STATE])
    _change(tx, ctx, row, "unpause", task_state=states.UNPAUSING, wanted_power="on")


def suspend(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow) -> None:
    """Put its memory on disk and its process away."""
    refuse_locked(ctx, row)
    refuse_state(row, "suspend", [states.ACTIVE])
    _change(tx, ctx, row, "suspend", task_state=states.SUSPENDING, wanted_power="suspended")


def resume(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow) -> None:
    """Go on from the memory on disk."""
    refuse_locked(ctx, row)
    refuse_state(row, "resume", [states.SUSPENDED_STATE])
    _change(tx, ctx, row, "resume", task_state=states.RESUMING, wanted_power="on")


def _change(tx: Tx, ctx: Ctx, row: ServerRow, action: str, **columns: Any) -> None:
    if row.host is None:
        raise Conflict(f"Instance {row.id} is not ready", type="InstanceNotReady")
    servers.change(tx, row.id, generation=row.generation + 1, **columns)
    records.begin(tx, ctx, row, action)
    start_saga(tx, ChangePower(row.id, ctx.request_id, action), key=row.id, ctx=ctx)
