"""Hosts: their drivers are told what to make true, and nothing is told twice.

For each host it is remembered which generation of what stands; a spec is told again only when the rows have gone on.
Every thing that waits for the same spec waits for one telling of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pileus.drivers.network.protocol import NetworkDriver, NetworkError, PortSeen
from pileus.kernel.db import Database
from pileus.kernel.nodes import Nodes
from pileus.services.network.core import specs, statuses
from pileus.services.network.core.neighbours import Near

log = logging.getLogger("pileus.network")
KINDS = ("network", "group", "port", "router")
"""In the order in which they are made; they are removed in the opposite one."""


class Host:
    """What one host's driver is known to hold."""

    def __init__(self) -> None:
        self.standing: dict[str, dict[str, int]] = {kind: {} for kind in KINDS}
        self.known = False
        """Whether `standing` has been read from the driver."""
        self.locks: dict[tuple[str, str], asyncio.Lock] = {}

    def lock(self, kind: str, id: str) -> asyncio.Lock:
        return self.locks.setdefault((kind, id), asyncio.Lock())


class Carrier:
    """Tells hosts what to carry. Implements `core.effects.Effects`."""

    def __init__(self, db: Database, nodes: Nodes, near: Near) -> None:
        self.db, self.nodes, self.near = db, nodes, near
        self.hosts: dict[str, Host] = {}
        self._seen: dict[tuple[str, str], PortSeen] = {}

    def host(self, name: str) -> Host:
        return self.hosts.setdefault(name, Host())

    def driver(self, name: str) -> NetworkDriver:
        return self.nodes.on(name, NetworkDriver)

    # --- ports of servers -----------------------------------------------------------------------------------------

    async def carry(self, host: str, port_id: str, attached: bool) -> PortSeen | None:
        """Make a port stand on its host with its network and groups. None: it lives there no more."""
        spec = await self.db.read(specs.port, port_id, attached)
        if spec is None:
            return None
        await self.bring(host, "network", spec.network_id)
        if host != self.near.gateway_host and self.near.gateway_host in self.nodes.hosts(NetworkDriver):
            await self.bring(self.near.gateway_host, "network", spec.network_id)
        for group_id in spec.groups:
            await self.bring(host, "group", group_id)
        async with self.host(host).lock("port", port_id):
            seen = await self.driver(host).ensure_port(spec)
            self.host(host).standing["port"][port_id] = spec.generation
        return seen

    async def drop(self, host: str, port_id: str) -> None:
        async with self.host(host).lock("port", port_id):
            await self.driver(host).remove_port(port_id)
            self.host(host).standing["port"].pop(port_id, None)

    # --- one thing on one host ------------------------------------------------------------------------------------

    async def bring(self, host: str, kind: str, id: str) -> bool:
        """Make it stand as the rows say, or be gone if they know it no more. True when the host was told something."""
        async with self.host(host).lock(kind, id):
            return await self._tell(host, kind, id)

    async def _tell(self, host: str, kind: str, id: str) -> bool:
        there = self.host(host).standing[kind]
        wanted = await self.db.read(specs.generation, self.near, kind, id, host)
        if wanted is None:
            if id not in there:
                return False
            await self._remove(host, kind, id)
            there.pop(id, None)
            self.host(host).locks.pop((kind, id), None)
            return True
        if there.get(id, -1) >= wanted:
            return False
        tell: dict[str, Callable[[str, str], Awaitable[int | None]]] = {
            "network": self._network,
            "group": self._group,
            "port": self._port,
            "router": self._router,
        }
        told = await tell[kind](host, id)
        if told is not None:
            there[id] = told
        return told is not None

    def _stands(self, host: str, kind: str, id: str, generation: int) -> bool:
        return self.host(host).standing[kind].get(id, -1) >= generation

    async def _network(self, host: str, id: str) -> int | None:
        spec = await self.db.read_aside(specs.network, self.near, id, host)
        if spec is None:
            return None
        await self.driver(host).ensure_network(spec)
        if spec.dhcp_port_id:
            await self.db.write(statuses.dhcp_stands, spec.dhcp_port_id)
        return spec.generation

    async def _group(self, host: str, id: str) -> int | None:
        spec = await self.db.read_aside(specs.group, id)
        if spec is None:
            return None
        for other in {r.group_id for r in spec.rules if r.group_id and r.group_id != id}:
            await self._remote(host, other)
        await self.driver(host).ensure_group(spec)
        return spec.generation

    async def _remote(self, host: str, id: str) -> None:
        """A group that another one's rules speak of: its members must be known, its own rules' remotes need not."""
        spec = await self.db.read(specs.group, id)
        if spec is not None and not self._stands(host, "group", id, spec.generation):
            await self.driver(host).ensure_group(spec)
            self.host(host).standing["group"][id] = spec.generation

    async def _port(self, host: str, id: str) -> int | None:
        spec = await self.db.read(specs.port, id)
        if spec is None:
            return None
        await self.bring(host, "network", spec.network_id)
        for group_id in spec.groups:
            await self.bring(host, "group", group_id)
        seen = await self.driver(host).ensure_port(spec)
        await self.db.write(statuses.ports_seen, {id: "ACTIVE" if seen.state == "active" and spec.up else "DOWN"})
        return spec.generation

    async def _router(self, host: str, id: str) -> int | None:
        spec = await self.db.read(specs.router, id)
        if spec is None:
            return None
        for network_id in specs.networks_of(spec):
            await self.bring(host, "network", network_id)
        await self.driver(host).ensure_router(spec)
        await self.db.write(statuses.router_stands, id)
        return spec.generation

    async def _remove(self, host: str, kind: str, id: str) -> None:
        driver = self.driver(host)
        remove: dict[str, Callable[[str], Awaitable[None]]] = {
            "network": driver.remove_network,
            "group": driver.remove_group,
            "port": driver.remove_port,
            "router": driver.remove_router,
        }
        await remove[kind](id)

    # --- a whole host ---------------------------------------------------------------------------------------------

    async def settle(self, name: str) -> None:
        """Compare all that stands on a host with all that should, and make good the difference."""
        seen = await self.driver(name).observe()
        host = self.host(name)
        host.standing = {
            "network": dict(seen.networks),
            "group": dict(seen.groups),
            "port": {p.id: p.generation for p in seen.ports},
            "router": dict(seen.routers),
        }
        host.known = True
        wanted = await self.db.read_aside(specs.on_host, self.near, name)
        for kind in KINDS:
            for id, generation in wanted[kind].items():
                if not self._stands(name, kind, id, generation):
                    await self._safely(name, kind, id)
        for kind in reversed(KINDS):
            for id in [i for i in host.standing[kind] if i not in wanted[kind]]:
                await self._safely(name, kind, id)
        await self._write_states(name)

    async def _write_states(self, name: str) -> None:
        seen = await self.driver(name).observe()
        states = {p.id: "ACTIVE" if p.state == "active" else "DOWN" for p in seen.ports}
        if states:
            await self.db.write(statuses.ports_seen, states)

    async def _safely(self, name: str, kind: str, id: str) -> None:
        """One thing that fails must not keep the others from standing."""
        try:
            await self.bring(name, kind, id)
        except NetworkError as error:
            log.error("%s: %s %s: %s", name, kind, id, error)

    def affected(self, kind: str, id: str) -> Awaitable[set[str]]:
        """Hosts that must look at it: those where it should stand and those where it does."""
        return self.db.read(specs.hosts_of, self.near, kind, id)

    def holding(self, kind: str, id: str) -> set[str]:
        return {name for name, host in self.hosts.items() if id in host.standing[kind]}
