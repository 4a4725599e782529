"""`/v2.0/network-ip-availabilities` and `/v2.0/floatingip_pools`."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request
from pileus.kernel.types import Filter, Invalid, Listing
from pileus.services.network.core import networks, usage
from pileus.services.network.core.neighbours import Near

_FILTERS = {"network_id": "id", "network_name": "name", "tenant_id": "project_id", "project_id": "project_id"}


def operations(near: Near) -> list[Operation]:
    def every(tx: Tx, request: Request) -> Any:
        """Used and free addresses of networks."""
        found = usage.listed_availability(tx, near, request.ctx, _listing(request))
        versions = request.query.all("ip_version")
        if versions:
            found = [f for f in found if any(str(s["ip_version"]) in versions for s in f["subnet_ip_availability"])]
        return {"network_ip_availabilities": found}

    def one(tx: Tx, request: Request) -> Any:
        """Used and free addresses of a network."""
        row = networks.get(tx, near, request.ctx, request.params["network_id"])
        return {"network_ip_availability": usage.availability(tx, [row])[0]}

    def pools(tx: Tx, request: Request) -> Any:
        """Subnets that floating IPs come from."""
        wanted = {n: request.query.all(n) for n in request.query.names() if n in ("subnet_id", "network_id", "cidr")}
        found = usage.pools(tx, near, request.ctx)
        return {"floatingip_pools": [p for p in found if all(p[n] in v for n, v in wanted.items())]}

    rule = "get_network_ip_availability"
    path = "/v2.0/network-ip-availabilities"
    return [
        Operation(method="GET", path=path, name="list_availabilities", decide=every, summary=every.__doc__ or ""),
        Operation(method="GET", path=path + "/{network_id}", name="show_availability", rule=rule, decide=one),
        Operation(method="GET", path="/v2.0/floatingip_pools", name="pools", rule="get_floatingip_pool", decide=pools),
    ]


def _listing(request: Request) -> Listing:
    filters = []
    for name in request.query.names():
        if name in ("fields", "limit", "marker", "ip_version"):
            continue
        if name not in _FILTERS:
            raise Invalid(f"['{name}'] is invalid attribute for filtering", type="HTTPBadRequest")
        filters.append(Filter(_FILTERS[name], "in", tuple(request.query.all(name))))
    return Listing(filters=tuple(filters))
