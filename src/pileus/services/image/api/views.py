"""Images, members and tasks as clients see them."""

from typing import Any

from pileus.kernel.types import iso, iso_naive
from pileus.services.image.core.images import Image
from pileus.services.image.db.members import MemberRow
from pileus.services.image.db.tasks import TaskRow

_SHOWN = (
    "name",
    "disk_format",
    "container_format",
    "visibility",
    "size",
    "virtual_size",
    "status",
    "checksum",
    "protected",
    "min_ram",
    "min_disk",
    "owner",
    "os_hidden",
    "os_hash_algo",
    "os_hash_value",
    "id",
)


def image(found: Image) -> dict[str, Any]:
    """Properties first: an attribute always wins over a property of its name."""
    row = found.row
    path = f"/v2/images/{row.id}"
    view: dict[str, Any] = dict(found.properties)
    for name in _SHOWN:
        view[name] = getattr(row, name)
    view["created_at"] = iso(row.created_at)
    view["updated_at"] = iso(row.updated_at)
    view["tags"] = found.tags
    view["self"] = path
    view["file"] = f"{path}/file"
    view["schema"] = "/v2/schemas/image"
    if row.status in {"active", "deactivated"}:
        view["stores"] = ",".join(found.stores)
    return view


def member(row: MemberRow) -> dict[str, Any]:
    return {
        "member_id": row.member_id,
        "image_id": row.image_id,
        "status": row.status,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "schema": "/v2/schemas/member",
    }


def task(row: TaskRow) -> dict[str, Any]:
    """One task, whole."""
    return {
        **task_line(row),
        "input": row.input,
        "result": row.result,
        "message": row.message,
        "image_id": row.image_id,
        "request_id": row.request_id,
        "user_id": row.user_id,
    }


def task_line(row: TaskRow) -> dict[str, Any]:
    """One task in a list."""
    return {
        "id": row.id,
        "type": row.type,
        "status": row.status,
        "owner": row.owner,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "self": f"/v2/tasks/{row.id}",
        "schema": "/v2/schemas/task",
        "expires_at": iso(row.expires_at),
    }


def task_of_image(row: TaskRow) -> dict[str, Any]:
    """One task as its image tells of it."""
    return {
        "id": row.id,
        "type": row.type,
        "status": row.status,
        "owner": row.owner,
        "expires_at": iso_naive(row.expires_at),
        "created_at": iso_naive(row.created_at),
        "updated_at": iso_naive(row.updated_at),
        "deleted_at": None,
        "deleted": False,
        "image_id": row.image_id,
        "request_id": row.request_id,
        "user_id": row.user_id,
        "input": row.input,
        "result": row.result,
        "message": row.message,
    }
