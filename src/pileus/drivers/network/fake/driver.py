"""The simulator: the states of a network driver without any effect. One instance is one host and keeps a reference to
each spec it was given, nothing more, so that ten thousand of them fit in one process."""

import asyncio
import random
from typing import TypeVar

from pileus.drivers.network.fake.settings import FakeNetworkSettings
from pileus.drivers.network.protocol import (
    Group,
    Network,
    NetworkError,
    NetworkInfo,
    NetworkSeen,
    Port,
    PortSeen,
    Router,
)

S = TypeVar("S", Network, Group, Port, Router)


class FakeNetwork:
    """`NetworkDriver` of one simulated host. It has no devices: a port is `active` when it is attached and up."""

    __slots__ = ("_groups", "_networks", "_ports", "_random", "_routers", "_settings")

    def __init__(self, settings: FakeNetworkSettings | None = None) -> None:
        self._settings = settings or FakeNetworkSettings()
        self._random = random.Random(self._settings.seed) if self._settings.failures else None  # noqa: S311
        self._networks: dict[str, Network] = {}
        self._groups: dict[str, Group] = {}
        self._ports: dict[str, Port] = {}
        self._routers: dict[str, Router] = {}

    async def info(self) -> NetworkInfo:
        return NetworkInfo(
            driver="fake",
            agents=(
                ("neutron-linuxbridge-agent", "Linux bridge agent"),
                ("neutron-dhcp-agent", "DHCP agent"),
                ("neutron-l3-agent", "L3 agent"),
                ("neutron-metadata-agent", "Metadata agent"),
            ),
            vif_type=self._settings.vif_type,
            tenant_types=("vxlan",),
            physical_networks=self._settings.physical,
            reason="simulated: nothing is connected",
        )

    async def ensure_network(self, network: Network) -> None:
        await self._turn("ensure_network")
        _keep(self._networks, network)

    async def remove_network(self, network_id: str) -> None:
        await self._turn("remove_network")
        self._networks.pop(network_id, None)

    async def ensure_group(self, group: Group) -> None:
        await self._turn("ensure_group")
        _keep(self._groups, group)

    async def remove_group(self, group_id: str) -> None:
        await self._turn("remove_group")
        self._groups.pop(group_id, None)

    async def ensure_port(self, port: Port) -> PortSeen:
        await self._turn("ensure_port")
        return _seen(_keep(self._ports, port))

    async def remove_port(self, port_id: str) -> None:
        await self._turn("remove_port")
        self._ports.pop(port_id, None)

    async def join(self, device: str) -> None:
        await self._turn("join")
        raise NetworkError(f"A simulated network has no device {device!r}")

    async def ensure_router(self, router: Router) -> None:
        await self._turn("ensure_router")
        _keep(self._routers, router)

    async def remove_router(self, router_id: str) -> None:
        await self._turn("remove_router")
        self._routers.pop(router_id, None)

    async def observe(self) -> NetworkSeen:
        await self._turn("observe")
        return NetworkSeen(
            networks=tuple((one.id, one.generation) for one in self._networks.values()),
            routers=tuple((one.id, one.generation) for one in self._routers.values()),
            groups=tuple((one.id, one.generation) for one in self._groups.values()),
            ports=tuple(map(_seen, self._ports.values())),
        )

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return

    async def purge(self) -> None:
        for specs in (self._networks, self._groups, self._ports, self._routers):
            specs.clear()

    async def _turn(self, call: str) -> None:
        if self._settings.latency:
            await asyncio.sleep(self._settings.latency)
        if self._random:
            chance = self._settings.failures.get(call, self._settings.failures.get("*", 0.0))
            if chance and self._random.random() < chance:
                raise NetworkError(f"Simulated failure of {call}")


def _keep(specs: dict[str, S], spec: S) -> S:
    """The newer of the known and the given one stands."""
    known = specs.get(spec.id)
    if known is None or known.generation <= spec.generation:
        specs[spec.id] = known = spec
    return known


def _seen(port: Port) -> PortSeen:
    state = "ready" if not port.attached else "active" if port.up else "down"
    return PortSeen(id=port.id, generation=port.generation, device="", state=state)  # type: ignore[arg-type]
