"""Imports, and the tasks that record how they went."""

from collections.abc import Mapping, Sequence

from pileus.kernel.db import Tx
from pileus.kernel.types import HOUR, Conflict, Ctx, Listing, NotFound, new_id
from pileus.services.image.core import limits, stores
from pileus.services.image.core.access import refused
from pileus.services.image.core.data import import_staged
from pileus.services.image.core.images import Image, find
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.db import tasks
from pileus.services.image.db.images import ImageRow
from pileus.services.image.db.tasks import TaskRow

METHODS = ("glance-direct", "copy-image")
"""Ways to import that work here."""


def import_image(
    tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, body: Mapping[str, object], header: str | None = None
) -> str:
    """Import what was staged, or copy to further stores what is there. `header`: X-Image-Meta-Store.

    Returns the blob that is garbage when staged data would not do, else an empty text. Raises `NotFound`, `Forbidden`,
    `Conflict`, `Invalid`, `TooLarge`. Data that are refused are no error of the request: the task and the image's
    `os_glance_failed_import` tell.
    """
    image = find(tx, near, ctx, image_id)
    method = body["method"]
    copies = isinstance(method, Mapping) and method["name"] == "copy-image"
    _check_state(image, copies=copies)
    find(tx, near, ctx, image_id, "copy_image" if copies else "modify_image")
    stores.check_free(tx, image_id)
    wanted = stores.asked(near, body, header)
    return (_copy if copies else _import)(tx, near, ctx, image, body, wanted)


def _check_state(image: Image, *, copies: bool) -> None:
    row = image.row
    if row.status == "active" and not copies:
        raise Conflict("Image with status active cannot be target for import")
    if row.status != "active" and copies:
        raise Conflict("Only images with status active can be targeted for copying")
    if not copies and (row.status != "uploading" or row.finding is None):
        raise Conflict("Image needs to be staged before 'glance-direct' method can be used")
    for name in ("container_format", "disk_format"):
        if not getattr(row, name):
            raise Conflict(f"'{name}' needs to be set before import")


def _import(tx: Tx, near: Neighbours, ctx: Ctx, image: Image, body: Mapping[str, object], wanted: Sequence[str]) -> str:
    row = image.row
    limits.check_project(tx, near, row.owner, limits.SIZE, 0)
    reason = import_staged(tx, near, ctx, image, wanted)
    others = [] if reason else [one for one in wanted if one != near.store]
    task = _task(tx, near, ctx, row, body, wanted, reason, running=bool(others))
    tasks.add(tx, task)
    if others:
        moves = near.store not in wanted
        must_all = bool(body.get("all_stores_must_succeed", True))
        stores.start_copies(tx, ctx, image, near.store, others, task.id, must_all=must_all, moves=moves)
    return row.blob_id if reason else ""


def _copy(tx: Tx, near: Neighbours, ctx: Ctx, image: Image, body: Mapping[str, object], wanted: Sequence[str]) -> str:
    row = image.row
    others = stores.new_copies(image, wanted, bool(body.get("all_stores", False)))
    if not others:
        return ""
    limits.check_project(tx, near, row.owner, limits.SIZE, (row.size or 0) * len(others) // limits.MIB)
    task = _task(tx, near, ctx, row, body, others, "", running=True)
    tasks.add(tx, task)
    must_all = bool(body.get("all_stores_must_succeed", True))
    stores.start_copies(tx, ctx, image, image.stores[0], others, task.id, must_all=must_all, moves=False)
    return ""


def _task(
    tx: Tx,
    near: Neighbours,
    ctx: Ctx,
    row: ImageRow,
    body: Mapping[str, object],
    wanted: Sequence[str],
    reason: str,
    *,
    running: bool,
) -> TaskRow:
    done = "failure" if reason else "success"
    return TaskRow(
        id=new_id(),
        type="api_image_import",
        status="processing" if running else done,
        owner=ctx.project_id,
        image_id=row.id,
        user_id=ctx.user_id,
        request_id=ctx.request_id,
        input={"image_id": row.id, "import_req": dict(body), "backend": list(wanted)},
        result=None if reason or running else {"image_id": row.id},
        message=reason or ("" if running else f"Copied {(row.size or 0) // limits.MIB} MiB"),
        expires_at=tx.now + near.settings.task_hours * HOUR,
        created_at=tx.now,
        updated_at=tx.now,
    )


def of_image(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str) -> list[TaskRow]:
    find(tx, near, ctx, image_id)
    return tasks.of_image(tx, image_id)


def show(tx: Tx, near: Neighbours, ctx: Ctx, task_id: str) -> TaskRow:
    _permit(near, ctx)
    row = tasks.find(tx, task_id)
    if row is None:
        raise NotFound(f"Could not find task {task_id}")
    return row


def page(tx: Tx, near: Neighbours, ctx: Ctx, listing: Listing) -> tuple[list[TaskRow], bool]:
    _permit(near, ctx)
    found = tasks.search(tx, listing)
    return found.rows, found.more


def _permit(near: Neighbours, ctx: Ctx) -> None:
    if not near.policy.allows("tasks_api_access", ctx, {}):
        raise refused("tasks_api_access")
