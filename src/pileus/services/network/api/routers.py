"""`/v2.0/routers` and what is done to them."""

from dataclasses import replace
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Dialect, Request, creates, deletes, lists, route, shows, updates
from pileus.kernel.types import Invalid
from pileus.services.network.api.attributes import (
    ANY_TEXT,
    BOOL,
    FIXED_IPS,
    ID,
    LIST,
    NAME,
    ROUTES,
    ZONES,
    Attr,
    Kind,
)
from pileus.services.network.api.noun import Standard, Want, match_revision
from pileus.services.network.core import router_legs
from pileus.services.network.core import routers as core
from pileus.services.network.core.neighbours import Near
from pileus.services.network.db.routers import RouterRow

_PARTS = ("network_id", "enable_snat", "external_fixed_ips")


def _gateway(value: Any) -> dict[str, Any]:
    if value is None or value == {}:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"'{value}' is not a dictionary.")
    unknown = sorted(str(k) for k in value if k not in _PARTS)
    if unknown:
        raise ValueError(f"Unexpected keys supplied: {', '.join(unknown)}.")
    if "network_id" not in value:
        raise ValueError("Expected keys not found: network_id.")
    made: dict[str, Any] = {"network_id": ID.read(value["network_id"])}
    if "enable_snat" in value:
        made["enable_snat"] = BOOL.read(value["enable_snat"])
    if "external_fixed_ips" in value:
        made["external_fixed_ips"] = FIXED_IPS.read(value["external_fixed_ips"])
    return made


GATEWAY = Kind({"type": ["object", "null"]}, _gateway)


def _join(tx: Tx, near: Near, request: Request) -> dict[str, Any]:
    """Give the router an interface on a subnet."""
    match_revision(request, request.target)
    router: RouterRow = request.target
    return router_legs.info(router, router_legs.add(tx, near, request.ctx, router, request.body))


def _leave(tx: Tx, near: Near, request: Request) -> dict[str, Any]:
    """Take an interface away from the router."""
    match_revision(request, request.target)
    router: RouterRow = request.target
    return router_legs.info(router, router_legs.remove(tx, near, request.ctx, router, request.body))


def _add_routes(tx: Tx, near: Near, request: Request) -> RouterRow:
    """Add routes, leaving the others."""
    match_revision(request, request.target)
    return core.add_routes(tx, near, request.ctx, request.target, _asked(request.body))


def _remove_routes(tx: Tx, near: Near, request: Request) -> RouterRow:
    """Remove routes, leaving the others."""
    match_revision(request, request.target)
    return core.drop_routes(tx, near, request.ctx, request.target, _asked(request.body))


def _asked(body: Any) -> list[tuple[str, str]]:
    router = body.get("router") if isinstance(body, dict) else None
    if not isinstance(router, dict) or router.get("routes") is None:
        raise Invalid("Unable to find 'routes' of 'router' in request body", type="HTTPBadRequest")
    try:
        return [(r["destination"], r["nexthop"]) for r in ROUTES.read(router["routes"])]
    except ValueError as e:
        raise Invalid(f"Invalid input for routes. Reason: {e}", type="HTTPBadRequest") from None


def _gateway_info(row: RouterRow) -> dict[str, Any] | None:
    if not row.gateway_port_id:
        return None
    return {
        "network_id": row.gateway_network_id,
        "enable_snat": row.enable_snat,
        "external_fixed_ips": [{"subnet_id": s, "ip_address": a} for s, a in row.gateway_ips],
    }


class Routers(Standard):
    """Routers between a project's networks and the outside."""

    stem, member, plural, path = "Router", "router", "routers", "/v2.0/routers"
    rules = {
        "list": "",
        "show": "get_router",
        "create": "create_router",
        "update": "update_router",
        "delete": "delete_router",
        "add_interface": "add_router_interface",
        "remove_interface": "remove_router_interface",
        "add_routes": "add_extraroutes",
        "remove_routes": "remove_extraroutes",
    }

    name = Attr(NAME, default="", sort=True, match=True)
    admin_state_up = Attr(BOOL, default=True, sort=True, match=True)
    status = Attr(ANY_TEXT, "show list", sort=True)
    gateway = Attr(
        GATEWAY,
        wire="external_gateway_info",
        default={},
        guard={
            "create": "create_router:external_gateway_info",
            "update": "update_router:external_gateway_info",
        },
        view=lambda _, row: _gateway_info(row),
    )
    routes = Attr(
        ROUTES,
        "show list update",
        view=lambda _, row: [{"destination": d, "nexthop": n} for d, n in row.routes],
    )
    zone_hints = Attr(
        ZONES,
        "show list create",
        wire="availability_zone_hints",
        default=(),
        view=lambda _, row: row.zone_hints.split(",") if row.zone_hints else [],
    )
    availability_zones = Attr(LIST, "show list", view=lambda r, _row: [r.near.settings.zone])

    get = core.get
    list = lists(core.page)
    show = shows()
    create = creates(core.create, bulk=True)
    update = updates(core.update)
    delete = deletes(core.delete)

    def more_rules(self, operation: str, want: Want) -> Any:
        info = want.get("gateway") or {}
        changed = [k for k in _PARTS if k in info and not (k == "enable_snat" and info[k] is True)]
        return [f"{operation}_router:external_gateway_info:{k}" for k in changed]

    add_interface = route("PUT", "/{router_id}/add_router_interface", _join, body={}, optional_body=True)
    remove_interface = route("PUT", "/{router_id}/remove_router_interface", _leave, body={}, optional_body=True)
    add_routes = route("PUT", "/{router_id}/add_extraroutes", _add_routes, body={})
    remove_routes = route("PUT", "/{router_id}/remove_extraroutes", _remove_routes, body={})

    def operations(self, dialect: Dialect) -> Any:
        """What changes routes shows the router as the noun does."""
        found = super().operations(dialect)
        return [replace(op, view=self._member) if op.name in ("add_routes", "remove_routes") else op for op in found]
