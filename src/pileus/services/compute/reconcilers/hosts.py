"""Hosts that the registry of nodes knows are in service, with the inventory that their hypervisors report."""

import asyncio
from dataclasses import dataclass

from pileus.drivers.hypervisor.protocol import Host, Hypervisor
from pileus.services.compute.core import hosts
from pileus.services.compute.core.neighbours import Neighbours

_AT_ONCE = 500


@dataclass
class Hosts:
    near: Neighbours

    async def work(self) -> None:
        names = self.near.nodes.hosts(Hypervisor)
        for i in range(0, len(names), _AT_ONCE):
            await self.enlist(names[i : i + _AT_ONCE])

    async def enlist(self, names: list[str]) -> None:
        """Ask these hosts what they are and write it down; one that does not answer is left as it was."""
        found = await asyncio.gather(*(self.near.nodes.on(n, Hypervisor).info() for n in names), return_exceptions=True)
        seen = {name: host for name, host in zip(names, found, strict=True) if isinstance(host, Host)}
        if seen:
            await self.near.db.write(hosts.enlist, self.near, seen)
