"""Hosts that the registry of nodes knows are in service, with the inventory that their hypervisors report."""

import asyncio
from dataclasses import dataclass

from pileus.drivers.hypervisor.protocol import Host, Hypervisor
from pileus.services.compute.core import hosts
from pileus.services.compute.core.neighbours import Neighbours
from pileus.services.compute.core.scheduling import CLOSED

_AT_ONCE = 500


@dataclass
class Hosts:
    near: Neighbours

    async def work(self) -> None:
        await self.enlist(self.near.nodes.hosts(Hypervisor))
        if any(await self.near.db.read_aside(hosts.turned, self.near, CLOSED)):
            await self.near.db.write(hosts.turn, self.near, CLOSED)

    async def enlist(self, names: list[str]) -> None:
        """Ask these hosts what they are and write down what is new; one that does not answer is left as it was."""
        seen: dict[str, Host] = {}
        for i in range(0, len(names), _AT_ONCE):
            some = names[i : i + _AT_ONCE]
            found = await asyncio.gather(
                *(self.near.nodes.on(n, Hypervisor).info() for n in some), return_exceptions=True
            )
            told = {name: host for name, host in zip(some, found, strict=True) if isinstance(host, Host)}
            news = await self.near.db.read_aside(hosts.news, told)
            seen |= {name: told[name] for name in news}
        if seen:
            await self.near.db.write(hosts.enlist, self.near, seen)
