"""Network, put together."""

from collections.abc import Mapping
from typing import Any

from pileus.contracts.identity import CatalogService
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.nodes import Nodes
from pileus.kernel.policy import Policy
from pileus.kernel.reconcile import Reconciler
from pileus.kernel.rest import Authenticate, Face, Operation, Resource, Service
from pileus.kernel.types import SECOND
from pileus.services.network.api import agents, discovery, quotas, rules, tags, usage
from pileus.services.network.api.absent import ABSENT
from pileus.services.network.api.dialect import NeutronDialect
from pileus.services.network.api.floatingips import FloatingIPs
from pileus.services.network.api.networks import Networks
from pileus.services.network.api.ports import Ports
from pileus.services.network.api.routers import Routers
from pileus.services.network.api.security_groups import SecurityGroupRules, SecurityGroups
from pileus.services.network.api.subnetpools import SubnetPools
from pileus.services.network.api.subnets import Subnets
from pileus.services.network.core.changes import SIGNAL
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.settings import NetworkSettings
from pileus.services.network.core.usage import quotas as limited
from pileus.services.network.internal import Internal
from pileus.services.network.reconcilers.agents import Pulse
from pileus.services.network.reconcilers.changes import Teller
from pileus.services.network.reconcilers.hosts import Carrier

SECTION = ("network", NetworkSettings)
RULES = rules.RULES
CATALOG = [CatalogService(type="network", name="neutron", url="{base}", description="Networking")]


def build(
    *,
    db: Database,
    settings: Settings,
    nodes: Nodes,
    authenticate: Authenticate | None = None,
    policy_overrides: Mapping[str, Any] | None = None,
    **_: Any,
) -> Service:
    """Everything of network, ready to start. Without `authenticate` the face knows only callers from inside."""
    mine = settings.of(NetworkSettings)
    policy = Policy(RULES, policy_overrides or {})
    near = Near(mine, policy, limited(mine), mine.gateway_host or nodes.local)
    carrier = Carrier(db, nodes, near)
    teller, pulse = Teller(db, carrier), Pulse(db, nodes, near)
    face = Face(
        "network",
        NeutronDialect(),
        policy,
        db,
        _items(near, db),
        authenticate,
        suffixes=(".json",),
    )
    return Service(
        name="network",
        face=face,
        internal=Internal(db, near, carrier),
        reconcilers=[
            Reconciler("network.changes", teller.work, every=10 * SECOND, wake=(SIGNAL,)),
            Reconciler("network.agents", pulse.work, every=25 * SECOND),
        ],
        start=pulse.work,
    )


def _items(near: Near, db: Database) -> list[Resource[Near] | Operation]:
    networks, subnets, ports, routers = Networks(near), Subnets(near), Ports(near), Routers(near)
    floating, groups, everyone = FloatingIPs(near), SecurityGroups(near, db), agents.Agents(near)
    nouns = [networks, subnets, SubnetPools(near), ports, routers, floating, groups]
    return [
        *discovery.operations(),
        *nouns,
        SecurityGroupRules(near),
        everyone,
        *agents.operations(near, everyone, networks, routers),
        *tags.operations(nouns),
        *quotas.operations(near),
        *usage.operations(near),
        *ABSENT,
    ]
