"""All that the decisions of network know beside the rows."""

from dataclasses import dataclass, field

from pileus.drivers.network.protocol import NetworkInfo
from pileus.kernel.policy import Policy
from pileus.kernel.quota import Quotas
from pileus.services.network.core.settings import NetworkSettings


class Hosts:
    """The drivers as they last described themselves, in memory: filled at start and kept fresh by a reconciler."""

    def __init__(self) -> None:
        self.known: dict[str, NetworkInfo] = {}

    def physical_networks(self) -> set[str]:
        return {name for info in self.known.values() for name in info.physical_networks}

    def tenant_types(self) -> set[str]:
        return {name for info in self.known.values() for name in info.tenant_types}

    def overhead(self) -> int:
        """Bytes that a tenant network loses to its tunnel, at most."""
        return max((info.overlay_overhead for info in self.known.values()), default=50)

    def vif_type(self, host: str) -> str:
        info = self.known.get(host)
        return "binding_failed" if info is None else info.vif_type


@dataclass(frozen=True, eq=False)
class Near:
    """Neighbours and settings of network's decisions. `gateway_host` carries routers and DHCP."""

    settings: NetworkSettings
    policy: Policy
    quotas: Quotas
    gateway_host: str
    hosts: Hosts = field(default_factory=Hosts)
