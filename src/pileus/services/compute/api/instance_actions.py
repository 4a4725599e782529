"""`os-instance-actions`: what was done to a server, also to one that is gone."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from pileus.kernel.db import MarkerMissing, Page, Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN, PROJECT_READER_OR_ADMIN
from pileus.kernel.rest import Operation, Request, Schema, one, text
from pileus.kernel.types import Invalid, Listing, NotFound, Sort, iso_naive
from pileus.services.compute.api.server_lists import time_of
from pileus.services.compute.api.server_of import ITEM
from pileus.services.compute.api.servers import host_id
from pileus.services.compute.core import servers as core
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.db import actions, servers
from pileus.services.compute.db.actions import ActionRow, StepRow

_API = "os_compute_api:os-instance-actions"
RULES = [
    *(
        Rule(f"{_API}:{n}", PROJECT_READER_OR_ADMIN, "See what was done to a server.", scopes=())
        for n in ("list", "show")
    ),
    Rule(f"{_API}:events", ADMIN, "See the steps of it, with hosts and traces.", scopes=()),
    Rule(f"{_API}:events:details", ADMIN, "See why a step failed.", scopes=()),
]
_DELETED_TOO, _PAGED = (2, 21), (2, 58)
_ANY: Schema = {"type": "object", "additionalProperties": True}
_PAGES: dict[str, Schema] = {
    "limit": one(text(32, pattern="^[0-9]+$")), "marker": one(text()), "changes-since": one(text()),
}  # fmt: skip


def _query(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


class Seen(Struct, frozen=True):
    action: ActionRow
    steps: Sequence[StepRow]
    project_id: str


class InstanceActions:
    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        path = f"{ITEM}/os-instance-actions"
        query = {"2.1": _ANY, "2.58": _query(_PAGES), "2.66": _query({**_PAGES, "changes-before": one(text())})}
        return [
            Operation(method="GET", path=path, name="list", resource="instance_action", decide=self._list, asks=f"{_API}:list", view=self._listed, query=query,
                summary="What was done to a server"),
            Operation(method="GET", path=f"{path}/{{request_id}}", name="show", resource="instance_action", decide=self._show, asks=f"{_API}:show", view=self._shown,
                summary="One action with its steps"),
        ]  # fmt: skip

    def _project(self, tx: Tx, request: Request) -> str:
        """The project of the server, also of one that is gone (from 2.21 on). Raises `NotFound`."""
        server_id = request.params["server_id"]
        if servers.find(tx, server_id) is not None or request.version < _DELETED_TOO:
            return core.get(tx, self.near, request.ctx, server_id).project_id
        first = actions.first(tx, server_id)
        if first is None or not (first.project_id == request.ctx.project_id or core.sees_all(request.ctx)):
            raise core.missing(server_id)
        return first.project_id

    def _list(self, tx: Tx, request: Request) -> Page[ActionRow]:
        project_id, server_id = self._project(tx, request), request.params["server_id"]
        request.enforce(f"{_API}:list", {"project_id": project_id})
        order = (Sort("start_time", descending=True), Sort("id", descending=True))
        asked = Listing(sort=order).also("server_id", "eq", server_id)
        if request.version < _PAGED:
            return actions.listing(tx, asked)
        query = request.query
        for name, op in (("changes-since", "gte"), ("changes-before", "lte")):
            given = query.one(name)
            if given is not None:
                asked = asked.also("updated_at", op, time_of(name, given))  # type: ignore[arg-type]
        marker = query.one("marker")
        asked = Listing(
            filters=asked.filters, sort=order, marker=marker, limit=min(int(query.one("limit") or 1000), 1000)
        )
        try:
            return actions.listing(tx, asked)
        except MarkerMissing:
            raise Invalid(f"marker [{marker}] not found") from None

    def _listed(self, request: Request, page: Page[ActionRow]) -> Any:
        body: dict[str, Any] = {"instanceActions": [_view(request, row) for row in page.rows]}
        if request.version >= _PAGED and page.more:
            kept = [(n, v) for n, v in request.query.pairs if n != "marker"]
            query = urlencode([*kept, ("marker", page.rows[-1].request_id)])
            body["links"] = [{"rel": "next", "href": f"{request.link(request.path)}?{query}"}]
        return body

    def _show(self, tx: Tx, request: Request) -> Seen:
        project_id, server_id = self._project(tx, request), request.params["server_id"]
        request.enforce(f"{_API}:show", {"project_id": project_id})
        request_id = request.params["request_id"]
        row = actions.find(tx, server_id, request_id)
        if row is None:
            raise NotFound(f"Action for request_id {request_id} on instance {server_id} not found")
        return Seen(row, actions.steps_of(tx, server_id, request_id), project_id)

    def _shown(self, request: Request, seen: Seen) -> Any:
        view, at = _view(request, seen.action), request.version
        target = {"project_id": seen.project_id}
        inside = request.may(f"{_API}:events", target)
        if inside or at >= (2, 51):
            view["events"] = [self._step(request, seen, step, inside) for step in seen.steps]
        return {"instanceAction": view}

    def _step(self, request: Request, seen: Seen, step: StepRow, inside: bool) -> dict[str, Any]:
        at, target = request.version, {"project_id": seen.project_id}
        view: dict[str, Any] = {
            "event": step.event, "start_time": iso_naive(step.start_time), "finish_time": _naive(step.finish_time), "result": step.result,
        }  # fmt: skip
        if inside:
            view["traceback"] = None
        if at >= (2, 62):
            view["hostId"] = host_id(seen.project_id, step.host)
            if inside:
                view["host"] = step.host
        if at >= (2, 84) and request.may(f"{_API}:events:details", target):
            view["details"] = step.details
        return view


def _view(request: Request, row: ActionRow) -> dict[str, Any]:
    view = {
        "action": row.action, "instance_uuid": row.server_id, "request_id": row.request_id, "user_id": row.user_id, "project_id": row.project_id,
        "start_time": iso_naive(row.start_time), "message": "Error" if row.message else None,
    }  # fmt: skip
    return {**view, "updated_at": iso_naive(row.updated_at)} if request.version >= _PAGED else view


def _naive(at: int | None) -> str | None:
    return None if at is None else iso_naive(at)
