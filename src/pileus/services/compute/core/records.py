"""What is written down of an action: Nova's instance actions and the change log."""

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx
from pileus.services.compute.core import states
from pileus.services.compute.db import actions, servers
from pileus.services.compute.db.servers import ServerRow

EVENTS = {
    "create": "compute__do_build_and_run_instance",
    "delete": "compute_terminate_instance",
    "start": "compute_start_instance",
    "stop": "compute_stop_instance",
    "reboot": "compute_reboot_instance",
    "lock": "api_lock",
    "unlock": "api_unlock",
    "pause": "compute_pause_instance",
    "unpause": "compute_unpause_instance",
    "suspend": "compute_suspend_instance",
    "resume": "compute_resume_instance",
    "attach_interface": "compute_attach_interface",
    "detach_interface": "compute_detach_interface",
}


def begin(tx: Tx, ctx: Ctx, row: ServerRow, action: str) -> None:
    """An action was accepted: one line for the user, one event for those who follow."""
    actions.insert_action(tx, row.id, action, ctx.request_id, ctx.user_id, ctx.project_id)
    record(tx, ctx, f"server.{action}.start", "server", row.id, project_id=row.project_id, before=face(row))


def step(tx: Tx, row: ServerRow, request_id: str, action: str) -> None:
    """The host has begun with it."""
    actions.insert_step(tx, row.id, request_id, EVENTS[action], row.host)


def end(tx: Tx, ctx: Ctx, row: ServerRow, request_id: str, action: str, problem: str = "") -> None:
    """The action is over, well or with a problem."""
    actions.end_step(tx, row.id, request_id, EVENTS[action], "Error" if problem else "Success", problem or None)
    actions.end_action(tx, row.id, request_id, "Error" if problem else None)
    kind = f"server.{action}.{'error' if problem else 'end'}"
    record(
        tx,
        ctx,
        kind,
        "server",
        row.id,
        project_id=row.project_id,
        after=face(row),
        data={"problem": problem} if problem else None,
    )


def face(row: ServerRow) -> dict[str, object]:
    """What the change log keeps of a server."""
    return {
        "name": row.name,
        "status": states.status(row.vm_state, row.task_state),
        "host": row.host,
        "flavor": row.flavor.get("name"),
        "vcpus": row.vcpus,
        "ram_mb": row.ram_mb,
        "image_id": row.image_id,
        "metadata": row.metadata,
    }


def fail(tx: Tx, row: ServerRow, message: str, details: str = "", code: int = 500, **more: object) -> None:
    """The server is in ERROR, and says why."""
    fault = {"code": code, "message": message[:255], "details": details, "created": tx.now}
    servers.change(tx, row.id, vm_state=states.ERROR, task_state=None, fault=fault, progress=0, **more)
