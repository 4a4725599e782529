"""`/v2/tasks` for administrators, and the tasks of one image for those who see it."""

from functools import partial
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request
from pileus.kernel.types import Filter, Invalid
from pileus.services.image.api import views
from pileus.services.image.api.images import ONE
from pileus.services.image.api.queries import links, listing
from pileus.services.image.core import tasks
from pileus.services.image.core.neighbours import Neighbours

PATH = "/v2/tasks"
SORT_KEYS = ("created_at", "expires_at", "status", "type", "updated_at", "id")
_ALLOWED = {
    "status": ("pending", "processing", "success", "failure"),
    "type": ("import", "api_image_import", "location_import"),
}


class Tasks:
    """Operations on tasks. They are made by imports alone."""

    def __init__(self, near: Neighbours) -> None:
        self._near = near

    def operations(self) -> list[Operation]:
        operation = partial(Operation, resource="tasks")
        return [
            operation(method="GET", path=PATH, decide=self._list),
            operation(method="GET", path=f"{PATH}/{{task_id}}", decide=self._show),
            operation(method="GET", path=f"{ONE}/tasks", decide=self._of_image),
        ]

    def _list(self, tx: Tx, request: Request) -> dict[str, Any]:
        query = request.query
        filters = []
        for name, allowed in _ALLOWED.items():
            value = query.one(name)
            if value is not None:
                if value not in allowed:
                    raise Invalid(f"Invalid {name} value: {value}")
                filters.append(Filter(name, "eq", (value,)))
        wanted = listing(query, self._near.settings, tuple(filters), SORT_KEYS)
        rows, more = tasks.page(tx, self._near, request.ctx, wanted)
        marker = rows[-1].id if more and rows else None
        return {
            "tasks": [views.task_line(row) for row in rows],
            **links(query, PATH, marker),
            "schema": "/v2/schemas/tasks",
        }

    def _show(self, tx: Tx, request: Request) -> dict[str, Any]:
        return views.task(tasks.show(tx, self._near, request.ctx, request.params["task_id"]))

    def _of_image(self, tx: Tx, request: Request) -> dict[str, Any]:
        found = tasks.of_image(tx, self._near, request.ctx, request.params["image_id"])
        return {"tasks": [views.task_of_image(row) for row in found]}
