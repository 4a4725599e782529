"""`os-aggregates`: sets of hosts."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN
from pileus.kernel.rest import Operation, Request, Schema, nullable, obj, text
from pileus.kernel.types import Invalid, iso_naive, whole_number
from pileus.services.compute.core import aggregates as core
from pileus.services.compute.core.aggregates import Aggregate
from pileus.services.compute.core.neighbours import Neighbours

_API = "os_compute_api:os-aggregates"
_PATH = "/v2.1/os-aggregates"
_VERBS = ("index", "create", "show", "update", "delete", "add_host", "remove_host", "set_metadata")
RULES = [Rule(f"{_API}:{n}", ADMIN, "Host aggregates.", scopes=()) for n in _VERBS]
_NAME = text(255, 1, pattern=r"^(?! )[^\x00-\x1f\x7f]*(?<! )$")
_ZONE = text(255, 1, pattern=r"^[^:]+$")
_HOST = obj({"host": text(255, 1)}, ["host"])
_METADATA = obj({"metadata": obj(patterns={r"^[a-zA-Z0-9-_:. ]{1,255}$": nullable(text(255))})}, ["metadata"])
_UPDATE: Schema = {**obj({"name": _NAME, "availability_zone": _ZONE}), "minProperties": 1}


class Aggregates:
    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        item = f"{_PATH}/{{aggregate_id}}"
        new = obj({"name": _NAME, "availability_zone": nullable(_ZONE)}, ["name"])
        common: dict[str, Any] = {"resource": "aggregate"}

        def action(key: str, decide: Any, value: Schema, summary: str) -> Operation:
            return Operation(
                method="POST", path=f"{item}/action", name=key, action=key, decide=decide, view=_shown, body=obj({key: value}, [key]),
                rule=f"{_API}:{key}", summary=summary, **common,
            )  # fmt: skip

        return [
            Operation(method="GET", path=_PATH, name="list", decide=self._list, rule=f"{_API}:index", summary="Aggregates", **common),
            Operation(method="POST", path=_PATH, name="create", decide=self._create, view=_made, rule=f"{_API}:create", body=obj({"aggregate": new}, ["aggregate"]), summary="Make one", **common),
            Operation(method="GET", path=item, name="show", decide=self._one, view=_shown, rule=f"{_API}:show", summary="One aggregate", **common),
            Operation(method="PUT", path=item, name="update", decide=self._update, view=_shown, rule=f"{_API}:update", body=obj({"aggregate": _UPDATE}, ["aggregate"]), summary="Rename it, change its zone", **common),
            Operation(method="DELETE", path=item, name="delete", decide=self._delete, rule=f"{_API}:delete", summary="Delete an empty one", **common),
            action("add_host", self._add_host, _HOST, "Take a host in"),
            action("remove_host", self._remove_host, _HOST, "Let a host go"),
            action("set_metadata", self._set_metadata, _METADATA, "Set and drop metadata"),
        ]  # fmt: skip

    def _one(self, tx: Tx, request: Request) -> Aggregate:
        aggregate_id = request.params["aggregate_id"]
        number = whole_number(aggregate_id, 2**31 - 1)
        if number is None:
            raise Invalid(f"Invalid id: {aggregate_id}; it must be an integer")
        return core.get(tx, number)

    def _list(self, tx: Tx, request: Request) -> Any:
        return {"aggregates": [_view(request, it) for it in core.every(tx)]}

    def _create(self, tx: Tx, request: Request) -> Aggregate:
        body = request.body["aggregate"]
        return core.create(tx, request.ctx, body["name"], body.get("availability_zone"))

    def _update(self, tx: Tx, request: Request) -> Aggregate:
        it, body = self._one(tx, request), request.body["aggregate"]
        if "name" in body:
            it = core.rename(tx, request.ctx, it, body["name"])
        if "availability_zone" in body:
            it = core.set_metadata(tx, self.near, request.ctx, it, {core.ZONE: body["availability_zone"]})
        return it

    def _delete(self, tx: Tx, request: Request) -> None:
        core.delete(tx, request.ctx, self._one(tx, request))

    def _add_host(self, tx: Tx, request: Request) -> Aggregate:
        return core.add_host(tx, self.near, request.ctx, self._one(tx, request), request.body["add_host"]["host"])

    def _remove_host(self, tx: Tx, request: Request) -> Aggregate:
        return core.remove_host(tx, self.near, request.ctx, self._one(tx, request), request.body["remove_host"]["host"])

    def _set_metadata(self, tx: Tx, request: Request) -> Aggregate:
        wanted = request.body["set_metadata"]["metadata"]
        return core.set_metadata(tx, self.near, request.ctx, self._one(tx, request), wanted)


def _shown(request: Request, it: Aggregate) -> Any:
    return {"aggregate": _view(request, it)}


def _made(request: Request, it: Aggregate) -> Any:
    """Nova's answer to a create lacks what a new aggregate cannot have."""
    view = _view(request, it)
    return {"aggregate": {k: v for k, v in view.items() if k not in ("hosts", "metadata")}}


def _view(request: Request, it: Aggregate) -> dict[str, Any]:
    row = it.row
    view: dict[str, Any] = {
        "id": row.id, "name": row.name, "availability_zone": row.metadata.get(core.ZONE), "hosts": list(it.hosts), "metadata": row.metadata,
        "created_at": iso_naive(row.created_at), "updated_at": None if row.updated_at is None else iso_naive(row.updated_at),
        "deleted": False, "deleted_at": None,
    }  # fmt: skip
    return {**view, "uuid": row.uuid} if request.version >= (2, 41) else view
