"""`/v2.0/networks`."""

from collections.abc import Mapping
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Request, creates, deletes, lists, shows, updates
from pileus.services.network.api.attributes import (
    ANY_TEXT,
    BOOL,
    DNS_DOMAIN,
    INT,
    LIST,
    MTU,
    NAME,
    ZONES,
    Attr,
    or_null,
    string,
)
from pileus.services.network.api.noun import Standard
from pileus.services.network.core import network_removal
from pileus.services.network.core import networks as core


def _zones(request: Request, row: Any) -> list[str]:
    """Where its DHCP stands: a network without any has no zone yet."""
    return [request.near.settings.zone] if row.dhcp_port_id else []


class Networks(Standard):
    """Layer 2 networks of projects and of providers."""

    stem, member, plural, path = "Network", "network", "networks", "/v2.0/networks"
    rules = {
        "list": "",
        "show": "get_network",
        "create": "create_network",
        "update": "update_network",
        "delete": "delete_network",
    }

    name = Attr(NAME, default="", sort=True, match=True)
    admin_state_up = Attr(BOOL, default=True, sort=True, match=True)
    status = Attr(ANY_TEXT, "show list", sort=True, match=True)
    subnets = Attr(LIST, "show list", view=lambda _, row: list(row.subnets))
    shared = Attr(
        BOOL, default=False, match=True, guard={"create": "create_network:shared", "update": "update_network:shared"}
    )
    external = Attr(
        BOOL,
        wire="router:external",
        default=False,
        match=True,
        guard={"create": "create_network:router:external", "update": "update_network:router:external"},
    )
    is_default = Attr(
        BOOL,
        default=False,
        match=True,
        guard={"create": "create_network:is_default", "update": "update_network:is_default"},
    )
    port_security_enabled = Attr(BOOL, default=True)
    mtu = Attr(MTU, default=0, sort=True, match=True)
    dns_domain = Attr(DNS_DOMAIN, default="")
    zone_hints = Attr(
        ZONES,
        "show list create",
        wire="availability_zone_hints",
        default=(),
        view=lambda _, row: row.zone_hints.split(",") if row.zone_hints else [],
    )
    availability_zones = Attr(LIST, "show list", view=_zones)
    ipv4_address_scope = Attr(ANY_TEXT, "show list", view=lambda _r, _row: None)
    ipv6_address_scope = Attr(ANY_TEXT, "show list", view=lambda _r, _row: None)
    network_type = Attr(
        or_null(string(32)),
        wire="provider:network_type",
        match=True,
        rule="get_network:provider:network_type",
        guard={
            "create": "create_network:provider:network_type",
            "update": "update_network:provider:network_type",
        },
    )
    physical_network = Attr(
        or_null(string(64)),
        wire="provider:physical_network",
        match=True,
        rule="get_network:provider:physical_network",
        view=lambda _, row: row.physical_network or None,
        guard={
            "create": "create_network:provider:physical_network",
            "update": "update_network:provider:physical_network",
        },
    )
    segmentation_id = Attr(
        or_null(INT),
        wire="provider:segmentation_id",
        match=True,
        rule="get_network:provider:segmentation_id",
        view=lambda _, row: row.segmentation_id or None,
        guard={
            "create": "create_network:provider:segmentation_id",
            "update": "update_network:provider:segmentation_id",
        },
    )

    get = core.get
    list = lists(core.page)
    show = shows()
    create = creates(core.create, bulk=True)
    update = updates(core.update)
    delete = deletes(network_removal.delete)

    def extend(self, request: Request, row: Any, view: dict[str, Any]) -> None:
        """Only external networks can be the default one."""
        if not row.external:
            view.pop("is_default", None)

    def facts(self, tx: Tx | None, request: Request, subject: Any) -> Mapping[str, object]:
        if isinstance(subject, dict):
            return {"shared": subject.get("shared", False), "external": subject.get("external", False)}
        return {}
