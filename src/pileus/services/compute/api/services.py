"""`os-services`: what runs where, and taking hosts out of scheduling."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.policy import Rule
from pileus.kernel.policy.defaults import ADMIN
from pileus.kernel.rest import Operation, Request, Schema, choice, obj, text
from pileus.kernel.types import Invalid, is_uuid, iso_naive, whole_number
from pileus.services.compute.api.server_bodies import BOOL, truth
from pileus.services.compute.core import services as core
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.services import ServiceRow

_API = "os_compute_api:os-services"
_PATH = "/v2.1/os-services"
_UUIDS = (2, 53)
RULES = [Rule(f"{_API}:{n}", ADMIN, f"To {n} compute's services.", scopes=()) for n in ("list", "update", "delete")]
_HOST_AND_BINARY: dict[str, Schema] = {"host": text(255, 1), "binary": text(255, 1)}
_REASON = text(255, 1)
_BOTH = ["host", "binary"]
_QUERY: Schema = {"type": "object", "properties": {n: {"type": "array", "items": text()} for n in ("host", "binary")}}


class Services:
    def __init__(self, near: Neighbours) -> None:
        self.near = near

    def operations(self) -> list[Operation]:
        item = f"{_PATH}/{{service_id}}"
        update: dict[str, Any] = {"resource": "service", "rule": f"{_API}:update"}
        old: dict[str, Any] = {**update, "method": "PUT", "until": "2.52"}
        new = obj({"status": choice("enabled", "disabled"), "disabled_reason": _REASON, "forced_down": BOOL})
        return [
            Operation(method="GET", path=_PATH, name="list", resource="service", decide=self._list, view=self._listed, rule=f"{_API}:list",
                query={"2.1": _QUERY, "2.75": {**_QUERY, "additionalProperties": False}}, summary="Services and their hosts"),
            Operation(path=f"{_PATH}/enable", name="enable", decide=self._enable, body=obj(_HOST_AND_BINARY, _BOTH), summary="Let the scheduler take a host", **old),
            Operation(path=f"{_PATH}/disable", name="disable", decide=self._disable, body=obj(_HOST_AND_BINARY, _BOTH), summary="Keep the scheduler off a host", **old),
            Operation(path=f"{_PATH}/disable-log-reason", name="disable", decide=self._disable, summary="The same, and say why",
                body=obj({**_HOST_AND_BINARY, "disabled_reason": _REASON}, [*_BOTH, "disabled_reason"]), **old),
            Operation(path=f"{_PATH}/force-down", name="force_down", decide=self._force_down, since="2.11", summary="Say that a host is down",
                body=obj({**_HOST_AND_BINARY, "forced_down": BOOL}, [*_BOTH, "forced_down"]), **old),
            Operation(method="PUT", path=item, name="update", decide=self._update, view=self._shown, body=new, since="2.53", summary="Enable, disable, force down", **update),
            Operation(method="DELETE", path=item, name="delete", resource="service", decide=self._delete, answers=204, rule=f"{_API}:delete", summary="Forget a host"),
        ]  # fmt: skip

    # --- reading --------------------------------------------------------------------------------------------------

    def _list(self, tx: Tx, request: Request) -> list[ServiceRow]:
        return core.every(tx, self.near, request.query.one("host") or "", request.query.one("binary") or "")

    def _listed(self, request: Request, rows: list[ServiceRow]) -> Any:
        return {"services": [self._view(request, row) for row in rows]}

    def _shown(self, request: Request, row: ServiceRow) -> Any:
        return {"service": self._view(request, row)}

    def _view(self, request: Request, row: ServiceRow) -> dict[str, Any]:
        view: dict[str, Any] = {
            "id": row.id if request.version >= _UUIDS else row.number, "binary": row.binary, "host": row.host, "zone": row.zone,
            "status": _status(row), "state": "up" if row.up else "down", "updated_at": iso_naive(row.seen_at), "disabled_reason": row.disabled_reason,
        }  # fmt: skip
        return {**view, "forced_down": row.forced_down} if request.version >= (2, 11) else view

    def _row(self, tx: Tx, request: Request) -> ServiceRow:
        service_id = request.params["service_id"]
        if request.version >= _UUIDS and not is_uuid(service_id):
            raise Invalid(f"Invalid uuid {service_id}")
        if request.version < _UUIDS and whole_number(service_id) is None:
            raise Invalid(f"Invalid service id: {service_id}; it must be an integer")
        return core.get(tx, self.near, service_id)

    # --- changing -------------------------------------------------------------------------------------------------

    def _named(self, tx: Tx, request: Request) -> ServiceRow:
        return core.named(tx, self.near, request.body["host"], request.body["binary"])

    def _enable(self, tx: Tx, request: Request) -> Any:
        wanted = {"disabled": False, "disabled_reason": None}
        row = core.update(tx, self.near, request.ctx, self._named(tx, request), wanted)
        return {"service": {"host": row.host, "binary": row.binary, "status": "enabled"}}

    def _disable(self, tx: Tx, request: Request) -> Any:
        reason = request.body.get("disabled_reason")
        wanted = {"disabled": True, "disabled_reason": reason}
        row = core.update(tx, self.near, request.ctx, self._named(tx, request), wanted)
        more = {"disabled_reason": reason} if reason else {}
        return {"service": {"host": row.host, "binary": row.binary, "status": "disabled", **more}}

    def _force_down(self, tx: Tx, request: Request) -> Any:
        forced = truth(request.body["forced_down"])
        row = core.update(tx, self.near, request.ctx, self._named(tx, request), {"forced_down": forced})
        return {"service": {"host": row.host, "binary": row.binary, "forced_down": row.forced_down}}

    def _update(self, tx: Tx, request: Request) -> ServiceRow:
        return core.update(tx, self.near, request.ctx, self._row(tx, request), _wanted(request.body))

    def _delete(self, tx: Tx, request: Request) -> None:
        core.delete(tx, self.near, request.ctx, self._row(tx, request))


def _status(row: ServiceRow) -> str:
    return "disabled" if row.disabled else "enabled"


def _wanted(body: dict[str, Any]) -> dict[str, Any]:
    """The columns that a 2.53 body sets."""
    status, reason = body.get("status"), body.get("disabled_reason")
    if reason is not None and status != "disabled":
        raise Invalid('Specifying disabled_reason requires that status is set to "disabled".')
    wanted: dict[str, Any] = {}
    if status is not None:
        wanted = {"disabled": status == "disabled", "disabled_reason": reason}
    if "forced_down" in body:
        wanted["forced_down"] = truth(body["forced_down"])
    if not wanted:
        raise Invalid("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    return wanted
