"""Servers: finding, listing, naming, deleting."""

from collections.abc import Mapping, Sequence
from typing import Any

from pileus.kernel import saga
from pileus.kernel.db import Page, Tx
from pileus.kernel.events import record
from pileus.kernel.types import Conflict, Ctx, Listing, NotFound
from pileus.services.compute.core import records, states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.work import DeleteServer
from pileus.services.compute.db import groups, servers
from pileus.services.compute.db.servers import ServerRow


def missing(server_id: str) -> NotFound:
    return NotFound(f"Instance {server_id} could not be found.", type="InstanceNotFound")


def guest_name(server_id: str) -> str:
    """What administrators find the guest by on its host."""
    return f"pileus-{server_id.replace('-', '')[:12]}"


def sees_all(ctx: Ctx) -> bool:
    """Administrators look into every project."""
    return "admin" in ctx.roles


def get(tx: Tx, near: Neighbours, ctx: Ctx, server_id: str) -> ServerRow:
    """Raises `NotFound` also for servers of other projects."""
    row = servers.find(tx, server_id)
    if row is None or not (row.project_id == ctx.project_id or sees_all(ctx)):
        raise missing(server_id)
    return row


def page(
    tx: Tx, near: Neighbours, ctx: Ctx, asked: Listing, tags: Mapping[str, Sequence[str]] | None = None
) -> Page[ServerRow]:
    """The servers that a list shows; `asked` is already narrowed to the caller's project unless he may see all."""
    wanted = tags or {}
    return servers.listing(
        tx,
        asked,
        wanted.get("tags", ()),
        wanted.get("tags-any", ()),
        wanted.get("not-tags", ()),
        wanted.get("not-tags-any", ()),
    )


def refuse_locked(ctx: Ctx, row: ServerRow) -> None:
    """Raises `Conflict` for a locked server unless an administrator asks."""
    if row.locked_by and not sees_all(ctx):
        raise Conflict(f"Instance {row.id} is locked")


def refuse_state(
    row: ServerRow, action: str, vm_states: Sequence[str], task_states: Sequence[str | None] | None = (None,)
) -> None:
    """Raises `Conflict` when the server's state does not allow the action. `task_states=None` allows any."""
    if row.vm_state not in vm_states:
        raise Conflict(
            f"Cannot '{action}' instance {row.id} while it is in vm_state {row.vm_state}", type="InstanceInvalidState"
        )
    if task_states is not None and row.task_state not in task_states:
        raise Conflict(
            f"Cannot '{action}' instance {row.id} while it is in task_state {row.task_state}",
            type="InstanceInvalidState",
        )


def update(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow, want: Mapping[str, Any]) -> ServerRow:
    """Change what users may: name, description, access addresses, disk config, host name."""
    changed = {
        k: v
        for k, v in want.items()
        if k in ("name", "description", "access_ipv4", "access_ipv6", "disk_config", "hostname")
    }
    if changed:
        before = records.face(row)
        servers.change(tx, row.id, **changed)
        fresh = servers.find(tx, row.id)
        assert fresh is not None
        record(
            tx,
            ctx,
            "server.update",
            "server",
            row.id,
            project_id=row.project_id,
            before=before,
            after=records.face(fresh),
        )
        return fresh
    return row


def delete(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow) -> None:
    """Delete, in any state. Work under way is called off first; a server that never had a host goes at once."""
    refuse_locked(ctx, row)
    if row.task_state == states.DELETING:
        return
    records.begin(tx, ctx, row, "delete")
    saga.cancel(tx, row.id)
    if row.host is None and not saga.running(tx, row.id):
        forget(tx, near, row)
        records.end(tx, ctx, row, ctx.request_id, "delete")
        return
    servers.change(tx, row.id, task_state=states.DELETING)
    saga.start(tx, DeleteServer(row.id, ctx.request_id), key=row.id, ctx=ctx)


def forget(tx: Tx, near: Neighbours, row: ServerRow) -> None:
    """The server is no more: its row, claim, ports and membership go together."""
    near.placement.release(tx, row.id)
    near.network.release_ports(tx, row.id)
    groups.leave(tx, row.id)
    servers.remove(tx, row.id)
