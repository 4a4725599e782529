"""Compute, put together."""

from collections.abc import Mapping
from typing import Any

from pileus.contracts.identity import CatalogService, Identity
from pileus.contracts.image import Image
from pileus.contracts.network import Network
from pileus.contracts.placement import Placement
from pileus.kernel.config import Settings
from pileus.kernel.db import Database
from pileus.kernel.nodes import Nodes
from pileus.kernel.policy import Policy
from pileus.kernel.reconcile import Reconciler
from pileus.kernel.rest import Authenticate, Face, Operation, Resource, Service
from pileus.kernel.types import MINUTE, SECOND
from pileus.services.compute.api import aggregates as aggregates_api
from pileus.services.compute.api import extensions as extensions_api
from pileus.services.compute.api import flavors as flavors_api
from pileus.services.compute.api import hypervisors as hypervisors_api
from pileus.services.compute.api import instance_actions as actions_api
from pileus.services.compute.api import keypairs as keypairs_api
from pileus.services.compute.api import quotas as quotas_api
from pileus.services.compute.api import server_belongings as belongings_api
from pileus.services.compute.api import server_groups as groups_api
from pileus.services.compute.api import server_interfaces as interfaces_api
from pileus.services.compute.api import server_network as network_api
from pileus.services.compute.api import server_power as power_api
from pileus.services.compute.api import servers as servers_api
from pileus.services.compute.api import services as services_api
from pileus.services.compute.api import zones as zones_api
from pileus.services.compute.api.absent import ABSENT
from pileus.services.compute.api.dialect import ComputeDialect
from pileus.services.compute.api.metadata import Metadata, MetadataDialect
from pileus.services.compute.api.versions import VERSIONS
from pileus.services.compute.core import flavors
from pileus.services.compute.core.hosts import HOSTS_CHANGED
from pileus.services.compute.core.neighbours import ComputeSettings, Neighbours
from pileus.services.compute.core.quota import quotas
from pileus.services.compute.internal import Internal
from pileus.services.compute.reconcilers.guests import Guests
from pileus.services.compute.reconcilers.hosts import Hosts
from pileus.services.compute.sagas.attach_interface import attach_interface
from pileus.services.compute.sagas.change_power import change_power
from pileus.services.compute.sagas.create_server import create_server
from pileus.services.compute.sagas.delete_server import delete_server
from pileus.services.compute.sagas.detach_interface import detach_interface

SECTION = ("compute", ComputeSettings)
PORT = 8774
_NOUNS = (
    flavors_api, keypairs_api, servers_api, belongings_api, network_api, actions_api, quotas_api, services_api, hypervisors_api, zones_api,
    extensions_api, interfaces_api, power_api, aggregates_api, groups_api,
)  # fmt: skip
RULES = [rule for noun in _NOUNS for rule in noun.RULES]
CATALOG = [CatalogService(type="compute", name="nova", url="{base}/v2.1", description="Compute")]
SAGAS = (create_server, delete_server, change_power, attach_interface, detach_interface)


def build(
    *,
    db: Database,
    settings: Settings,
    nodes: Nodes,
    identity: Identity,
    placement: Placement,
    image: Image,
    network: Network,
    metadata_secret: str,
    authenticate: Authenticate | None = None,
    policy_overrides: Mapping[str, Any] | None = None,
    **_: object,
) -> Service:
    section = settings.of(ComputeSettings)
    near = Neighbours(section, db, nodes, identity, placement, image, network, quotas(section))
    policy = Policy(RULES, policy_overrides)
    hosts = Hosts(near)

    async def start() -> None:
        if section.default_flavors:
            await db.write(flavors.seed)
        await hosts.work()

    return Service(
        name="compute",
        face=Face("compute", ComputeDialect(), policy, db, _items(near), authenticate),
        faces={
            "metadata": Face(
                "metadata", MetadataDialect(), Policy([]), db, Metadata(near, metadata_secret).operations()
            )
        },
        internal=Internal(hosts.enlist),
        sagas=[(saga, near) for saga in SAGAS],
        reconcilers=[
            Reconciler("compute.hosts", hosts.work, every=MINUTE, wake=(HOSTS_CHANGED,)),
            Reconciler("compute.guests", Guests(near).work, every=10 * SECOND),
        ],
        start=start,
    )


def _items(near: Neighbours) -> list[Resource[Any] | Operation]:
    return [
        *VERSIONS,
        flavors_api.Flavors(near),
        servers_api.Servers(near),
        *keypairs_api.Keypairs(near).operations(),
        *quotas_api.Quotas(near).operations(),
        *services_api.Services(near).operations(),
        *hypervisors_api.Hypervisors(near).operations(),
        *zones_api.operations(near),
        *belongings_api.Belongings(near).operations(),
        *network_api.ServerNetwork(near).operations(),
        *actions_api.InstanceActions(near).operations(),
        *extensions_api.EXTENSIONS,
        *interfaces_api.ServerInterfaces(near).operations(),
        *power_api.operations(near),
        *aggregates_api.Aggregates(near).operations(),
        *groups_api.ServerGroups(near).operations(),
        *ABSENT,
    ]
