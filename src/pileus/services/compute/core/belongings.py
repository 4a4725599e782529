"""What users may change of a server without touching its guest: metadata, tags, its lock."""

from collections.abc import Mapping, Sequence

from pileus.kernel.db import Tx
from pileus.kernel.events import record
from pileus.kernel.types import Ctx, Forbidden, Invalid, NotFound
from pileus.services.compute.core import quota, records, states
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.servers import refuse_locked, refuse_state
from pileus.services.compute.db import servers
from pileus.services.compute.db.servers import ServerRow

MOST_TAGS = 50
_SETTLED = (states.ACTIVE, states.STOPPED, states.PAUSED_STATE, states.SUSPENDED_STATE)


# --- metadata -----------------------------------------------------------------------------------------------------


def item(row: ServerRow, key: str) -> str:
    if key not in row.metadata:
        raise NotFound("Metadata item was not found")
    return row.metadata[key]


def set_metadata(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow, wanted: Mapping[str, str]) -> dict[str, str]:
    """All of the server's metadata anew. Raises `Forbidden` past the quota, `Conflict` in the wrong state."""
    refuse_locked(ctx, row)
    refuse_state(row, "update metadata", _SETTLED)
    most = quota.limits(tx, near, ctx.project_id)["metadata_items"]
    if 0 <= most < len(wanted):
        raise Forbidden(f"Maximum number of metadata items exceeds {most}")
    return _keep(tx, ctx, row, dict(wanted))


def drop_item(tx: Tx, near: Neighbours, ctx: Ctx, row: ServerRow, key: str) -> None:
    item(row, key)
    refuse_locked(ctx, row)
    refuse_state(row, "delete metadata", _SETTLED)
    _keep(tx, ctx, row, {k: v for k, v in row.metadata.items() if k != key})


def _keep(tx: Tx, ctx: Ctx, row: ServerRow, wanted: dict[str, str]) -> dict[str, str]:
    servers.change(tx, row.id, metadata=wanted)
    _changed(tx, ctx, row, "metadata", row.metadata, wanted)
    return wanted


# --- tags ---------------------------------------------------------------------------------------------------------


def set_tags(tx: Tx, ctx: Ctx, row: ServerRow, wanted: Sequence[str]) -> list[str]:
    """These tags and no others."""
    refuse_state(row, "update tags", _SETTLED)
    before = servers.tags_of(tx, [row.id])[row.id]
    servers.set_tags(tx, row.id, wanted)
    return _retagged(tx, ctx, row, before)


def add_tag(tx: Tx, ctx: Ctx, row: ServerRow, tag: str) -> bool:
    """Whether it is new. Raises `Invalid` for one too many."""
    refuse_state(row, "update tag", _SETTLED)
    before = servers.tags_of(tx, [row.id])[row.id]
    if tag in before:
        return False
    if len(before) >= MOST_TAGS:
        raise Invalid(f"The number of tags exceeded the per-server limit {MOST_TAGS}")
    servers.add_tag(tx, row.id, tag)
    _retagged(tx, ctx, row, before)
    return True


def drop_tag(tx: Tx, ctx: Ctx, row: ServerRow, tag: str) -> None:
    refuse_state(row, "delete tag", _SETTLED)
    before = servers.tags_of(tx, [row.id])[row.id]
    if not servers.drop_tag(tx, row.id, tag):
        raise missing_tag(row, tag)
    _retagged(tx, ctx, row, before)


def missing_tag(row: ServerRow, tag: str) -> NotFound:
    return NotFound(f"Server {row.id} has no tag '{tag}'", type="InstanceTagNotFound")


def _retagged(tx: Tx, ctx: Ctx, row: ServerRow, before: list[str]) -> list[str]:
    after = servers.tags_of(tx, [row.id])[row.id]
    servers.change(tx, row.id)
    _changed(tx, ctx, row, "tags", before, after)
    return after


def _changed(tx: Tx, ctx: Ctx, row: ServerRow, what: str, before: object, after: object) -> None:
    record(
        tx,
        ctx,
        "server.update",
        "server",
        row.id,
        project_id=row.project_id,
        before={what: before},
        after={what: after},
    )


# --- lock and state -----------------------------------------------------------------------------------------------


def lock(tx: Tx, ctx: Ctx, row: ServerRow, reason: str | None) -> None:
    """Nobody but administrators works with it until it is unlocked. One that its owner has locked stays as it is for him."""
    whose = "owner" if row.project_id == ctx.project_id else "admin"
    if row.locked_by and whose == "owner":
        return
    records.begin(tx, ctx, row, "lock")
    servers.change(tx, row.id, locked_by=whose, locked_reason=reason)
    records.end(tx, ctx, row, ctx.request_id, "lock")


def locked_by_another(ctx: Ctx, row: ServerRow) -> bool:
    """Whether the lock is not of those to whom the caller belongs."""
    return bool(row.locked_by) and row.locked_by != ("owner" if row.project_id == ctx.project_id else "admin")


def unlock(tx: Tx, ctx: Ctx, row: ServerRow) -> None:
    records.begin(tx, ctx, row, "unlock")
    servers.change(tx, row.id, locked_by=None, locked_reason=None)
    records.end(tx, ctx, row, ctx.request_id, "unlock")


def reset_state(tx: Tx, ctx: Ctx, row: ServerRow, vm_state: str) -> None:
    """An administrator says what it is; the guest stays as it is, and its reconciler corrects what is not so."""
    before = records.face(row)
    servers.change(tx, row.id, vm_state=vm_state, task_state=None)
    record(
        tx, ctx, "server.reset_state", "server", row.id, project_id=row.project_id, before=before,
        after={**before, "status": states.status(vm_state, None)},
    )  # fmt: skip
