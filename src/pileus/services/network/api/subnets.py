"""`/v2.0/subnets`."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Request, creates, deletes, lists, shows, updates
from pileus.services.network.api.attributes import (
    ANY_TEXT,
    BOOL,
    CIDR,
    ID,
    IP,
    IP_VERSION,
    MTU,
    NAME,
    NAMESERVERS,
    POOLS,
    ROUTES,
    SERVICE_TYPES,
    Attr,
    one_of,
    or_null,
)
from pileus.services.network.api.noun import Standard
from pileus.services.network.core import networks as network_core
from pileus.services.network.core import subnets as core

_MODES = one_of("dhcpv6-stateful", "dhcpv6-stateless", "slaac", None)


class Subnets(Standard):
    """Address blocks of networks."""

    stem, member, plural, path = "Subnet", "subnet", "subnets", "/v2.0/subnets"
    rules = {
        "list": "",
        "show": "get_subnet",
        "create": "create_subnet",
        "update": "update_subnet",
        "delete": "delete_subnet",
    }

    name = Attr(NAME, default="", sort=True, match=True)
    network_id = Attr(ID, "show list create", required=True, sort=True, match=True)
    ip_version = Attr(IP_VERSION, "show list create", required=True, sort=True, match=True)
    cidr = Attr(or_null(CIDR), "show list create", sort=True, match=True)
    prefixlen = Attr(MTU, "create")
    subnetpool_id = Attr(or_null(ID), "show list create", sort=True, match=True)
    use_default_subnetpool = Attr(BOOL, "create", default=False)
    gateway_ip = Attr(or_null(IP), sort=True, match=True)
    pools = Attr(
        or_null(POOLS),
        wire="allocation_pools",
        view=lambda _, row: [{"start": a, "end": b} for a, b in row.pools],
    )
    dns_nameservers = Attr(NAMESERVERS, default=[], view=lambda _, row: list(row.dns_nameservers))
    host_routes = Attr(
        ROUTES, default=[], view=lambda _, row: [{"destination": d, "nexthop": n} for d, n in row.host_routes]
    )
    enable_dhcp = Attr(BOOL, default=True, sort=True, match=True)
    ipv6_ra_mode = Attr(_MODES, "show list create", sort=True, match=True)
    ipv6_address_mode = Attr(_MODES, "show list create", sort=True, match=True)
    service_types = Attr(
        SERVICE_TYPES,
        default=[],
        guard={"create": "create_subnet:service_types", "update": "update_subnet:service_types"},
        view=lambda _, row: list(row.service_types),
    )
    external = Attr(BOOL, "show list", wire="router:external", match=True)
    shared = Attr(BOOL, "", match=True)
    segment_id = Attr(ANY_TEXT, "")

    get = core.get
    list = lists(core.page)
    show = shows()
    create = creates(core.create, bulk=True)
    update = updates(core.update)
    delete = deletes(core.delete)

    def facts(self, tx: Tx | None, request: Request, subject: Any) -> Mapping[str, object]:
        if isinstance(subject, dict):
            assert tx is not None
            network = network_core.find(tx, self.near, request.ctx, subject["network_id"])
            subject["network"] = network
            return {"network:project_id": network.project_id, "shared": network.shared, "external": network.external}
        return {"network:project_id": subject.network_project_id}
