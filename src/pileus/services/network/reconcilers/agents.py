"""Heartbeats: drivers describe themselves; those that answer are alive."""

import asyncio
import logging

from pileus.drivers.network.protocol import NetworkDriver, NetworkError, NetworkInfo
from pileus.kernel.db import Database
from pileus.kernel.nodes import Nodes
from pileus.kernel.types import Unavailable
from pileus.services.network.core import agents
from pileus.services.network.core.neighbours import Near

log = logging.getLogger("pileus.network")
_AT_ONCE = 64
_PATIENCE_SECONDS = 10


class Pulse:
    def __init__(self, db: Database, nodes: Nodes, near: Near) -> None:
        self.db, self.nodes, self.near = db, nodes, near

    async def work(self) -> None:
        """Ask every host's driver for what it is, some at a time."""
        gate = asyncio.Semaphore(_AT_ONCE)
        names = self.nodes.hosts(NetworkDriver)
        told = dict(zip(names, await asyncio.gather(*(self._ask(gate, n) for n in names)), strict=True))
        alive = {name: info for name, info in told.items() if info is not None}
        self.near.hosts.known.update(alive)
        for name in set(self.near.hosts.known) - set(names):
            del self.near.hosts.known[name]
        if alive:
            await self.db.write(agents.heard, self.near, alive)

    async def _ask(self, gate: asyncio.Semaphore, name: str) -> NetworkInfo | None:
        async with gate:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    return await self.nodes.on(name, NetworkDriver).info()
            except (NetworkError, Unavailable, OSError, TimeoutError) as error:
                log.warning("host %s does not describe itself: %s", name, error)
                return None
