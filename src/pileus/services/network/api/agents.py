"""`/v2.0/agents`, what they host, and availability zones."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request, deletes, lists, shows, updates
from pileus.services.network.api.attributes import ANY_TEXT, BOOL, OBJECT, TEXT, Attr, or_null
from pileus.services.network.api.networks import Networks
from pileus.services.network.api.noun import Noun
from pileus.services.network.api.routers import Routers
from pileus.services.network.core import agents as core
from pileus.services.network.core import placement
from pileus.services.network.core.neighbours import Near


def _time(name: str) -> Any:
    """Agents write their times with a space and without zone."""

    def get(request: Request, row: Any) -> str:
        return str(core.shown_time(getattr(row, name)))

    return get


class Agents(Noun):
    """The parts of each host's network driver."""

    stem, member, plural, path = "Agent", "agent", "agents", "/v2.0/agents"
    rules = {"list": "", "show": "get_agent", "update": "update_agent", "delete": "delete_agent"}

    project_id = Attr(ANY_TEXT, "")
    agent_type = Attr(ANY_TEXT, "show list", match=True, sort=True)
    binary = Attr(ANY_TEXT, "show list", match=True, sort=True)
    topic = Attr(ANY_TEXT, "show list", match=True, sort=True)
    host = Attr(ANY_TEXT, "show list", match=True, sort=True)
    admin_state_up = Attr(BOOL, "show list update", match=True, sort=True)
    alive = Attr(BOOL, "show list", match=True)
    created_at = Attr(ANY_TEXT, "show list", view=_time("created_at"))
    started_at = Attr(ANY_TEXT, "show list", view=_time("started_at"))
    heartbeat_timestamp = Attr(ANY_TEXT, "show list", view=_time("heartbeat_timestamp"))
    description = Attr(or_null(TEXT), "show list update", match=True)
    configurations = Attr(OBJECT, "show list")
    availability_zone = Attr(ANY_TEXT, "show list", view=lambda r, row: core.zone_of(r.near, row))
    resources_synced = Attr(ANY_TEXT, "show list", view=lambda _r, _row: None)

    get = core.get
    list = lists(core.page)
    show = shows()
    update = updates(core.update)
    delete = deletes(core.delete)

    def before(self, tx: Tx, request: Request, row: Any, want: dict[str, Any] | None) -> None:
        """Agents have no revisions."""


def operations(near: Near, agents: Agents, networks: Networks, routers: Routers) -> list[Operation]:
    """Which agent serves what, and which zones there are."""

    def show(noun: Noun) -> Any:
        def view(request: Request, rows: Any) -> dict[str, Any]:
            return {noun.plural: [noun.view(request, row, "list") for row in rows]}

        return view

    def operation(path: str, rule: str, decide: Any, view: Any) -> Operation:
        return Operation(
            method="GET", path=path, name=rule, rule=rule, decide=decide, view=view, summary=decide.__doc__
        )

    def dhcp_agents(tx: Tx, request: Request) -> Any:
        """Agents that serve a network's DHCP."""
        return placement.dhcp_agents(tx, near, request.ctx, request.params["network_id"])

    def l3_agents(tx: Tx, request: Request) -> Any:
        """Agents that carry a router."""
        return placement.l3_agents(tx, near, request.ctx, request.params["router_id"])

    def dhcp_networks(tx: Tx, request: Request) -> Any:
        """Networks whose DHCP an agent serves."""
        return placement.dhcp_networks(tx, near, request.ctx, request.params["agent_id"])

    def l3_routers(tx: Tx, request: Request) -> Any:
        """Routers that an agent carries."""
        return placement.l3_routers(tx, near, request.ctx, request.params["agent_id"])

    def zones(tx: Tx, request: Request) -> Any:
        """Availability zones of networks and routers."""
        return placement.zones(tx, near)

    return [
        operation("/v2.0/networks/{network_id}/dhcp-agents", "get_dhcp-agents", dhcp_agents, show(agents)),
        operation("/v2.0/routers/{router_id}/l3-agents", "get_l3-agents", l3_agents, show(agents)),
        operation("/v2.0/agents/{agent_id}/dhcp-networks", "get_dhcp-networks", dhcp_networks, show(networks)),
        operation("/v2.0/agents/{agent_id}/l3-routers", "get_l3-routers", l3_routers, show(routers)),
        operation("/v2.0/availability_zones", "get_availability_zone", zones, _zones_view),
    ]


def _zones_view(request: Request, found: Any) -> dict[str, Any]:
    wanted = {n: request.query.all(n) for n in ("name", "resource", "state") if request.query.has(n)}
    return {"availability_zones": [z for z in found if all(z[n] in v for n, v in wanted.items())]}
