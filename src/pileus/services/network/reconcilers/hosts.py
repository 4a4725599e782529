"""Hosts: their drivers are told what to make true, and nothing is told twice.

For each host it is remembered which generation of what stands; a spec is told only when the rows have gone on. What
something stands upon (a port's network and groups, a router's networks) is told before it, and never while a lock is held.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pileus.drivers.network.protocol import (
    Group,
    Network,
    NetworkDriver,
    NetworkError,
    NetworkSeen,
    Port,
    PortSeen,
    Router,
)
from pileus.kernel.db import Database
from pileus.kernel.nodes import Nodes
from pileus.kernel.types import SECOND, Unavailable, clock
from pileus.services.network.core import specs, statuses
from pileus.services.network.core.neighbours import Near
from pileus.services.network.core.specs import Thing

log = logging.getLogger("pileus.network")
KINDS = ("network", "group", "port", "router")
"""In the order in which they are made; they are removed in the opposite one."""
_AT_ONCE = 64
_MOMENT = SECOND // 2
REFUSALS = (NetworkError, Unavailable, OSError)
"""What a host may answer that concerns it alone."""
Spec = Network | Group | Port | Router


class Standing:
    """Which generation of what stands on which host, as far as is known."""

    def __init__(self) -> None:
        self._by_host: dict[str, dict[str, dict[str, int]]] = {}
        self._holders: dict[tuple[str, str], set[str]] = {}

    def on(self, host: str, kind: str) -> Mapping[str, int]:
        found = self._by_host.get(host)
        return found[kind] if found is not None else {}

    def holders(self, kind: str, id: str) -> frozenset[str]:
        return frozenset(self._holders.get((kind, id), ()))

    def set(self, host: str, kind: str, id: str, generation: int) -> None:
        self._by_host.setdefault(host, {k: {} for k in KINDS})[kind][id] = generation
        self._holders.setdefault((kind, id), set()).add(host)

    def drop(self, host: str, kind: str, id: str) -> None:
        if id not in self.on(host, kind):
            return
        del self._by_host[host][kind][id]
        holders = self._holders[kind, id]
        holders.discard(host)
        if not holders:
            del self._holders[kind, id]

    def replace(self, host: str, seen: NetworkSeen) -> None:
        """What the host itself says."""
        told: dict[str, dict[str, int]] = {
            "network": dict(seen.networks),
            "group": dict(seen.groups),
            "port": {p.id: p.generation for p in seen.ports},
            "router": dict(seen.routers),
        }
        for kind in KINDS:
            for id in [i for i in self.on(host, kind) if i not in told[kind]]:
                self.drop(host, kind, id)
            for id, generation in told[kind].items():
                self.set(host, kind, id, generation)


class Carrier:
    """Tells hosts what to carry. Implements `core.effects.Effects`."""

    def __init__(self, db: Database, nodes: Nodes, near: Near) -> None:
        self.db, self.nodes, self.near = db, nodes, near
        self.standing = Standing()
        self._locks: dict[tuple[str, str, str], asyncio.Lock] = {}
        self._recent: dict[tuple[str, str, bool], tuple[int, Spec | None]] = {}

    def lock(self, host: str, kind: str, id: str) -> asyncio.Lock:
        return self._locks.setdefault((host, kind, id), asyncio.Lock())

    def driver(self, name: str) -> NetworkDriver:
        return self.nodes.on(name, NetworkDriver)

    # --- ports of servers -----------------------------------------------------------------------------------------

    async def carry(self, host: str, port_id: str, attached: bool) -> PortSeen | None:
        """Make a port stand on its host with its network and groups. None: it lives there no more.

        Only what is not there at all is waited for: newer generations and leases are the reconciler's, some moments later.
        """
        spec = await self.db.read(specs.port, port_id, attached)
        if spec is None:
            return None
        await self._found(host, spec)
        async with self.lock(host, "port", port_id):
            seen = await self.driver(host).ensure_port(spec)
            self.standing.set(host, "port", port_id, spec.generation)
        return seen

    async def drop(self, host: str, port_id: str) -> None:
        async with self.lock(host, "port", port_id):
            await self.driver(host).remove_port(port_id)
            self.standing.drop(host, "port", port_id)
        self._locks.pop((host, "port", port_id), None)

    # --- one thing ------------------------------------------------------------------------------------------------

    async def spread(self, kind: str, id: str) -> dict[str, BaseException]:
        """The same on every host that it concerns. Returns what went wrong, by host."""
        thing = await self.db.read_aside(specs.thing, self.near, kind, id)
        names = [n for n in sorted(thing.hosts | self.standing.holders(kind, id)) if self._behind(n, thing)]
        told: dict[bool, Spec | None] = {}
        if thing.generation is not None:
            for variant in {n == self.near.gateway_host for n in names}:
                told[variant] = await self.db.read_aside(specs.spec, self.near, kind, id, variant)
        gate = asyncio.Semaphore(_AT_ONCE)
        wrong: dict[str, BaseException] = {}

        async def one(name: str) -> None:
            async with gate:
                try:
                    await self._tell(name, thing, told)
                except REFUSALS as error:
                    wrong[name] = error

        await asyncio.gather(*(one(n) for n in names))
        return wrong

    def _behind(self, name: str, thing: Thing) -> bool:
        there = self.standing.on(name, thing.kind).get(thing.id)
        wanted = thing.generation if name in thing.hosts else None
        return there is not None if wanted is None else there is None or there < wanted

    async def _need(self, host: str, kind: str, id: str) -> None:
        """Whatever stands upon it says that it belongs here; one that was read a moment ago will do."""
        if id in self.standing.on(host, kind):
            return
        variant = host == self.near.gateway_host
        at, spec = self._recent.get((kind, id, variant), (0, None))
        if clock() - at > _MOMENT:
            spec = await self.db.read_aside(specs.spec, self.near, kind, id, variant)
            self._recent = {k: v for k, v in self._recent.items() if clock() - v[0] <= _MOMENT}
            self._recent[kind, id, variant] = (clock(), spec)
        await self._tell(host, Thing(kind, id, 0, frozenset((host,))), {variant: spec})

    async def _tell(self, name: str, thing: Thing, told: dict[bool, Spec | None]) -> None:
        spec: Spec | None = None
        if thing.generation is not None and name in thing.hosts:
            spec = await self._spec(name, thing, told)
        if spec is not None:
            await self._found(name, spec)
        async with self.lock(name, thing.kind, thing.id):
            there = self.standing.on(name, thing.kind).get(thing.id)
            if spec is None:
                if there is not None:
                    await self._remove(name, thing)
                    self.standing.drop(name, thing.kind, thing.id)
            elif there is None or there < spec.generation:
                await self._ensure(name, spec)
                self.standing.set(name, thing.kind, thing.id, spec.generation)
        if spec is None:
            self._locks.pop((name, thing.kind, thing.id), None)

    async def _spec(self, name: str, thing: Thing, told: dict[bool, Spec | None]) -> Spec | None:
        """One reading serves all hosts; the gateway host's network has leases that the others need not know."""
        variant = name == self.near.gateway_host
        if variant not in told:
            told[variant] = await self.db.read_aside(specs.spec, self.near, thing.kind, thing.id, variant)
        return told[variant]

    async def _found(self, name: str, spec: Spec) -> None:
        """What this stands upon is there."""
        if isinstance(spec, Port):
            await self._need(name, "network", spec.network_id)
            for group_id in spec.groups:
                await self._need(name, "group", group_id)
        elif isinstance(spec, Router):
            for network_id in specs.networks_of(spec):
                await self._need(name, "network", network_id)
        elif isinstance(spec, Group):
            for group_id in {r.group_id for r in spec.rules if r.group_id} - {spec.id}:
                if group_id not in self.standing.on(name, "group"):
                    await self._remote(name, group_id)

    async def _remote(self, name: str, group_id: str) -> None:
        """A group that rules speak of: its members must be known; what its own rules speak of need not."""
        spec = await self.db.read_aside(specs.group, group_id)
        if spec is not None:
            async with self.lock(name, "group", group_id):
                await self.driver(name).ensure_group(spec)
                self.standing.set(name, "group", group_id, spec.generation)

    async def _ensure(self, name: str, spec: Spec) -> None:
        """Tell the driver, and write down what stands for it."""
        driver = self.driver(name)
        if isinstance(spec, Network):
            await driver.ensure_network(spec)
            if spec.dhcp_port_id:
                await self.db.write(statuses.dhcp_stands, spec.dhcp_port_id)
        elif isinstance(spec, Group):
            await driver.ensure_group(spec)
        elif isinstance(spec, Port):
            seen = await driver.ensure_port(spec)
            status = "ACTIVE" if seen.state == "active" and spec.up else "DOWN"
            await self.db.write(statuses.ports_seen, {spec.id: status})
        else:
            await driver.ensure_router(spec)
            await self.db.write(statuses.router_stands, spec.id)

    async def _remove(self, name: str, thing: Thing) -> None:
        driver = self.driver(name)
        remove: dict[str, Callable[[str], Awaitable[Any]]] = {
            "network": driver.remove_network,
            "group": driver.remove_group,
            "port": driver.remove_port,
            "router": driver.remove_router,
        }
        await remove[thing.kind](thing.id)

    # --- a whole host ---------------------------------------------------------------------------------------------

    async def settle(self, name: str) -> None:
        """Compare all that stands on a host with all that should, and make good the difference."""
        seen = await self.driver(name).observe()
        self.standing.replace(name, seen)
        read = self.db.read_aside if name == self.near.gateway_host else self.db.read
        wanted = await read(specs.on_host, self.near, name)
        for kind in KINDS:
            there = self.standing.on(name, kind)
            for id in [i for i, generation in wanted[kind].items() if there.get(i, -1) < generation]:
                await self._safely(name, Thing(kind, id, wanted[kind][id], frozenset((name,))))
        for kind in reversed(KINDS):
            for id in [i for i in self.standing.on(name, kind) if i not in wanted[kind]]:
                await self._safely(name, Thing(kind, id, None, frozenset()))
        if wanted["port"]:
            await self._write_states(name)

    async def _write_states(self, name: str) -> None:
        seen = await self.driver(name).observe()
        states = {p.id: "ACTIVE" if p.state == "active" else "DOWN" for p in seen.ports}
        if states:
            await self.db.write(statuses.ports_seen, states)

    async def _safely(self, name: str, thing: Thing) -> None:
        """One thing that fails must not keep the others from standing."""
        try:
            await self._tell(name, thing, {})
        except NetworkError as error:
            log.error("%s: %s %s: %s", name, thing.kind, thing.id, error)
