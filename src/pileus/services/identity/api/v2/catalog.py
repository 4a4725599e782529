"""Services, and endpoints in threes."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import BOOLEAN, Operation, Request, Schema
from pileus.services.identity.api.v2 import shapes
from pileus.services.identity.api.v2.paths import body, given, op
from pileus.services.identity.core import endpoints, refusals, services
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db.catalog import ServiceRow

_SERVICE = "OS-KSADM:service"
_TEXT = {"type": ["string", "null"]}
_TYPE = {"type": "string", "minLength": 1, "maxLength": 255}
_INTERFACES = ("public", "internal", "admin")
_URL = {"type": ["string", "null"], "maxLength": 2048, "pattern": "^([a-zA-Z0-9+.-]+:.+)?$"}
_PLACE: dict[str, Schema] = {
    "service_id": {"type": "string", "minLength": 1},
    "region": _TEXT,
    "publicurl": {**_URL, "type": "string", "minLength": 1},
    "internalurl": _URL,
    "adminurl": _URL,
    "enabled": BOOLEAN,
}


class CatalogV2:
    """`/v2.0/OS-KSADM/services` and `/v2.0/endpoints`."""

    def __init__(self, near: Near) -> None:
        self.near = near

    def all_operations(self) -> list[Operation]:
        service = "/OS-KSADM/services"
        kind = body(_SERVICE, {"type": _TYPE, "name": _TEXT, "enabled": BOOLEAN}, "type")
        place = body("endpoint", _PLACE, "service_id", "publicurl")
        return [
            op("GET", service, "list_services", "Services.", rule="identity:list_services", decide=self._services, view=self._many),
            op("POST", service, "create_service", "Enter a service.", rule="identity:create_service", body=kind, decide=self._create_service, view=self._one),
            op("GET", f"{service}/{{service_id}}", "show_service", "One service.", rule="identity:get_service", decide=self._service, view=self._one),
            op("DELETE", f"{service}/{{service_id}}", "delete_service", "Remove a service with its endpoints.", rule="identity:delete_service", decide=self._delete_service, answers=204),
            op("GET", "/endpoints", "list_endpoints", "Endpoints: the three addresses of a service in a region.", rule="identity:list_endpoints", decide=self._endpoints),
            op("POST", "/endpoints", "create_endpoint", "Enter up to three addresses at once.", rule="identity:create_endpoint", body=place, decide=self._create),
            op("DELETE", "/endpoints/{endpoint_id}", "delete_endpoint", "Remove the three.", rule="identity:delete_endpoint", decide=self._delete, answers=204),
        ]  # fmt: skip

    # --- services -----------------------------------------------------------------------------------------------------

    def _services(self, tx: Tx, request: Request) -> Any:
        return services.everything(tx)

    def _many(self, request: Request, rows: list[ServiceRow]) -> Any:
        return {f"{_SERVICE}s": [shapes.service(row) for row in rows]}

    def _one(self, request: Request, row: ServiceRow) -> Any:
        return {_SERVICE: shapes.service(row)}

    def _service(self, tx: Tx, request: Request) -> Any:
        return services.get(tx, self.near, request.ctx, request.params["service_id"])

    def _create_service(self, tx: Tx, request: Request) -> Any:
        raw = given(request.body[_SERVICE], "name", "description", "enabled")
        known: dict[str, Any] = {name: raw.pop(name) for name in ("type", "name", "enabled") if name in raw}
        return services.create(tx, self.near, request.ctx, {**known, "extra": raw})

    def _delete_service(self, tx: Tx, request: Request) -> None:
        services.delete(tx, self.near, request.ctx, self._service(tx, request))

    # --- endpoints ----------------------------------------------------------------------------------------------------

    def _endpoints(self, tx: Tx, request: Request) -> Any:
        groups = shapes.endpoint_groups(endpoints.everything(tx))
        return {"endpoints": [shapes.endpoint(id, rows) for id, rows in groups.items()]}

    def _create(self, tx: Tx, request: Request) -> Any:
        raw = request.body["endpoint"]
        urls = {name: raw[f"{name}url"] for name in _INTERFACES if raw.get(f"{name}url")}
        want = {"service_id": raw["service_id"], "region": raw.get("region"), "enabled": raw.get("enabled", True)}
        rows = endpoints.create_together(tx, self.near, request.ctx, want, urls)
        return {"endpoint": shapes.endpoint(rows[0].legacy_id or "", rows)}

    def _delete(self, tx: Tx, request: Request) -> None:
        id = request.params["endpoint_id"]
        group = shapes.endpoint_groups(endpoints.everything(tx)).get(id)
        if group is None:
            raise refusals.missing("endpoint", id)
        for row in group:
            endpoints.delete(tx, self.near, request.ctx, row)
