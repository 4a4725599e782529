"""Imports, and the tasks that record how they went."""

from collections.abc import Mapping

from pileus.kernel.db import Tx
from pileus.kernel.types import HOUR, Conflict, Ctx, Listing, NotFound, new_id
from pileus.services.image.core import limits
from pileus.services.image.core.access import refused
from pileus.services.image.core.data import import_staged
from pileus.services.image.core.images import find
from pileus.services.image.core.neighbours import Neighbours
from pileus.services.image.db import tasks
from pileus.services.image.db.tasks import TaskRow

METHODS = ("glance-direct",)
"""Ways to import that work here."""


def import_image(tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, body: Mapping[str, object]) -> str:
    """Import what was staged. Returns the blob that is garbage when the data would not do, else an empty text.

    Raises `NotFound`, `Forbidden`, `Conflict`, `TooLarge`. Data that are refused are no error of the request: the
    task and the image's `os_glance_failed_import` tell.
    """
    image = find(tx, near, ctx, image_id)
    row = image.row
    if row.status == "active":
        raise Conflict("Image with status active cannot be target for import")
    if row.status != "uploading" or row.finding is None:
        raise Conflict("Image needs to be staged before 'glance-direct' method can be used")
    for name in ("container_format", "disk_format"):
        if not getattr(row, name):
            raise Conflict(f"'{name}' needs to be set before import")
    find(tx, near, ctx, image_id, "modify_image")
    limits.check_project(tx, near, row.owner, limits.SIZE, 0)
    reason = import_staged(tx, near, ctx, image)
    tasks.add(tx, _task(tx, near, ctx, image_id, row.size or 0, body, reason))
    return row.blob_id if reason else ""


def _task(
    tx: Tx, near: Neighbours, ctx: Ctx, image_id: str, size: int, body: Mapping[str, object], reason: str
) -> TaskRow:
    return TaskRow(
        id=new_id(),
        type="api_image_import",
        status="failure" if reason else "success",
        owner=ctx.project_id,
        image_id=image_id,
        user_id=ctx.user_id,
        request_id=ctx.request_id,
        input={"image_id": image_id, "import_req": dict(body), "backend": [near.settings.store]},
        result=None if reason else {"image_id": image_id},
        message=reason or f"Copied {size // limits.MIB} MiB",
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
