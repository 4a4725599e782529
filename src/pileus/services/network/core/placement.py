"""Which host serves what: all DHCP and all routers stand on the gateway host."""

from pileus.kernel.db import Tx
from pileus.kernel.types import Ctx, Listing
from pileus.services.network.core import agents, networks, routers
from pileus.services.network.core.neighbours import Near
from pileus.services.network.db.hosts import AgentRow
from pileus.services.network.db.networks import NetworkRow
from pileus.services.network.db.routers import RouterRow


def dhcp_agents(tx: Tx, near: Near, ctx: Ctx, network_id: str) -> list[AgentRow]:
    network = networks.find(tx, near, ctx, network_id)
    return agents.of_type(tx, near, agents.DHCP) if network.dhcp_port_id else []


def l3_agents(tx: Tx, near: Near, ctx: Ctx, router_id: str) -> list[AgentRow]:
    routers.find(tx, near, ctx, router_id)
    return agents.of_type(tx, near, agents.L3)


def dhcp_networks(tx: Tx, near: Near, ctx: Ctx, agent_id: str) -> list[NetworkRow]:
    agent = agents.get(tx, near, ctx, agent_id)
    if agent.agent_type != agents.DHCP:
        return []
    served = networks.page(tx, near, ctx, Listing().also("dhcp_port_id", "ne", ""))
    return served.rows


def l3_routers(tx: Tx, near: Near, ctx: Ctx, agent_id: str) -> list[RouterRow]:
    agent = agents.get(tx, near, ctx, agent_id)
    return routers.page(tx, near, ctx, Listing()).rows if agent.agent_type == agents.L3 else []


def zones(tx: Tx, near: Near) -> list[dict[str, str]]:
    """One zone, for networks and for routers; available while its agent is alive."""
    found = []
    for resource, kind in (("network", agents.DHCP), ("router", agents.L3)):
        serving = agents.of_type(tx, near, kind)
        if serving:
            state = "available" if any(a.alive and a.admin_state_up for a in serving) else "unavailable"
            found.append({"name": near.settings.zone, "resource": resource, "state": state})
    return found
